import { fileURLToPath } from 'node:url';
import { Evidence, failureFolder } from './evidence.js';
import type { TestLab } from './test-lab.js';

/** Where failures are kept, each in a folder of its own. */
const FAILURES = fileURLToPath(new URL('../../build/failures', import.meta.url));

/** How long before a test's time is up the state is kept: later the runner kills the process. */
const BEFORE_TIMEOUT_MS = 8_000;

/** What of a tap test is used. */
export interface KeptTest {
  passing(): boolean;
  comment(text: string): void;
  teardown(action: () => Promise<unknown>): void;
}

/** When the file's time is up, by performance.now(); tap's own timeout where none was set. */
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
 * Closes the lab when the test ends. Where the test fails, what is kept is what
 * `keepOnFailure` keeps.
 * @param t - the test that uses the lab
 * @param parent - holds the folders of all failures
 */
export function closeAfter(t: KeptTest, lab: TestLab, parent = FAILURES): void {
  t.teardown(() => lab.close(0));
  keepOnFailure(t, lab.evidence, parent);
}

/**
 * Where the test has failed, or is about to run out of time, what programs said and the state of
 * networks are kept in a folder that a comment names; the comments also hold the last lines of each
 * program. Teardowns run from the last to the first, so those added later run before that.
 * @param t - the test that the evidence is of
 * @param parent - holds the folders of all failures
 */
export function keepOnFailure(t: KeptTest, evidence: Evidence, parent = FAILURES): void {
  let kept: Promise<void> | undefined;
  const keep = async (why: string) => {
    const folder = failureFolder(parent);
    const lines = await evidence.write(folder);
    for (const line of [`${why}: what everything said is in ${folder}`, ...lines]) t.comment(line);
  };
  const timer = setTimeout(
    () => {
      kept = keep('the time is nearly up');
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
 * Evidence of a test without a lab, kept as `keepOnFailure` does: of the network that the test is
 * in, and of the programs and logs that the test adds.
 * @param t - the test that the evidence is of
 */
export function evidenceOf(t: KeptTest): Evidence {
  const evidence = new Evidence();
  evidence.watchHere();
  keepOnFailure(t, evidence);
  return evidence;
}
