import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';

/**
 * Waits until a condition is true.
 * @param what - the condition, for the error
 * @throws if it is not true after about 10 s
 */
export async function until(what: string, happened: () => boolean): Promise<void> {
  for (let tries = 0; !happened(); tries += 1) {
    if (tries === 5_000) throw new Error(`did not happen: ${what}`);
    await delay(2);
  }
}

/** Returns the error that a promise rejects with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('expected a rejection');
}

/**
 * Waits until what was sent on loopback has been read: one turn of the event loop sends it, the
 * kernel delivers it at once, and the next turn reads it.
 */
export async function delivered(): Promise<void> {
  for (let turns = 0; turns < 3; turns += 1) await turn();
}
