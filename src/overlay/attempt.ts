import type { TransportAddress } from '../address.js';
import type { Signer } from '../auth/long-term.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';

/** A Connect in progress. */
export interface Attempt {
  /** The address that the peer names for the other one: compared, never sent to. */
  peerAddress: TransportAddress;
  /** Transaction of the newest Connect, which gets the response, and how it was signed; a copy. */
  transactionId: Uint8Array;
  signer: Signer;
  /** When the first Connect arrived, monotonic ms. */
  readonly since: number;
  /** Monotonic ms after which the Connect is answered 447. */
  readonly deadline: number;
  readonly channel: number;
  /** Only toward another relay. */
  readonly offer: SentOffer | undefined;
}

/** This relay's offer to the other relay, repeated as the peer repeats its Connect. */
export interface SentOffer {
  readonly remote: RemoteRelay;
  transactionId: Uint8Array;
  /** The counter that `Trunk.send` returned for the transaction; 0 before. */
  counter: number;
  /** Whether this transaction has been sent, and to which incarnation of the other relay. */
  sent: boolean;
  sentToStart: number;
  /** Whether a Connect has arrived since the last transmission. */
  owed: boolean;
  /** Time of the last transmission, monotonic ms, and minimum wait before the next, ms. */
  sentAt: number;
  waitMs: number;
  /** Retransmissions of this transaction since the other side was last heard. */
  repeats: number;
  /** Number of changes of the peer's named address. */
  renewals: number;
  /** The session index that the other relay writes into records for this leg. */
  readonly sessionIndex: number;
  /** Whether the session index is bound. */
  bound: boolean;
}
