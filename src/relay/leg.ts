import type { TransportAddress } from '../address.js';
import { formatAddress } from '../address.js';
import type { FiveTuple } from '../native/types.js';
import type { IntegrityKind } from '../stun/integrity.js';
import type { LegName } from '../trunk/control.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { Timed } from './deadline-wheel.js';

/** Where a peer's datagram came in: answers go back there, flow entries belong to that worker. */
export interface Origin {
  readonly worker: number;
  readonly tuple: FiveTuple;
}

/** How to sign what is sent to a peer: as its last request was (PROTOCOL.md section 2). */
export interface Signer {
  readonly kind: IntegrityKind;
  readonly key: Uint8Array;
}

/** The other end's relay: another one, or this one. */
export type PeerRelay = RemoteRelay | 'self';

/** A Connect in progress. */
export interface Attempt {
  /** The address the peer names for the other one: compared, never sent to. */
  claimed: TransportAddress;
  /** The newest transaction, which gets the answer, signed as the request was. */
  transactionId: Uint8Array;
  signer: Signer;
  /** Monotonic milliseconds: past it, 447. */
  readonly deadline: number;
  readonly channel: number;
  /** Toward another relay only. */
  readonly offer: OutgoingOffer | undefined;
}

/** Our side's offer to the other relay, repeated until it is answered. */
export interface OutgoingOffer {
  readonly remote: RemoteRelay;
  transactionId: Uint8Array;
  /** When it is sent again, monotonic milliseconds. */
  nextAt: number;
  /** Ours: what the other relay must write into records for this leg. */
  readonly sessionIndex: number;
  /** Whether records on the index are accepted already. */
  bound: boolean;
}

/** An established connection, seen from one leg. */
export interface Pairing {
  readonly claimed: TransportAddress;
  readonly channel: number;
  /** Monotonic milliseconds; moved on by Refresh. */
  expiresAt: number;
  readonly via:
    | { readonly type: 'local'; readonly other: Leg }
    | {
        readonly type: 'trunk';
        readonly remote: RemoteRelay;
        /** What we write into records for the other relay. */
        readonly remoteIndex: number;
      };
}

/** PROTOCOL.md section 2: reserved → connecting → established → closed, and back on 403 and 447. */
export type LegState =
  | { readonly type: 'reserved'; until: number }
  | { readonly type: 'connecting'; readonly attempt: Attempt }
  | { readonly type: 'established'; readonly pairing: Pairing }
  | { readonly type: 'closed' };

/** A peer's half of a connection at this relay. */
export interface Leg extends LegName, Timed {
  readonly key: string;
  readonly origin: Origin;
  readonly tupleKey: string;
  peerRelay: PeerRelay;
  signer: Signer;
  lifetimeSeconds: number;
  state: LegState;
  /** Taken at the first Connect and kept until the leg is closed, across failed attempts. */
  channel?: number | undefined;
  /** As `channel`, for a leg whose other end is at another relay. */
  sessionIndex?: number | undefined;
}

/** The name as a map key. Tenant names hold no slash, so no two names share a key. */
export function legKey(name: LegName): string {
  return `${name.tenant}/${name.connectionId}/${name.role}`;
}

/** The name of the leg at the other end of the same connection. */
export function otherEnd(name: LegName): LegName {
  return {
    tenant: name.tenant,
    connectionId: name.connectionId,
    role: name.role === 0 ? 1 : 0,
  };
}

/** The 5-tuple as a map key. */
export function tupleKey(tuple: FiveTuple): string {
  return `${tuple.socket}|${tuple.local ?? ''}|${formatAddress(tuple.remote)}`;
}
