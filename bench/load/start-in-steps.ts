import { CleanUp, type OnEnd } from './clean-up.js';
import type { Running } from './types.js';

/** Registers the undo of a step. To be called before the step, because a step may fail half-way. */
export type OnStop = OnEnd;

/**
 * Starts a contestant step by step. The steps are undone in reverse order when it is stopped or
 * when one of them fails, because what stays would affect the contestants after it.
 * @param start - makes the steps; each undo must have no effect if its step was not made
 * @returns the running contestant
 * @throws Error of the step that failed, with those of undos that failed
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
