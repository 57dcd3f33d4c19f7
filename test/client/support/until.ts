import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';

/**
 * Waits for something that happens by itself soon.
 * @throws when it has not happened in 10 s
 */
export async function until(what: string, happened: () => boolean): Promise<void> {
  for (let tries = 0; !happened(); tries += 1) {
    if (tries === 5_000) throw new Error(`did not happen: ${what}`);
    await delay(2);
  }
}

/** The error that a promise rejects with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('expected a rejection');
}

/**
 * Lets what was sent on loopback arrive: one turn of the event loop sends it, which the kernel does
 * at once, and the next reads it.
 */
export async function delivered(): Promise<void> {
  for (let turns = 0; turns < 3; turns += 1) await turn();
}
