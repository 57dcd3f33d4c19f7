import { CleanUp, type OnEnd } from './clean-up.js';
import type { Running } from './types.js';

/** Takes how a step is undone. Told before the step, as a step may fail half-way. */
export type OnStop = OnEnd;

/**
 * Starts a contestant step by step. Its steps are undone, the last one first, when it is stopped,
 * and also when one of them fails: what stayed attached or kept running would be in the figures of
 * those who come after it.
 * @param start - makes the steps; each undo must do no harm where its step was never made
 * @throws Error that says which step failed, and which could not be undone
 */
export async function startInSteps(
  start: (onStop: OnStop) => Promise<Omit<Running, 'stop'>>,
): Promise<Running> {
  const cleanUp = new CleanUp();
  try {
    return { ...(await start(cleanUp.onEnd)), stop: () => cleanUp.run() };
  } catch (cause) {
    throw await cleanUp.after(cause);
  }
}
