import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Logger } from 'pino';
import { EXIT, SIGNAL_EXIT } from './exit-codes.js';

/** A command that has not ended this long after a signal is ended. */
export const STOP_MS_MAX = 10_000;

/** Signals caught for the length of a command. */
export interface SignalTrap {
  /** Aborted by the first signal that stops; the reason is the signal's name. */
  readonly stop: AbortSignal;
  /** Gives the signals back. */
  release(): void;
}

/** What a command does at SIGHUP: a callback reloads. */
export type HangUp = 'stop' | 'ignore' | (() => void);

/** SIGQUIT too, because its default action writes a core file, which holds the secrets. */
const STOPPING = ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const;

/**
 * Operators may send these by habit, because other servers reopen their logs at them. By default
 * Node opens a debugger's port at SIGUSR1 and ends at SIGUSR2.
 */
const MEANINGLESS = ['SIGUSR1', 'SIGUSR2'] as const;

/**
 * Ctrl-C in a terminal reaches npm and its child, and npm passes it on: the same signal within this
 * time is no second request, milliseconds.
 */
const ECHO_MS = 250;

/**
 * Turns the first signal that stops into an orderly stop; the second ends the process at once, for
 * an operator whose orderly stop hangs. So does time, where nobody sends a second.
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
  let overdue: NodeJS.Timeout | undefined;
  const onOverdue = () => {
    const text = `not stopped within ${STOP_MS_MAX} ms: leaving`;
    logger?.error({ event: 'stop-timeout' }, text);
    exit(EXIT.failed);
  };
  const onStop = (signal: NodeJS.Signals) => {
    if (!controller.signal.aborted) {
      stoppedAt = performance.now();
      overdue = setTimeout(onOverdue, STOP_MS_MAX).unref();
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
  const handlers: [NodeJS.Signals, (signal: NodeJS.Signals) => void][] = [
    ...STOPPING.map((signal): [NodeJS.Signals, typeof onStop] => [signal, onStop]),
    ...MEANINGLESS.map((signal): [NodeJS.Signals, typeof onStop] => [signal, onMeaningless]),
    ['SIGHUP', onHangUp],
  ];
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return {
    stop: controller.signal,
    release: () => {
      clearTimeout(overdue);
      for (const [signal, handler] of handlers) process.off(signal, handler);
    },
  };
}

const IGNORED =
  'SIGHUP is ignored, as whoever started this process ignores it, or it has no terminal: ' +
  'it ends nothing and reloads nothing';

/**
 * Ignores, while the program is being loaded, signals that would end the process or open a debugger
 * by mistake. `trapSignals` adds the command's own handlers later.
 * @param command - the first word of the command line
 */
export function holdSignals(command: string | undefined): void {
  for (const signal of MEANINGLESS) process.on(signal, () => {});
  if (command === 'relay' || command === 'directory') process.on('SIGHUP', () => {});
}

/**
 * Whether a signal is to stay ignored because whoever started this process ignores it, as `nohup`
 * and `trap '' HUP` do. Node resets inherited dispositions before any of our code runs, so those of
 * the parent are read too.
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

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
