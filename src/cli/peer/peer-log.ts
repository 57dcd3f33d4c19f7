import type { Logger } from 'pino';
import { formatAddress } from '../../address.js';
import type { JoinProgress, Reconnecting } from '../../client/index.js';
import type { Link } from './peer-mode.js';

/** Logs a step towards a connection. */
export function logJoinProgress(logger: Logger, progress: JoinProgress): void {
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

/** Logs the path of an established connection. */
export function logConnected(logger: Logger, link: Link): void {
  const { connectionId, role, relay } = link;
  const peerRelay = formatAddress(link.peerRelay);
  const natAddress = formatAddress(link.natAddress);
  const peerNatAddress = formatAddress(link.peerNatAddress);
  const facts = { connectionId, role, relay: relay.id, region: relay.region };
  logger.info(
    { event: 'connected', ...facts, peerRelay, natAddress, peerNatAddress },
    `connected: this peer ${natAddress} -> relay ${relay.id} (${relay.region}) -> ` +
      `relay ${peerRelay} -> other peer ${peerNatAddress}`,
  );
}

/** Logs why a connection ended, and when the next attempt begins. */
export function logReconnecting(logger: Logger, { reason, attempt, waitMs }: Reconnecting): void {
  const why = { reason: reason.message, ...(reason.reason && { cause: reason.reason }) };
  logger.warn(
    { event: 'reconnecting', ...why, attempt, waitMs },
    `${reason.message}: connecting again`,
  );
}
