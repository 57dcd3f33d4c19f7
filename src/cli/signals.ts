import { SIGNAL_EXIT } from './exit-codes.js';

/** Signals caught for the length of a command. */
export interface SignalTrap {
  /** Aborted by the first SIGINT or SIGTERM; the reason is the signal's name. */
  readonly stop: AbortSignal;
  /** Gives the signals back. */
  release(): void;
}

/**
 * Turns the first SIGINT or SIGTERM into an orderly stop; the second ends the process at once,
 * for an operator whose orderly stop hangs. SIGHUP stops too: it is what a closed terminal sends.
 * @param exit - ends the process with a code; passed in for tests
 */
export function trapSignals(exit: (code: number) => void): SignalTrap {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) exit(SIGNAL_EXIT[signal] ?? 1);
    controller.abort(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    stop: controller.signal,
    release: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
