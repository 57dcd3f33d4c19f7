import { SIGNAL_EXIT } from '../../src/cli/exit-codes.js';
import { inheritedIgnore } from '../../src/cli/signals.js';

/**
 * Cleans up at the first signal that ends a program, and then ends it with the signal's status.
 * @param close - cleans up; undefined if there is nothing yet
 */
export function closeOnSignals(close: () => Promise<void> | undefined): void {
  for (const [signal, code] of Object.entries(SIGNAL_EXIT)) {
    // As under nohup.
    if (signal === 'SIGHUP' && inheritedIgnore(signal)) continue;
    process.once(signal, () => {
      console.error(`${signal}: cleaning up`);
      const closed = close() ?? Promise.resolve();
      void closed.finally(() => process.exit(code));
    });
  }
}
