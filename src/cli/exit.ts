import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a reader, a disk or a name server that hangs may hold the end of a program. */
export const EXIT_PATIENCE_MS = 1_000;

/**
 * Requests that the thread pool may never finish: a disk that hangs, a named pipe that nobody opens
 * at the other end, a name server that is away. `exit()` joins the pool's threads and so waits for
 * them.
 */
const POOLED = /^(FSReq|GetAddrInfo|GetNameInfo)/;

const POLL_MS = 5;

/**
 * Ends the process with a code, after waiting up to `EXIT_PATIENCE_MS` for the thread pool. If
 * something hangs in the pool, `exit()` would hang too; the process then kills itself: by SIGTERM
 * in place of code 0, else by SIGKILL, so that a supervisor can tell success from failure.
 */
export async function exitProcess(code: number): Promise<never> {
  const end = performance.now() + EXIT_PATIENCE_MS;
  while (poolHangs() && performance.now() < end) await delay(POLL_MS);
  // Registered last, so that it runs after every other exit listener.
  if (poolHangs()) process.once('exit', () => dieBySignal(code === 0 ? 'SIGTERM' : 'SIGKILL'));
  process.exit(code);
}

function poolHangs(): boolean {
  return process.getActiveResourcesInfo().some((type) => POOLED.test(type));
}

function dieBySignal(signal: 'SIGTERM' | 'SIGKILL'): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // SIGTERM may have been ignored since before our start.
  process.kill(process.pid, 'SIGKILL');
}

/**
 * Waits until a command's output is with its reader, however slow: bytes of a peer's stream would
 * be missing otherwise. A signal that stops is waited for a moment only.
 * @param stop - aborted by such a signal, also before
 * @returns whether all was taken, or nobody is there any more to take it
 */
export function outputTaken(output: Writable, stop?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (output.writableLength === 0 || output.destroyed) return resolve(true);
    output.write('', () => resolve(true));
    output.once('close', () => resolve(true));
    const onStop = () => setTimeout(() => resolve(false), EXIT_PATIENCE_MS);
    if (stop?.aborted) onStop();
    else stop?.addEventListener('abort', onStop, { once: true });
  });
}
