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

/** The tenant that may have all legs of a relay (PROTOCOL.md section 2, error 486). */
const DEFAULT_TENANT = 'default';

/**
 * A tenant's quota as a share of the relay's legs. Ended legs whose numbers rest count, so that
 * `default` has a quota, too.
 */
const QUOTA = { default: 3 / 2, other: 1 / 2 } as const;

/** Session indexes, and 5-tuples that remember channels, for each leg that a relay can hold. */
const NUMBERS_PER_LEG = 2;

/** Resolution of the legs' deadlines. */
const BUCKET_MS = 100;

/** The channel numbers of every 5-tuple. */
const CHANNELS = {
  first: CHANNEL_MIN,
  last: CHANNEL_MAX,
  quarantineMs: LEG_LIMITS.quarantineMs,
} as const;

interface TupleUse extends SignsOfLife {
  legs: number;
  readonly origin: Origin;
  /** The same string object as its first leg's, so that legs share it. */
  readonly key: string;
  readonly channels: NumberPool;
}

/** Why a leg cannot be added. */
export type Refusal = 'tenant-quota' | 'relay-full';

/**
 * Every leg of this relay, by name, by 5-tuple, by other relay and by deadline, and the channel
 * numbers of each 5-tuple. The indexes agree with each other; the rules of legs are elsewhere.
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
   * @param legsMax - legs that the relay holds; half of it for any tenant but `default`
   * @param now - monotonic milliseconds
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

  /** 5-tuples that hold legs, or channel numbers that rest. */
  get tuples(): number {
    return this.#byTuple.size;
  }

  get legsMax(): number {
    return this.#legsMax;
  }

  get(name: LegName): Leg | undefined {
    return this.#byKey.get(legKey(name));
  }

  all(): Leg[] {
    return [...this.#byKey.values()];
  }

  /** Whether any leg's other end is at the given relay. */
  hasRemote(remote: RemoteRelay): boolean {
    return this.#byRemote.has(remote);
  }

  /** The legs whose other end is at the given relay. */
  withRemote(remote: RemoteRelay): Leg[] {
    return [...(this.#byRemote.get(remote) ?? [])];
  }

  /**
   * Why a new leg of the tenant is refused; undefined where there is room. Legs that have ended
   * count against their tenant's quota while their numbers rest: otherwise one tenant could use up
   * the relay's session indexes by opening and closing legs. A tenant other than `default` may have
   * as many legs as are still free at most, so that a few tenants leave room for the next one.
   */
  refusal(tenant: string, now: number): Refusal | undefined {
    this.#endRests(now);
    if (this.#byKey.size >= this.#legsMax) return 'relay-full';
    // A 5-tuple's memory of used channels outlives its legs by a minute, so it has a bound too.
    if (this.#byTuple.size >= NUMBERS_PER_LEG * this.#legsMax) return 'relay-full';
    return this.#perTenant.of(tenant) >= this.#quota(tenant) ? 'tenant-quota' : undefined;
  }

  #quota(tenant: string): number {
    if (tenant === DEFAULT_TENANT) return Math.floor(this.#legsMax * QUOTA.default);
    const legsLeft = this.#legsMax - this.#byKey.size;
    const numbersLeft = NUMBERS_PER_LEG * this.#legsMax - this.#byKey.size - this.#resting.length;
    return Math.min(Math.floor(this.#legsMax * QUOTA.other), legsLeft, numbersLeft);
  }

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

  /** Something came from a 5-tuple: a sign of life of all its legs. */
  heard(tupleKey: string, now: number): void {
    const use = this.#byTuple.get(tupleKey);
    if (use) use.heardAt = now;
  }

  /** Legs of one 5-tuple share its key and origin in memory. */
  #share(use: TupleUse, leg: Leg): void {
    use.legs += 1;
    leg.tupleKey = use.key;
    if (leg.origin.worker === use.origin.worker) leg.origin = use.origin;
  }

  delete(leg: Leg, now: number): void {
    this.#wheel.clear(leg);
    if (!this.#byKey.delete(leg.key)) return;
    if (leg.channel !== undefined)
      this.#resting.push({ tenant: leg.tenant, until: now + LEG_LIMITS.quarantineMs });
    else this.#perTenant.remove(leg.tenant);
    const use = this.#byTuple.get(leg.tupleKey);
    if (use) use.legs -= 1;
    // At once, because legs opened and closed from many ports would fill the table until the sweep.
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

  /** Names another relay for the leg's other end. */
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

  /** A channel number that no connection of the leg's 5-tuple has or had in the last minute. */
  takeChannel(leg: Leg, now: number): number | undefined {
    return this.#byTuple.get(leg.tupleKey)?.channels.take(now);
  }

  freeChannel(leg: Leg, channel: number, now: number): void {
    this.#byTuple.get(leg.tupleKey)?.channels.free(channel, now);
  }

  /** Sets the leg's only deadline, in monotonic milliseconds. */
  schedule(leg: Leg, at: number): void {
    this.#wheel.set(leg, at);
  }

  /** Takes the next few of the legs that are due. */
  due(now: number): Leg[] {
    return this.#wheel.turn(now, LEG_LIMITS.endedAtOnce);
  }

  /** Whether legs are due that have not been taken. */
  get moreDue(): boolean {
    return this.#wheel.ripe;
  }

  /** Forgets what has rested and 5-tuples that hold nothing any more; called every few seconds. */
  sweep(now: number): void {
    this.#endRests(now);
    for (const [key, use] of this.#byTuple) {
      if (use.legs === 0 && use.channels.idle(now)) this.#byTuple.delete(key);
    }
  }
}
