import type { Logger } from 'pino';
import type { AddressInput } from '../address.js';
import type { IntegrityPreference } from '../auth/client-authenticator.js';
import type { Checked } from '../options/option-spec.js';
import type { RandomBytes } from '../random.js';
import type { IntegrityKind } from '../stun/integrity.js';
import type { MessageFault } from './connection-options.js';
import type { ConnectionGrant, GrantInput } from './grant.js';
import type { PEER_SPECS } from './option-specs.js';
import type { Scheduler } from './scheduler.js';

/** Minimum recommended payload that is accepted from a relay: what fits the smallest trunk MTU. */
export const PAYLOAD_BYTES_RECOMMENDED_MIN = 480;

/** Maximum payload: a trunk datagram over IPv4 without its header and record header. */
export const PAYLOAD_BYTES_MAX = 65_479;

/** Options of `Peer.open`. */
export interface PeerOptions {
  /** This peer's half of the directory's response. */
  readonly grant: GrantInput;
  /** Local address of the UDP socket; default any address and a free port. */
  readonly bind?: AddressInput | undefined;
  /** Integrity to require; default `auto`: SHA-256 if the relay offers it. */
  readonly integrity?: IntegrityPreference | undefined;
  /**
   * Time for the first response of the relay in `Peer.open`, ms; default 3,000, 500 to 60,000. The
   * request is retransmitted meanwhile, so a slow lossy path needs no more than its longest round
   * trip.
   */
  readonly openTimeoutMs?: number | undefined;
  /** LIFETIME to request, s; default 600, 1 to 3,600. */
  readonly lifetimeSeconds?: number | undefined;
  /** Maximum messages held for async iteration, 1 to 1,048,576; default 1,024. */
  readonly receiveQueueMessagesMax?: number | undefined;
  /** Aborts `Peer.open`; no effect afterwards. */
  readonly signal?: AbortSignal | undefined;
  /** Default: silent. */
  readonly logger?: Logger | undefined;
  /** Clock and timers; default the host's. */
  readonly scheduler?: Scheduler | undefined;
  /** Source of randomness; default node:crypto's. */
  readonly random?: RandomBytes | undefined;
}

/** Why a datagram was ignored. */
export type IgnoredReason =
  | MessageFault
  | 'foreign-source'
  | 'malformed'
  | 'unknown-channel'
  | 'empty';

/** Counters since `Peer.open`, and what is known of the relay. */
export interface PeerStats {
  /** Payloads, without control datagrams. */
  readonly packetsSent: number;
  readonly packetsReceived: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Payloads that `send` dropped: not established, or the socket's send queue is full. */
  readonly sendDrops: number;
  /** Errors of sends, from the system or by ICMP. */
  readonly sendErrors: number;
  /** Payloads dropped because the receive queue was full. */
  readonly receiveDrops: number;
  /** Ignored datagrams, by reason. */
  readonly ignored: Readonly<Partial<Record<IgnoredReason, number>>>;
  /** Smoothed round trip to the peer's own relay, ms; undefined before a measurement. */
  readonly relayRttMs: number | undefined;
  /** Integrity in use; undefined before the relay's challenge. */
  readonly integrity: IntegrityKind | undefined;
}

/** Validated options of `Peer.open`. */
export type CheckedPeerOptions = Omit<Checked<PeerOptions, typeof PEER_SPECS>, 'grant'> & {
  readonly grant: ConnectionGrant;
};
