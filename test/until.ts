import { setTimeout as delay } from 'node:timers/promises';

/** Below the 60 s that a test file has, so that the error says what was awaited. */
const WAIT_MS_MAX = 50_000;
const POLL_MS_MAX = 50;

type Condition = () => boolean | Promise<boolean>;

/**
 * Polls until a condition holds: `until(condition)` or `until(what, condition)`.
 * @param given - `what`: the condition in words, for the error; default its source
 * @throws if it does not hold after 50 s, and what the condition throws
 */
export async function until(...given: [Condition] | [what: string, Condition]): Promise<void> {
  const holds = given.length === 1 ? given[0] : given[1];
  const since = performance.now();
  // Most conditions hold within milliseconds.
  for (let pollMs = 2; !(await holds()); pollMs = Math.min(pollMs + 1, POLL_MS_MAX)) {
    if (performance.now() - since > WAIT_MS_MAX) throw new Error(`did not happen: ${given[0]}`);
    await delay(pollMs);
  }
}
