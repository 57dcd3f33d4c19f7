import type { TransportAddress } from '../address.js';
import type { Signer } from '../auth/long-term.js';
import type { Timed } from '../collections/timing-wheel.js';
import type { IntegrityKind } from '../stun/integrity.js';
import type { Origin } from '../stun-server/origin.js';
import type { LegName } from '../trunk/control-message.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { Attempt } from './attempt.js';
import { type LegEvent, stateAfter } from './leg-states.js';
import type { RefusalReason } from './refusals.js';

/** Replaced Allocates and Connects that are remembered of a leg until it is established. */
export const REPLACED_REQUESTS_MAX = 32;

/** Length of a key's end after the tenant: `/`, 32 hex digits, `/` and the role. */
const NAME_END_CHARACTERS = 35;

/** The signs of life of a leg before it is in the table. */
const NOT_HEARD: { heardAt: number } = { heardAt: Number.NEGATIVE_INFINITY };

/** Time of a 5-tuple's last sign of life, monotonic ms; its legs share the object. */
export interface SignsOfLife {
  heardAt: number;
}

/** The relay of the other end: another one, or this one. */
export type PeerRelay = RemoteRelay | 'self';

/** An established connection, from the point of view of one leg. */
export interface Pairing {
  readonly type: 'established';
  readonly peerAddress: TransportAddress;
  readonly channel: number;
  /** When it was established and when it expires, in whole monotonic ms. */
  readonly since: number;
  /** Extended by Refresh. */
  expiresAt: number;
  /** The leg of the other end, if it is at this relay. */
  readonly other: Leg | undefined;
  /** The relay of the other end, if it is another one. */
  readonly remote: RemoteRelay | undefined;
  /** The session index that this relay writes into records to the other relay; 0 without one. */
  readonly remoteIndex: number;
  /** Counter of the other relay's message that established the connection; 0 without one. */
  readonly remoteCounter: number;
}

/** The data of a leg in each state; `leg-states.ts` has the transitions. */
export type LegState =
  | { readonly type: 'reserved'; expiresAt: number }
  | { readonly type: 'connecting'; readonly attempt: Attempt }
  | Pairing
  | { readonly type: 'closed' };

/** How an attempt failed. */
interface LegRefusal {
  /** Transaction of the attempt's Connect. */
  readonly connect: string;
  readonly reason: RefusalReason;
  readonly phrase: string | undefined;
}

/** A leg whose Connect waits for the other side. */
export type ConnectingLeg = Leg & { readonly state: { type: 'connecting'; attempt: Attempt } };

export function isConnecting(leg: Leg): leg is ConnectingLeg {
  return leg.state.type === 'connecting';
}

/** The data of a new leg. */
export interface LegStart {
  readonly name: LegName;
  readonly origin: Origin;
  /** `tupleKey` of the origin. */
  readonly tupleKey: string;
  readonly peerRelay: PeerRelay;
  readonly signer: Signer;
  readonly lifetimeSeconds: number;
  /** When the leg ends if no Connect follows, monotonic ms. */
  readonly expiresAt: number;
}

/**
 * A peer's half of a connection at this relay. There may be very many, so a leg is small: its name
 * is read from its key, and all fields exist from the start, so that V8 allocates one object.
 */
export class Leg implements LegName, Timed {
  readonly key: string;
  /** Shared by the legs of a 5-tuple. */
  origin: Origin;
  tupleKey: string;
  peerRelay: PeerRelay;
  lifetimeSeconds: number;
  /** Taken at the first Connect and kept until the leg is closed, across failed attempts. */
  channel: number | undefined = undefined;
  /** As `channel`, for a leg whose other end is at another relay. */
  sessionIndex: number | undefined = undefined;
  wheelBucket: number | undefined = undefined;
  /** Shared by the legs of a 5-tuple. */
  signs: SignsOfLife = NOT_HEARD;
  /** How long data may go to the peer unanswered, ms; 0 if only keepalives count. */
  livenessMs = 0;
  /** Index in `SilenceWatch`; undefined while not watched. */
  watchPlace: number | undefined = undefined;
  /**
   * Expiry of the nonce of its Allocate, and of the newest nonce that it has seen, Unix seconds.
   */
  nonceFrom = 0;
  nonceNewest = 0;
  /** The recommended payload that the peer was last told, bytes; 0 before the first. */
  payloadBytesSaid = 0;
  #state: LegState;
  #signerKind: IntegrityKind;
  /** One character per byte: a string takes half the memory of a byte view. */
  #signerKey: string;
  /** Transactions of the newest Allocate and Connect, one character per byte. */
  #allocate = '';
  #connect = '';
  /** Transactions that newer ones have replaced; undefined once the leg is established. */
  #replaced: string[] | undefined = undefined;
  #refusal: LegRefusal | undefined = undefined;

  constructor(start: LegStart) {
    const { name, origin, tupleKey, peerRelay, signer, lifetimeSeconds, expiresAt } = start;
    this.key = legKey(name);
    this.origin = origin;
    this.tupleKey = tupleKey;
    this.peerRelay = peerRelay;
    this.lifetimeSeconds = lifetimeSeconds;
    this.#state = { type: 'reserved', expiresAt };
    this.#signerKind = signer.kind;
    this.#signerKey = binaryText(signer.key);
  }

  get state(): LegState {
    return this.#state;
  }

  /**
   * Sets the state that an event leads to.
   * @throws Error if the event leads to another one: an internal error
   */
  enter(event: LegEvent, next: LegState): void {
    const to = stateAfter(this.#state.type, event);
    if (to !== next.type) throw new Error(`impossible: ${event} leads to ${to}, not ${next.type}`);
    this.#state = next;
  }

  /**
   * Extends the leg's lifetime; the state stays the same.
   * @throws Error if the event or the state does not allow it: an internal error
   */
  prolong(event: LegEvent, expiresAt: number): void {
    const to = stateAfter(this.#state.type, event);
    if (to !== this.#state.type || !('expiresAt' in this.#state)) {
      throw new Error(`impossible: ${event} does not prolong a leg that is ${this.#state.type}`);
    }
    this.#state.expiresAt = expiresAt;
  }

  get tenant(): string {
    return this.key.slice(0, -NAME_END_CHARACTERS);
  }

  get connectionId(): string {
    return this.key.slice(1 - NAME_END_CHARACTERS, -2);
  }

  get role(): 0 | 1 {
    return this.key.endsWith('1') ? 1 : 0;
  }

  /** Transaction id of the newest Connect or, before the first, of the newest Allocate. */
  get turn(): Uint8Array {
    return Buffer.from(this.#connect === '' ? this.#allocate : this.#connect, 'binary');
  }

  /**
   * Notes an Allocate or Connect: only the newest of each counts.
   * @returns false for a transaction that a newer one has replaced: a late copy or a recording
   */
  takeTurn(method: 'allocate' | 'connect', transactionId: Uint8Array): boolean {
    const turn = binaryText(transactionId);
    const newest = method === 'allocate' ? this.#allocate : this.#connect;
    if (turn === newest) return true;
    if (this.state.type !== 'established' && !this.#replace(newest, turn)) return false;
    if (method === 'allocate') this.#allocate = turn;
    else this.#connect = turn;
    return true;
  }

  #replace(newest: string, turn: string): boolean {
    if (this.#replaced?.includes(turn)) return false;
    if (newest === '') return true;
    this.#replaced ??= [];
    this.#replaced.push(newest);
    if (this.#replaced.length > REPLACED_REQUESTS_MAX) this.#replaced.shift();
    return true;
  }

  /** Frees data that is needed only until the leg is established. */
  settle(): void {
    this.#replaced = undefined;
    this.#refusal = undefined;
  }

  /** Records how an attempt failed, so that a repetition of its Connect gets the same response. */
  refuse(transactionId: Uint8Array, reason: RefusalReason, phrase: string | undefined): void {
    this.#refusal = { connect: binaryText(transactionId), reason, phrase };
  }

  /** Returns how the attempt of a Connect failed, if it was the last failed one. */
  refusalOf(transactionId: Uint8Array): LegRefusal | undefined {
    return this.#refusal?.connect === binaryText(transactionId) ? this.#refusal : undefined;
  }

  /** Integrity of the peer's last request. */
  get signer(): Signer {
    return { kind: this.#signerKind, key: Buffer.from(this.#signerKey, 'binary') };
  }

  set signer({ kind, key }: Signer) {
    this.#signerKind = kind;
    this.#signerKey = binaryText(key);
  }
}

function binaryText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('binary');
}

/** Returns when an established leg expires without a further Refresh, in whole monotonic ms. */
export function expiryOf({ lifetimeSeconds }: Leg, now: number): number {
  return Math.round(now) + lifetimeSeconds * 1_000;
}

/** Returns the map key of a name. Tenant names have no slash, so keys are unambiguous. */
export function legKey(name: LegName): string {
  return `${name.tenant}/${name.connectionId}/${name.role}`;
}

/** Returns the name of the leg at the other end of the same connection. */
export function otherEnd(name: LegName): LegName {
  return {
    tenant: name.tenant,
    connectionId: name.connectionId,
    role: name.role === 0 ? 1 : 0,
  };
}
