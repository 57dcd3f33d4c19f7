import type { Logger } from 'pino';
import type { AddressInput } from '../address.js';
import type { IntegrityPreference } from '../auth/client-credentials.js';
import type { Checked } from '../options/option-spec.js';
import type { RandomBytes } from '../random.js';
import type { IntegrityKind } from '../stun/integrity.js';
import type { MessageFault } from './connection-options.js';
import type { ConnectionGrant, GrantInput } from './grant.js';
import type { PEER_SPECS } from './option-specs.js';
import type { Scheduler } from './scheduler.js';

/** A relay that recommends shorter payloads is not believed: what fits the shortest trunk MTU. */
export const PAYLOAD_BYTES_RECOMMENDED_MIN = 480;

/** The largest payload: a trunk datagram over IPv4 less its header and record. */
export const PAYLOAD_BYTES_MAX = 65_479;

export interface PeerOptions {
  /** This peer's half of the directory's answer. */
  readonly grant: GrantInput;
  /** Local address of the UDP socket; default any, on a free port. */
  readonly bind?: AddressInput | undefined;
  /** Integrity to insist on; default `auto`, which is SHA-256 where the relay offers it. */
  readonly integrity?: IntegrityPreference | undefined;
  /**
   * How long `Peer.open` waits for any answer of the relay, milliseconds; default 3,000, 500 to
   * 60,000. The request is repeated meanwhile, so a lossy way of long delay needs no more than the
   * longest round trip.
   */
  readonly openTimeoutMs?: number | undefined;
  /** LIFETIME to ask the relay for, seconds; default 600, 1 to 3,600. */
  readonly lifetimeSeconds?: number | undefined;
  /** Messages held for async iteration, 1 to 1,048,576; default 1,024. */
  readonly receiveQueueMessagesMax?: number | undefined;
  /** Ends `Peer.open`; afterwards it has no effect. */
  readonly signal?: AbortSignal | undefined;
  /** Default: silent. */
  readonly logger?: Logger | undefined;
  /** Clock and timers; default the host's. */
  readonly scheduler?: Scheduler | undefined;
  /** Default node:crypto's. */
  readonly random?: RandomBytes | undefined;
}

/** Why a datagram that reached the socket was ignored. */
export type IgnoredReason =
  | MessageFault
  | 'foreign-source'
  | 'malformed'
  | 'unknown-channel'
  | 'empty';

/** Counters since the peer was opened, and what is known of the relay. */
export interface PeerStats {
  /** Payloads, not datagrams of control. */
  readonly packetsSent: number;
  readonly packetsReceived: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Payloads that `send` refused: not established, or the kernel is too far behind. */
  readonly sendDrops: number;
  /** Datagrams that the system or the network reported as undeliverable. */
  readonly sendErrors: number;
  /** Payloads that nobody took in time: the receive queue was full. */
  readonly receiveDrops: number;
  /** Datagrams that were ignored, by reason. */
  readonly ignored: Readonly<Partial<Record<IgnoredReason, number>>>;
  /** Smoothed round trip to the peer's own relay, milliseconds; undefined before a measurement. */
  readonly relayRttMs: number | undefined;
  /** Integrity in use with the relay. */
  readonly integrity: IntegrityKind | undefined;
}

/** What a Peer works with: checked options. */
export type CheckedPeerOptions = Omit<Checked<PeerOptions, typeof PEER_SPECS>, 'grant'> & {
  readonly grant: ConnectionGrant;
};
