import type { Running } from './types.js';

/** Takes how a step is undone. Told before the step, as a step may fail half-way. */
export type OnStop = (undo: () => Promise<unknown>) => void;

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
  const undos: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    const failures: string[] = [];
    for (const undo of undos.splice(0).reverse()) {
      await undo().catch((error: Error) => failures.push(error.message));
    }
    if (failures.length > 0) throw new Error(`it was not undone: ${failures.join('; ')}`);
  };
  try {
    return { ...(await start((undo) => undos.push(undo))), stop };
  } catch (cause) {
    const failure = await stop().then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (failure === undefined) throw cause;
    throw new Error(`${(cause as Error).message}; ${failure}`, { cause });
  }
}
