import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Logger } from 'pino';
import { EXIT, SIGNAL_EXIT } from './exit-codes.js';

/**
 * A command that is still running this long after a stop signal is ended with code 1, in ms. A
 * server whose close hangs ends before that (`SERVER_STOP_MS`).
 */
export const STOP_MS_MAX = 10_000;

/** The signal handlers of a running command. */
export interface SignalTrap {
  /** Aborted by the first stop signal; the reason is the signal's name. */
  readonly stop: AbortSignal;
  /** Allows the command this much longer to stop; to be called before the first stop signal. */
  allow(ms: number): void;
  /** Removes the handlers and the timer. */
  release(): void;
}

/** What a command does at SIGHUP: a callback reloads. */
export type HangUp = 'stop' | 'ignore' | (() => void);

/** Stop signals. SIGQUIT is one because its default action dumps core, which holds the secrets. */
const STOPPING = ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const;

/**
 * Signals that are logged and ignored. Other servers reopen their logs on them, so operators may
 * send them by habit. By default, SIGUSR1 opens Node's debugger port and SIGUSR2 ends the process.
 */
const MEANINGLESS = ['SIGUSR1', 'SIGUSR2'] as const;

/**
 * The same signal again within this time, in milliseconds, does not count as a second request. A
 * terminal sends Ctrl-C to npm and to its child, and npm forwards it to the child once more.
 */
const ECHO_MS = 250;

/**
 * Installs the signal handlers of a command. The first stop signal aborts `stop`. A second one
 * calls `exit` with the signal's code at once. `exit` is called with 1 when `STOP_MS_MAX`, and what
 * `allow` adds, have passed since the first.
 * @param exit - ends the process with a code; passed in for tests
 * @param options.hangUp - what SIGHUP does
 */
export function trapSignals(
  exit: (code: number) => void,
  options: { readonly hangUp?: HangUp; readonly logger?: Logger } = {},
): SignalTrap {
  const { hangUp = 'stop', logger } = options;
  const controller = new AbortController();
  let stoppedAt = 0;
  let limitMs = STOP_MS_MAX;
  let overdue: NodeJS.Timeout | undefined;
  const onOverdue = () => {
    const text = `not stopped within ${limitMs} ms: leaving`;
    logger?.error({ event: 'stop-timeout' }, text);
    exit(EXIT.failed);
  };
  const onStop = (signal: NodeJS.Signals) => {
    if (!controller.signal.aborted) {
      stoppedAt = performance.now();
      overdue = setTimeout(onOverdue, limitMs).unref();
      controller.abort(signal);
    } else if (signal !== controller.signal.reason || performance.now() - stoppedAt > ECHO_MS) {
      exit(SIGNAL_EXIT[signal] ?? 1);
    }
  };
  const onHangUp = (signal: NodeJS.Signals) => {
    if (hangUp === 'stop') onStop(signal);
    else if (hangUp === 'ignore') logger?.info({ event: 'signal-ignored', signal }, IGNORED);
    else if (!controller.signal.aborted) hangUp();
  };
  const onMeaningless = (signal: NodeJS.Signals) =>
    logger?.info({ event: 'signal-ignored', signal }, `${signal} means nothing to this program`);
  const handlers: (readonly [NodeJS.Signals, typeof onStop])[] = [
    ...STOPPING.map((signal) => [signal, onStop] as const),
    ...MEANINGLESS.map((signal) => [signal, onMeaningless] as const),
    ['SIGHUP', onHangUp],
  ];
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return {
    stop: controller.signal,
    allow: (ms) => {
      limitMs += ms;
    },
    release: () => {
      clearTimeout(overdue);
      for (const [signal, handler] of handlers) process.off(signal, handler);
    },
  };
}

const IGNORED =
  'SIGHUP is ignored, as whoever started this process ignores it, or it has no terminal: ' +
  'it ends nothing and reloads nothing';

/** Commands that SIGHUP reloads. */
const SERVERS = ['directory', 'relay', 'turn'];

/**
 * Ignores signals that would end the process, or open a debugger port, while the program loads:
 * SIGUSR1 and SIGUSR2, and for a server SIGHUP. `trapSignals` adds the command's handlers later.
 * @param command - the first word of the command line
 */
export function holdSignals(command: string | undefined): void {
  for (const signal of MEANINGLESS) process.on(signal, () => {});
  if (SERVERS.includes(command ?? '')) process.on('SIGHUP', () => {});
}

/**
 * Returns whether this process or its parent ignores a signal, as after `nohup` or `trap '' HUP`.
 * Node resets inherited dispositions before any JavaScript runs, so the parent's are read too.
 */
export function inheritedIgnore(signal: keyof typeof constants.signals): boolean {
  const mask = 1n << BigInt((constants.signals[signal] ?? 1) - 1);
  return ['self', String(process.ppid)].some((pid) => (ignoredBy(pid) & mask) !== 0n);
}

function ignoredBy(pid: string): bigint {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return BigInt(`0x${/^SigIgn:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  } catch {
    return 0n;
  }
}

/**
 * Awaits a promise until the signal is aborted.
 * @throws what the promise rejects with; the signal's reason once it is aborted
 */
export async function untilStopped<T>(stop: AbortSignal, promise: Promise<T>): Promise<T> {
  const stopped = aborted(stop).then(() => {
    throw stop.reason;
  });
  promise.catch(() => {});
  return Promise.race([promise, stopped]);
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
