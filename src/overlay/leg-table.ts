import { TimingWheel } from '../collections/timing-wheel.js';
import type { HeldClients } from '../stun-server/proven-clients.js';
import type { LegName } from '../trunk/control-message.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import { FiveTuples } from './five-tuples.js';
import { type Leg, legKey } from './leg.js';
import { LegQuota, type QuotaRefusal } from './leg-quota.js';
import { OVERLAY_LIMITS } from './overlay-limits.js';

/** Resolution of the legs' deadlines, ms. */
const BUCKET_MS = 100;

/**
 * All legs of this relay, by name, 5-tuple, other relay and deadline. It keeps the indexes
 * consistent; the rules of legs are elsewhere.
 */
export class LegTable {
  /** The 5-tuples of the legs, and their channel numbers. */
  readonly tuples: FiveTuples;
  readonly #quota: LegQuota;
  readonly #byKey = new Map<string, Leg>();
  readonly #byRemote = new Map<RemoteRelay, Set<Leg>>();
  readonly #wheel: TimingWheel<Leg>;

  /**
   * @param legsMax - maximum legs; half of it for any tenant but `default`
   * @param now - monotonic ms
   * @param clients - counts the legs of each 5-tuple
   */
  constructor(legsMax: number, now: number, clients: HeldClients) {
    this.#quota = new LegQuota(legsMax);
    this.tuples = new FiveTuples(clients);
    this.#wheel = new TimingWheel(BUCKET_MS, now, ({ tenant }) => tenant);
  }

  get size(): number {
    return this.#byKey.size;
  }

  get legsMax(): number {
    return this.#quota.legsMax;
  }

  /** Returns the leg of a name; undefined if there is none. */
  get(name: LegName): Leg | undefined {
    return this.#byKey.get(legKey(name));
  }

  /** Returns a copy of the list of all legs. */
  all(): Leg[] {
    return [...this.#byKey.values()];
  }

  /** Returns whether any leg's other end is at a relay. */
  hasRemote(remote: RemoteRelay): boolean {
    return this.#byRemote.has(remote);
  }

  /** Returns the legs whose other end is at a relay. */
  withRemote(remote: RemoteRelay): Leg[] {
    return [...(this.#byRemote.get(remote) ?? [])];
  }

  /** Returns why a new leg of a tenant is refused (`LegQuota`); undefined if there is room. */
  refusal(tenant: string, now: number): QuotaRefusal | undefined {
    const held = { legs: this.#byKey.size, tuples: this.tuples.size };
    return this.#quota.refusal(tenant, held, now);
  }

  /** Adds a leg that `refusal` accepts. */
  add(leg: Leg): void {
    this.#byKey.set(leg.key, leg);
    this.#quota.add(leg.tenant);
    this.tuples.add(leg);
    this.#link(leg);
  }

  /** Removes a leg. One with a channel counts for its tenant until its numbers leave quarantine. */
  delete(leg: Leg, now: number): void {
    this.#wheel.clear(leg);
    if (!this.#byKey.delete(leg.key)) return;
    if (leg.channel === undefined) this.#quota.remove(leg.tenant);
    else this.#quota.rest(leg.tenant, now);
    this.tuples.remove(leg, now);
    this.#unlink(leg);
  }

  /** Changes the relay of a leg's other end. */
  setPeerRelay(leg: Leg, peerRelay: Leg['peerRelay']): void {
    this.#unlink(leg);
    leg.peerRelay = peerRelay;
    this.#link(leg);
  }

  #link(leg: Leg): void {
    if (leg.peerRelay === 'self') return;
    const legs = this.#byRemote.get(leg.peerRelay);
    if (legs) legs.add(leg);
    else this.#byRemote.set(leg.peerRelay, new Set([leg]));
  }

  #unlink(leg: Leg): void {
    if (leg.peerRelay === 'self') return;
    const legs = this.#byRemote.get(leg.peerRelay);
    legs?.delete(leg);
    if (legs?.size === 0) this.#byRemote.delete(leg.peerRelay);
  }

  /** Sets a leg's only deadline, monotonic ms. */
  schedule(leg: Leg, at: number): void {
    this.#wheel.set(leg, at);
  }

  /** Removes and returns the next legs that are due, at most `OVERLAY_LIMITS.endedAtOnce`. */
  due(now: number): Leg[] {
    return this.#wheel.turn(now, OVERLAY_LIMITS.endedAtOnce);
  }

  /** Whether legs are due that `due` has left. */
  get moreDue(): boolean {
    return this.#wheel.ripe;
  }

  /**
   * Ends quarantines, and forgets 5-tuples without legs and numbers. To be called every few
   * seconds.
   */
  sweep(now: number): void {
    this.#quota.endRests(now);
    this.tuples.sweep(now);
  }
}
