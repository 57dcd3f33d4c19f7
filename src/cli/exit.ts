import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

/** The process waits this long at its end for a hanging reader, disk or name server, in ms. */
export const EXIT_PATIENCE_MS = 1_000;

/**
 * Resource types of requests that run in libuv's thread pool. Such a request may never finish, for
 * example on a hanging disk, a named pipe without a writer, or a name server that is down. `exit()`
 * joins the pool's threads, so it waits for these requests.
 */
const POOLED = /^(FSReq|GetAddrInfo|GetNameInfo)/;

const POLL_MS = 5;

/**
 * Ends the process with an exit code, after waiting up to `EXIT_PATIENCE_MS` for the thread pool.
 * If a request still hangs in the pool, `exit()` would hang too. The process then kills itself: by
 * SIGTERM in place of code 0, otherwise by SIGKILL. A supervisor can so tell success from failure.
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
  // The parent process may have set SIGTERM to be ignored; SIGKILL cannot be ignored.
  process.kill(process.pid, 'SIGKILL');
}

/**
 * Waits until the buffered output of a command is written, so that no bytes of a peer's stream are
 * lost. The wait has no limit until `stop` is aborted; after that it is `EXIT_PATIENCE_MS`.
 * @param stop - aborted by the first stop signal; may be aborted already
 * @returns true when all output is written or the stream is closed; false at the time limit
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
