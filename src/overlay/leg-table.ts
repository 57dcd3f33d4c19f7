import { KeyCounter } from '../collections/key-counter.js';
import { NumberPool } from '../collections/number-pool.js';
import { TimingWheel } from '../collections/timing-wheel.js';
import { CHANNEL_MAX, CHANNEL_MIN } from '../stun/channel-data.js';
import type { Origin } from '../stun-server/origin.js';
import type { KnownClients } from '../stun-server/proven-clients.js';
import type { LegName } from '../trunk/control-message.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import { type Leg, legKey, type SignsOfLife } from './leg.js';
import { LEG_LIMITS } from './leg-limits.js';

/** The tenant that may use all legs of a relay (PROTOCOL.md section 2, error 486). */
const DEFAULT_TENANT = 'default';

/**
 * A tenant's quota, as a share of the relay's legs. Ended legs in quarantine count too, so
 * `default` also has a quota.
 */
const QUOTA = { default: 3 / 2, other: 1 / 2 } as const;

/** Session indexes per leg of the bound, and 5-tuples with channel numbers per leg of the bound. */
const NUMBERS_PER_LEG = 2;

/** Resolution of the legs' deadlines, ms. */
const BUCKET_MS = 100;

/** The channel numbers of each 5-tuple. */
const CHANNELS = {
  first: CHANNEL_MIN,
  last: CHANNEL_MAX,
  quarantineMs: LEG_LIMITS.quarantineMs,
} as const;

interface TupleUse extends SignsOfLife {
  legs: number;
  readonly origin: Origin;
  /** The same string object as in its first leg, so that legs share it. */
  readonly key: string;
  readonly channels: NumberPool;
}

/** Why a leg cannot be added. */
export type Refusal = 'tenant-quota' | 'relay-full';

/**
 * All legs of this relay, by name, 5-tuple, other relay and deadline, and the channel numbers of
 * each 5-tuple. It keeps the indexes consistent; the rules of legs are elsewhere.
 */
export class LegTable {
  readonly #legsMax: number;
  readonly #byKey = new Map<string, Leg>();
  readonly #byTuple = new Map<string, TupleUse>();
  readonly #byRemote = new Map<RemoteRelay, Set<Leg>>();
  readonly #perTenant = new KeyCounter();
  readonly #resting: { tenant: string; until: number }[] = [];
  readonly #wheel: TimingWheel<Leg>;
  readonly #plane: KnownClients;

  /**
   * @param legsMax - maximum legs; half of it for any tenant but `default`
   * @param now - monotonic ms
   * @param plane - is told which 5-tuples hold legs
   */
  constructor(legsMax: number, now: number, plane: KnownClients) {
    this.#legsMax = legsMax;
    this.#plane = plane;
    this.#wheel = new TimingWheel(BUCKET_MS, now, ({ tenant }) => tenant);
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Number of 5-tuples that hold legs or channel numbers in quarantine. */
  get tuples(): number {
    return this.#byTuple.size;
  }

  get legsMax(): number {
    return this.#legsMax;
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

  /**
   * Returns why a new leg of a tenant is refused; undefined if there is room. Ended legs count for
   * their tenant until their numbers leave quarantine: otherwise one tenant could use up the
   * session indexes by opening and closing legs. A tenant other than `default` gets at most as many
   * legs as are still free, so that a few tenants leave room for another.
   * @param now - monotonic ms
   */
  refusal(tenant: string, now: number): Refusal | undefined {
    this.#endRests(now);
    if (this.#byKey.size >= this.#legsMax) return 'relay-full';
    // A 5-tuple's channel numbers outlive its legs by a minute, so 5-tuples are bounded too.
    if (this.#byTuple.size >= NUMBERS_PER_LEG * this.#legsMax) return 'relay-full';
    return this.#perTenant.of(tenant) >= this.#quota(tenant) ? 'tenant-quota' : undefined;
  }

  #quota(tenant: string): number {
    if (tenant === DEFAULT_TENANT) return Math.floor(this.#legsMax * QUOTA.default);
    const legsLeft = this.#legsMax - this.#byKey.size;
    const numbersLeft = NUMBERS_PER_LEG * this.#legsMax - this.#byKey.size - this.#resting.length;
    return Math.min(Math.floor(this.#legsMax * QUOTA.other), legsLeft, numbersLeft);
  }

  /** Adds a leg that `refusal` accepts. */
  add(leg: Leg): void {
    this.#byKey.set(leg.key, leg);
    this.#perTenant.add(leg.tenant);
    let use = this.#byTuple.get(leg.tupleKey);
    if (use) this.#share(use, leg);
    else {
      const { origin, tupleKey: key } = leg;
      const heardAt = Number.NEGATIVE_INFINITY;
      use = { legs: 1, origin, key, heardAt, channels: new NumberPool(CHANNELS) };
      this.#byTuple.set(key, use);
    }
    leg.signs = use;
    if (use.legs === 1) this.#plane.putKnownClient(use.origin.worker, use.origin.tuple);
    this.#link(leg);
  }

  /** Notes a sign of life of a 5-tuple, for all its legs. */
  heard(tupleKey: string, now: number): void {
    const use = this.#byTuple.get(tupleKey);
    if (use) use.heardAt = now;
  }

  /** Lets the legs of one 5-tuple share its key and origin in memory. */
  #share(use: TupleUse, leg: Leg): void {
    use.legs += 1;
    leg.tupleKey = use.key;
    if (leg.origin.worker === use.origin.worker) leg.origin = use.origin;
  }

  /** Removes a leg. One with a channel counts for its tenant until its numbers leave quarantine. */
  delete(leg: Leg, now: number): void {
    this.#wheel.clear(leg);
    if (!this.#byKey.delete(leg.key)) return;
    if (leg.channel !== undefined)
      this.#resting.push({ tenant: leg.tenant, until: now + LEG_LIMITS.quarantineMs });
    else this.#perTenant.remove(leg.tenant);
    const use = this.#byTuple.get(leg.tupleKey);
    if (use) use.legs -= 1;
    // Not left for the sweep: legs opened and closed from many ports would fill the table before.
    if (use?.legs === 0 && use.channels.idle(now)) this.#byTuple.delete(leg.tupleKey);
    if (use?.legs === 0) this.#plane.removeKnownClient(use.origin.worker, use.origin.tuple);
    this.#unlink(leg);
  }

  #endRests(now: number): void {
    let ended = 0;
    while ((this.#resting[ended]?.until ?? Number.POSITIVE_INFINITY) <= now) {
      this.#perTenant.remove((this.#resting[ended] as { tenant: string }).tenant);
      ended += 1;
    }
    if (ended > 0) this.#resting.splice(0, ended);
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

  /**
   * Returns a channel number that the leg's 5-tuple has not used in the last minute; undefined if
   * there is none.
   */
  takeChannel(leg: Leg, now: number): number | undefined {
    return this.#byTuple.get(leg.tupleKey)?.channels.take(now);
  }

  /** Frees a channel number of the leg's 5-tuple, into quarantine. */
  freeChannel(leg: Leg, channel: number, now: number): void {
    this.#byTuple.get(leg.tupleKey)?.channels.free(channel, now);
  }

  /** Sets a leg's only deadline, monotonic ms. */
  schedule(leg: Leg, at: number): void {
    this.#wheel.set(leg, at);
  }

  /** Removes and returns the next legs that are due, at most `LEG_LIMITS.endedAtOnce`. */
  due(now: number): Leg[] {
    return this.#wheel.turn(now, LEG_LIMITS.endedAtOnce);
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
    this.#endRests(now);
    for (const [key, use] of this.#byTuple) {
      if (use.legs === 0 && use.channels.idle(now)) this.#byTuple.delete(key);
    }
  }
}
