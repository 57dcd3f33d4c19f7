import type { Clock } from '../clock.js';
import { KeyCounter } from '../collections/key-counter.js';
import { ClientSources } from '../http/client-sources.js';
import type { DataPlane, FiveTuple } from '../native/types.js';
import { type Origin, tupleKey } from './origin.js';

/** A 5-tuple is proven for so long after its last authenticated request, or its last leg. */
export const PROVEN_CLIENT_MS = 60_000;

/** Proven 5-tuples without a leg: in all … */
export const PROVEN_CLIENTS_MAX = 8_192;

/** … and of one source (IPv4 address or IPv6 /64). */
export const PROVEN_CLIENTS_OF_SOURCE_MAX = 512;

/** The part of a data plane that gives clients priority over strangers. */
export type KnownClients = Pick<DataPlane, 'putKnownClient' | 'removeKnownClient'>;

interface ProvenClient {
  readonly origin: Origin;
  readonly source: string;
  untilMs: number;
}

/**
 * Which client 5-tuples are proven: an authenticated request came from there lately, or a leg is
 * held there, even one that is only reserved. Their requests are handled before strangers', so the
 * worker that receives a proven 5-tuple is told of it. A USERNAME alone proves nothing.
 *
 * Legs are bounded by the leg table. Proven 5-tuples without one are bounded in all, where the one
 * that was heard longest ago is forgotten, and for each source, whose further 5-tuples stay
 * unproven: the holder of one credential cannot evict others by sending from many ports.
 */
export class ProvenClients implements KnownClients {
  readonly #plane: KnownClients;
  readonly #clock: Clock;
  readonly #held = new Set<string>();
  /** Without a leg; those whose time ends first stand first. */
  readonly #recent = new Map<string, ProvenClient>();
  readonly #recentOfSource = new KeyCounter();
  readonly #sources = new ClientSources();

  constructor(plane: KnownClients, clock: Clock) {
    this.#plane = plane;
    this.#clock = clock;
  }

  /** Proven 5-tuples without a leg. */
  get recent(): number {
    return this.#recent.size;
  }

  /** Whether a 5-tuple is proven now. @param key - its `tupleKey` */
  has(key: string): boolean {
    if (this.#held.has(key)) return true;
    const peer = this.#recent.get(key);
    return peer !== undefined && this.#clock.monotonic() < peer.untilMs;
  }

  /** An authenticated request came from a 5-tuple. */
  proved(origin: Origin): void {
    const key = tupleKey(origin.tuple);
    if (!this.#held.has(key)) this.#remember(key, origin);
  }

  /** A 5-tuple holds its first leg. */
  putKnownClient(worker: number, tuple: FiveTuple): void {
    const key = tupleKey(tuple);
    this.#held.add(key);
    const peer = this.#recent.get(key);
    if (peer !== undefined) this.#drop(key, peer);
    if (peer?.origin.worker === worker) return;
    if (peer !== undefined) this.#forget(peer);
    this.#plane.putKnownClient(worker, tuple);
  }

  /** A 5-tuple holds no leg any more; it stays proven for a while. */
  removeKnownClient(worker: number, tuple: FiveTuple): void {
    const key = tupleKey(tuple);
    if (!this.#held.delete(key)) return;
    if (!this.#remember(key, { worker, tuple }, { isTold: true })) {
      this.#plane.removeKnownClient(worker, tuple);
    }
  }

  /** Forgets those whose time is over. */
  tick(): void {
    const now = this.#clock.monotonic();
    for (const [key, peer] of this.#recent) {
      if (now < peer.untilMs) return;
      this.#drop(key, peer);
      this.#forget(peer);
    }
  }

  /** @returns false when the source has its share already */
  #remember(key: string, origin: Origin, { isTold = false } = {}): boolean {
    const untilMs = this.#clock.monotonic() + PROVEN_CLIENT_MS;
    const known = this.#recent.get(key);
    if (known !== undefined) {
      known.untilMs = untilMs;
      this.#recent.delete(key);
      this.#recent.set(key, known);
      return true;
    }
    const source = this.#sources.nameOf(origin.tuple.remote.address) ?? '';
    if (this.#recentOfSource.of(source) >= PROVEN_CLIENTS_OF_SOURCE_MAX) return false;
    if (this.#recent.size >= PROVEN_CLIENTS_MAX) this.#forgetOldest();
    this.#recentOfSource.add(source);
    this.#recent.set(key, { origin, source, untilMs });
    if (!isTold) this.#plane.putKnownClient(origin.worker, origin.tuple);
    return true;
  }

  #forgetOldest(): void {
    for (const [key, peer] of this.#recent) {
      this.#drop(key, peer);
      return this.#forget(peer);
    }
  }

  #drop(key: string, { source }: ProvenClient): void {
    this.#recent.delete(key);
    this.#recentOfSource.remove(source);
  }

  #forget({ origin }: ProvenClient): void {
    this.#plane.removeKnownClient(origin.worker, origin.tuple);
  }
}
