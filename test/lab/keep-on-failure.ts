import { fileURLToPath } from 'node:url';
import { Evidence, failureFolder } from './evidence.js';
import type { TestLab } from './test-lab.js';

/** Parent of the folders of failures. */
const FAILURES = fileURLToPath(new URL('../../build/failures', import.meta.url));

/** Time before a test's timeout at which the state is kept, before the runner kills the process. */
const BEFORE_TIMEOUT_MS = 8_000;

/** The members of a tap test that are used. */
export interface KeptTest {
  passing(): boolean;
  comment(text: string): void;
  teardown(action: () => Promise<unknown>): void;
}

/** The timeout of the file on the clock of performance.now(); by default tap's own. */
let deadlineMs = 60_000;

/**
 * Sets the time that a test file may take.
 * @param t - tap's root test
 * @param timeoutMs - from now on
 */
export function setPatience(t: { setTimeout(timeoutMs: number): void }, timeoutMs: number): void {
  deadlineMs = performance.now() + timeoutMs;
  t.setTimeout(timeoutMs);
}

/**
 * Closes the lab when the test ends, and keeps its evidence with `keepOnFailure`.
 * @param t - the test that uses the lab
 * @param parent - parent of the folders of all failures
 */
export function closeAfter(t: KeptTest, lab: TestLab, parent = FAILURES): void {
  t.teardown(() => lab.close(0));
  keepOnFailure(t, lab.evidence, parent);
}

/**
 * Keeps the output of programs and the state of networks in a folder if the test fails or is about
 * to time out. Comments of the test name the folder and show the last lines of each program.
 * Teardowns run from the last to the first, so those added later run before this one.
 * @param t - the test that the evidence is of
 * @param parent - parent of the folders of all failures
 */
export function keepOnFailure(t: KeptTest, evidence: Evidence, parent = FAILURES): void {
  let kept: Promise<void> | undefined;
  const keep = async (why: string) => {
    const folder = failureFolder(parent);
    const lines = await evidence.write(folder);
    for (const line of [`${why}: the evidence is in ${folder}`, ...lines]) t.comment(line);
  };
  const timer = setTimeout(
    () => {
      kept = keep('about to time out');
    },
    Math.max(deadlineMs - performance.now() - BEFORE_TIMEOUT_MS, 0),
  );
  timer.unref();
  t.teardown(async () => {
    clearTimeout(timer);
    if (!t.passing()) kept ??= keep('failed');
    await kept;
  });
}

/**
 * Makes the evidence of a test without a lab, and keeps it with `keepOnFailure`. It has the state
 * of the test's network, and the programs and logs that the test adds.
 * @param t - the test that the evidence is of
 */
export function evidenceOf(t: KeptTest): Evidence {
  const evidence = new Evidence();
  evidence.watchHere();
  keepOnFailure(t, evidence);
  return evidence;
}
