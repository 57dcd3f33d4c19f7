import { fileURLToPath } from 'node:url';
import { failureFolder } from './evidence.js';
import type { TestLab } from './test-lab.js';

/** Where failures are kept, each in a folder of its own. */
const FAILURES = fileURLToPath(new URL('../../build/failures', import.meta.url));

/** How long before a test's time is up the state is kept: later the runner kills the process. */
const BEFORE_TIMEOUT_MS = 8_000;

/** What of a tap test is used. */
export interface KeptTest {
  passing(): boolean;
  comment(text: string): void;
  teardown(action: () => Promise<void>): void;
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
 * Closes the lab when the test ends. Where the test has failed, or is about to run out of time,
 * what the lab's programs said and the state of its networks are kept in a folder that a comment
 * names; the comments also hold the last lines of each program.
 * @param t - the test that uses the lab
 * @param parent - holds the folders of all failures
 */
export function closeAfter(t: KeptTest, lab: TestLab, parent = FAILURES): void {
  let kept: Promise<void> | undefined;
  const keep = async (why: string) => {
    const folder = failureFolder(parent);
    const lines = await lab.evidence.write(folder);
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
    await lab.close(0);
  });
}
