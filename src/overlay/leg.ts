import type { TransportAddress } from '../address.js';
import type { Timed } from '../collections/timing-wheel.js';
import type { IntegrityKind } from '../stun/integrity.js';
import type { Signer } from '../stun-server/authenticated-request.js';
import type { Origin } from '../stun-server/origin.js';
import type { LegName } from '../trunk/control-message.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import { type LegEvent, stateAfter } from './leg-states.js';
import type { RefusalReason } from './refusals.js';

/** Replaced Allocates and Connects that are remembered of a leg until it is connected. */
export const REPLACED_REQUESTS_MAX = 32;

/** `/`, 32 hex digits, `/` and the role: the end of a key, after the tenant. */
const NAME_END_CHARACTERS = 35;

/** What a leg has before it is in the table. */
const NOT_HEARD: { heardAt: number } = { heardAt: Number.NEGATIVE_INFINITY };

/** When a 5-tuple was last heard of, in monotonic milliseconds; its legs share one. */
export interface SignsOfLife {
  heardAt: number;
}

/** The other end's relay: another one, or this one. */
export type PeerRelay = RemoteRelay | 'self';

/** A Connect in progress. */
export interface Attempt {
  /** The address the peer names for the other one: compared, never sent to. */
  claimed: TransportAddress;
  /** The newest transaction, which gets the answer, signed as the request was; a copy. */
  transactionId: Uint8Array;
  signer: Signer;
  /** Monotonic milliseconds: past it, 447. */
  readonly deadline: number;
  readonly channel: number;
  /** Toward another relay only. */
  readonly offer: SentOffer | undefined;
}

/** Our side's offer to the other relay, repeated as the peer repeats its Connect. */
export interface SentOffer {
  readonly remote: RemoteRelay;
  transactionId: Uint8Array;
  /** What `Trunk.send` returned for the transaction; 0 before. */
  counter: number;
  /** Whether this transaction has been sent, and to which start of the other relay. */
  sent: boolean;
  sentToStart: number;
  /** Whether a Connect has come since an offer was sent last. */
  owed: boolean;
  /** When one was sent last, monotonic milliseconds, and how long the next one waits. */
  sentAt: number;
  waitMs: number;
  /** Of this transaction, since the other side was last heard of. */
  repeats: number;
  /** How often the peer's claim has changed. */
  renewals: number;
  /** Ours: what the other relay must write into records for this leg. */
  readonly sessionIndex: number;
  /** Whether records on the index are accepted already. */
  bound: boolean;
}

/** An established connection, seen from one leg. */
export interface Pairing {
  readonly type: 'established';
  readonly claimed: TransportAddress;
  readonly channel: number;
  /** Monotonic milliseconds, whole: when it was established, and when it expires. */
  readonly since: number;
  /** Moved on by Refresh. */
  expiresAt: number;
  /** The other end, where it is at this relay. */
  readonly other: Leg | undefined;
  /** The other end's relay, where it is another one. */
  readonly remote: RemoteRelay | undefined;
  /** What we write into records for the other relay; 0 without one. */
  readonly remoteIndex: number;
  /** The other relay's counter of the message that established it; 0 without one. */
  readonly remoteCounter: number;
}

/** What a leg holds in each state; `leg-states.ts` says what follows what. */
export type LegState =
  | { readonly type: 'reserved'; expiresAt: number }
  | { readonly type: 'connecting'; readonly attempt: Attempt }
  | Pairing
  | { readonly type: 'closed' };

/** How an attempt failed. */
interface LegRefusal {
  /** The transaction of its Connect. */
  readonly connect: string;
  readonly reason: RefusalReason;
  readonly phrase: string | undefined;
}

/** A leg whose Connect waits for the other side. */
export type ConnectingLeg = Leg & { readonly state: { type: 'connecting'; attempt: Attempt } };

export function isConnecting(leg: Leg): leg is ConnectingLeg {
  return leg.state.type === 'connecting';
}

/** What a leg is made from. */
export interface LegStart {
  readonly name: LegName;
  readonly origin: Origin;
  /** `tupleKey` of the origin. */
  readonly tupleKey: string;
  readonly peerRelay: PeerRelay;
  readonly signer: Signer;
  readonly lifetimeSeconds: number;
  /** When it ends if nothing follows its Allocate, in monotonic milliseconds. */
  readonly expiresAt: number;
}

/**
 * A peer's half of a connection at this relay. A relay holds up to a hundred thousand, so a leg is
 * small: its name is read from its key, and all fields exist from the start, so that V8 allocates
 * one object.
 */
export class Leg implements LegName, Timed {
  readonly key: string;
  /** The leg table lets the legs of a 5-tuple share one. */
  origin: Origin;
  tupleKey: string;
  peerRelay: PeerRelay;
  lifetimeSeconds: number;
  /** Taken at the first Connect and kept until the leg is closed, across failed attempts. */
  channel: number | undefined = undefined;
  /** As `channel`, for a leg whose other end is at another relay. */
  sessionIndex: number | undefined = undefined;
  wheelBucket: number | undefined = undefined;
  /** The leg table gives all legs of a 5-tuple the same. */
  signs: SignsOfLife = NOT_HEARD;
  /** How long data may go to the peer unanswered; 0: its keepalives alone count. */
  livenessMs = 0;
  /** Its place among the legs that are watched for silence. */
  watchPlace: number | undefined = undefined;
  /** Expiry of the nonce that made it, and of the newest that it has seen: Unix seconds. */
  nonceFrom = 0;
  nonceNewest = 0;
  /** The recommended payload that the peer was told last; 0 before the first. */
  payloadBytesSaid = 0;
  #state: LegState;
  #signerKind: IntegrityKind;
  /** One character for each byte: a string is half as large as a view of bytes. */
  #signerKey: string;
  /** Transactions of the newest Allocate and Connect, one character for each byte. */
  #allocate = '';
  #connect = '';
  /** Those whose place another one has taken; undefined once the leg is connected. */
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
   * Takes the state that an event leads to.
   * @throws Error where the event leads elsewhere: a fault of this relay
   */
  enter(event: LegEvent, next: LegState): void {
    const to = stateAfter(this.#state.type, event);
    if (to !== next.type) throw new Error(`impossible: ${event} leads to ${to}, not ${next.type}`);
    this.#state = next;
  }

  /** Moves the end of a leg that nothing else happens to; the state stays. */
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
   * @returns false for one that a newer one has replaced: a late copy, or a recording
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

  /** Frees what a leg needs only until it is connected. */
  settle(): void {
    this.#replaced = undefined;
    this.#refusal = undefined;
  }

  /** Remembers how an attempt failed: a copy of its Connect gets the same response. */
  refuse(transactionId: Uint8Array, reason: RefusalReason, phrase: string | undefined): void {
    this.#refusal = { connect: binaryText(transactionId), reason, phrase };
  }

  /** How the attempt of a Connect failed, if it was the last one that did. */
  refusalOf(transactionId: Uint8Array): LegRefusal | undefined {
    return this.#refusal?.connect === binaryText(transactionId) ? this.#refusal : undefined;
  }

  /** As the peer's last request was signed. */
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

/** When an established leg ends that is not refreshed again, in whole monotonic milliseconds. */
export function expiryOf({ lifetimeSeconds }: Leg, now: number): number {
  return Math.round(now) + lifetimeSeconds * 1_000;
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
