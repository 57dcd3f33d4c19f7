import { setImmediate as turn } from 'node:timers/promises';

export { until } from '../../until.js';

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
