import type { Logger } from 'pino';
import { formatAddress, type TransportAddress } from '../../address.js';
import { type JoinProgress, Peer, Rendezvous } from '../../client/index.js';
import { TurnpikeError } from '../../errors.js';
import type { Link, LinkEvents } from './link.js';

export interface RoomLinksOptions {
  readonly directoryUrl: string;
  readonly apiKey: string;
  readonly room: string;
  readonly logger: Logger;
}

/**
 * Connections to whoever is in the same room. The place in the room is kept from one connection to
 * the next, so that the two sides find each other again at once.
 */
export class RoomLinks {
  readonly #options: RoomLinksOptions;
  #rendezvous: Rendezvous | undefined;

  constructor(options: RoomLinksOptions) {
    this.#options = options;
  }

  /**
   * Waits for the other side, for as long as it takes, and connects to it.
   * @throws TurnpikeError as `Rendezvous.open` and `Peer.meet` do
   */
  async open(events: LinkEvents, signal: AbortSignal): Promise<Link> {
    const { directoryUrl, apiKey, room, logger } = this.#options;
    this.#rendezvous ??= await Rendezvous.open({ directoryUrl, apiKey, room, signal });
    let peerNatAddress: TransportAddress | undefined;
    const onProgress = (progress: JoinProgress) => {
      logProgress(logger, progress);
      if (progress.step === 'peer-address') peerNatAddress = progress.peerAddress;
    };
    try {
      const peer = await Peer.meet(this.#rendezvous, { signal, onProgress });
      if (peerNatAddress === undefined) throw new Error('impossible: connected to no address');
      return linkOf(peer, peerNatAddress, events);
    } catch (error) {
      // A rendezvous that has failed stays so: the next attempt enters the room anew.
      this.close();
      throw error;
    }
  }

  /** Leaves the room. */
  close(): void {
    this.#rendezvous?.close();
    this.#rendezvous = undefined;
  }
}

function linkOf(peer: Peer, peerNatAddress: TransportAddress, events: LinkEvents): Link {
  let closing = false;
  const onClose = (error: TurnpikeError | undefined) => {
    if (closing) return;
    closing = true;
    events.onClosed(error ?? new TurnpikeError('ERR_TURNPIKE_CLOSED', 'the connection is closed'));
  };
  peer.on('message', events.onPayload);
  peer.once('close', onClose);
  if (peer.state !== 'established') onClose(undefined);
  const { connectionId, role, relay, peerRelay } = peer.grant;
  return {
    connectionId,
    role,
    relay,
    peerRelay,
    natAddress: peer.mappedAddress,
    peerNatAddress,
    payloadBytesMax: peer.payloadBytesMax,
    send: (payload) => void peer.send(payload),
    close: () => {
      closing = true;
      return peer.close();
    },
  };
}

function logProgress(logger: Logger, progress: JoinProgress): void {
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
