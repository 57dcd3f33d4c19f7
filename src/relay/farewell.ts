import { setImmediate as nextTurn, setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { RegistrationClient } from './registration-client.js';
import type { RelayCore } from './relay-core.js';

/** Maximum time in which a closing relay notifies its peers and the other relays. */
export const FAREWELL_MS_MAX = 3_000;
/** Maximum time for which a closing relay waits for the other relays' responses. */
export const FAREWELL_ANSWERS_MS_MAX = 1_000;

/** Interval at which a closing relay checks for the other relays' responses, ms. */
const FAREWELL_POLL_MS = 10;

/**
 * Ends everything that a stopping relay has, legs first, and tells peers, the other relays and the
 * directory. Takes a few seconds at most, even if the directory is away.
 */
export async function sayFarewell(
  core: RelayCore,
  registration: Pick<RegistrationClient, 'stop'> | undefined,
  logger: Logger,
): Promise<void> {
  const { closes } = core.context;
  const silentAt = performance.now() + FAREWELL_MS_MAX;
  for (const left of core.overlay.closeAll()) {
    if (performance.now() > silentAt) {
      logger.warn({ left }, 'no time to tell the rest of the peers that the relay stops');
      break;
    }
    await nextTurn();
  }
  for (const _left of core.turn?.closeAll() ?? []) await nextTurn();
  const answered = performance.now() + FAREWELL_ANSWERS_MS_MAX;
  await registration?.stop();
  while (closes.pending > 0 && performance.now() < answered) await setTimeout(FAREWELL_POLL_MS);
}
