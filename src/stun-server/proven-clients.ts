import type { Clock } from '../clock.js';
import { KeyCounter } from '../collections/key-counter.js';
import { ClientSources } from '../http/client-sources.js';
import type { DataPlane } from '../native/types.js';
import { type Origin, tupleKey } from './origin.js';

/** Time for which a 5-tuple stays proven after its last authenticated request or its last leg. */
export const PROVEN_CLIENT_MS = 60_000;

/** Maximum proven 5-tuples without a leg. */
export const PROVEN_CLIENTS_MAX = 8_192;

/** Maximum proven 5-tuples without a leg of one source (IPv4 address or IPv6 /64). */
export const PROVEN_CLIENTS_OF_SOURCE_MAX = 512;

/** Maximum proven 5-tuples without a leg of one IPv6 /48, which has 65,536 sources. */
export const PROVEN_CLIENTS_OF_NETWORK_MAX = 2_048;

/** The data plane's methods that give clients priority over strangers. */
export type KnownClients = Pick<DataPlane, 'putKnownClient' | 'removeKnownClient'>;

/** Counts who holds state of a 5-tuple. */
export type HeldClients = Pick<ProvenClients, 'hold' | 'release'>;

interface ProvenClient {
  readonly origin: Origin;
  /** The source, and its network if it has one. */
  readonly groups: readonly string[];
  untilMs: number;
}

/**
 * The proven 5-tuples: an authenticated request came from there recently, or a leg exists there,
 * established or reserved. Their requests are processed before strangers', so the worker that
 * receives such a 5-tuple is told. A USERNAME alone proves nothing.
 *
 * 5-tuples with legs are bounded by the leg table. Those without are bounded in all, where the one
 * heard least recently is forgotten, and per source and network, whose further 5-tuples stay
 * unproven: the holder of one credential cannot evict others by sending from many ports or
 * addresses.
 */
export class ProvenClients {
  readonly #plane: KnownClients;
  readonly #clock: Clock;
  /** 5-tuples with legs. */
  readonly #held = new Map<string, Origin>();
  /** The legs of each of them beside the first; seldom any. */
  readonly #further = new KeyCounter();
  /** Proven 5-tuples without a leg, in order of expiry. */
  readonly #recent = new Map<string, ProvenClient>();
  readonly #recentOfGroup = new KeyCounter();
  readonly #sources = new ClientSources();

  constructor(plane: KnownClients, clock: Clock) {
    this.#plane = plane;
    this.#clock = clock;
  }

  /** Number of proven 5-tuples without a leg. */
  get recent(): number {
    return this.#recent.size;
  }

  /** Returns whether a 5-tuple is proven now. @param key - its `tupleKey` */
  has(key: string): boolean {
    if (this.#held.has(key)) return true;
    const peer = this.#recent.get(key);
    return peer !== undefined && this.#clock.monotonic() < peer.untilMs;
  }

  /** Notes an authenticated request from a 5-tuple. */
  proved(origin: Origin): void {
    const key = tupleKey(origin.tuple);
    if (!this.#held.has(key)) this.#remember(key, origin);
  }

  /** Notes that a 5-tuple has one leg more. @param key - its `tupleKey` */
  hold(origin: Origin, key: string = tupleKey(origin.tuple)): void {
    if (this.#held.has(key)) return this.#further.add(key);
    this.#held.set(key, origin);
    const peer = this.#recent.get(key);
    if (peer !== undefined) this.#drop(key, peer);
    if (peer?.origin.worker === origin.worker) return;
    if (peer !== undefined) this.#forget(peer);
    this.#plane.putKnownClient(origin.worker, origin.tuple);
  }

  /**
   * Notes that a 5-tuple has one leg less. Without any it stays proven for `PROVEN_CLIENT_MS`.
   * @param key - its `tupleKey`
   */
  release(key: string): void {
    const origin = this.#held.get(key);
    if (origin === undefined) return;
    if (this.#further.of(key) > 0) return this.#further.remove(key);
    this.#held.delete(key);
    if (!this.#remember(key, origin, { isTold: true })) {
      this.#plane.removeKnownClient(origin.worker, origin.tuple);
    }
  }

  /** Forgets 5-tuples whose time is over. */
  tick(): void {
    const now = this.#clock.monotonic();
    for (const [key, peer] of this.#recent) {
      if (now < peer.untilMs) return;
      this.#drop(key, peer);
      this.#forget(peer);
    }
  }

  /** Adds or renews a 5-tuple. @returns false if its source or network is at its bound */
  #remember(key: string, origin: Origin, { isTold = false } = {}): boolean {
    const untilMs = this.#clock.monotonic() + PROVEN_CLIENT_MS;
    const known = this.#recent.get(key);
    if (known !== undefined) {
      known.untilMs = untilMs;
      this.#recent.delete(key);
      this.#recent.set(key, known);
      return true;
    }
    const { address } = origin.tuple.remote;
    const source = this.#sources.nameOf(address) ?? '';
    const network = this.#sources.networkOf(address);
    const hasRoom = (group: string, most: number) => this.#recentOfGroup.of(group) < most;
    if (!hasRoom(source, PROVEN_CLIENTS_OF_SOURCE_MAX)) return false;
    if (network !== undefined && !hasRoom(network, PROVEN_CLIENTS_OF_NETWORK_MAX)) return false;
    if (this.#recent.size >= PROVEN_CLIENTS_MAX) this.#forgetOldest();
    const groups = network === undefined ? [source] : [source, network];
    for (const group of groups) this.#recentOfGroup.add(group);
    this.#recent.set(key, { origin, groups, untilMs });
    if (!isTold) this.#plane.putKnownClient(origin.worker, origin.tuple);
    return true;
  }

  #forgetOldest(): void {
    for (const [key, peer] of this.#recent) {
      this.#drop(key, peer);
      return this.#forget(peer);
    }
  }

  #drop(key: string, { groups }: ProvenClient): void {
    this.#recent.delete(key);
    for (const group of groups) this.#recentOfGroup.remove(group);
  }

  #forget({ origin }: ProvenClient): void {
    this.#plane.removeKnownClient(origin.worker, origin.tuple);
  }
}
