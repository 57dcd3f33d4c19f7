import type { Logger } from 'pino';
import { formatAddress } from '../../address.js';
import type { JoinProgress } from '../../client/index.js';

/** Logs what happens on the way to a connection. */
export function logProgress(logger: Logger, progress: JoinProgress): void {
  switch (progress.step) {
    case 'waiting':
      logger.info({ event: 'waiting' }, 'waiting for the other side');
      break;
    case 'retrying':
      logger.warn({ event: 'retrying', code: progress.error.code }, progress.error.message);
      break;
    case 'directory-answer': {
      const { relay, peerRelay } = progress.grant;
      logger.debug(
        { event: 'directory-answer', relay: relay.id, peerRelay: formatAddress(peerRelay) },
        `the directory gave relay ${relay.id} at ${formatAddress(relay)}`,
      );
      break;
    }
    case 'allocated':
      logger.debug(
        { event: 'allocated', natAddress: formatAddress(progress.mappedAddress) },
        `the relay sees this peer at ${formatAddress(progress.mappedAddress)}`,
      );
      break;
    default:
      logger.debug({ event: progress.step }, progress.step);
  }
}
