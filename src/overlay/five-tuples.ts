import { NumberPool } from '../collections/number-pool.js';
import { CHANNEL_MIN } from '../stun/channel-data.js';
import { LEG_LIMITS } from '../stun/leg-limits.js';
import type { Origin } from '../stun-server/origin.js';
import type { HeldClients } from '../stun-server/proven-clients.js';
import type { Leg, SignsOfLife } from './leg.js';
import { OVERLAY_LIMITS } from './overlay-limits.js';

/** The channel numbers of each 5-tuple. */
const CHANNELS = {
  first: CHANNEL_MIN,
  last: LEG_LIMITS.channelMax,
  quarantineMs: OVERLAY_LIMITS.quarantineMs,
} as const;

interface TupleUse extends SignsOfLife {
  legs: number;
  readonly origin: Origin;
  /** The same string object as in its first leg, so that legs share it. */
  readonly key: string;
  readonly channels: NumberPool;
}

/**
 * What the legs of one 5-tuple share: its channel numbers, and when something last came from it.
 */
export class FiveTuples {
  readonly #uses = new Map<string, TupleUse>();
  readonly #clients: HeldClients;

  /** @param clients - counts the legs of each 5-tuple */
  constructor(clients: HeldClients) {
    this.#clients = clients;
  }

  /** Number of 5-tuples that hold legs or channel numbers in quarantine. */
  get size(): number {
    return this.#uses.size;
  }

  /** Adds a leg to its 5-tuple. */
  add(leg: Leg): void {
    let use = this.#uses.get(leg.tupleKey);
    if (use) this.#share(use, leg);
    else {
      const { origin, tupleKey: key } = leg;
      const heardAt = Number.NEGATIVE_INFINITY;
      use = { legs: 1, origin, key, heardAt, channels: new NumberPool(CHANNELS) };
      this.#uses.set(key, use);
    }
    leg.signs = use;
    this.#clients.hold(use.origin);
  }

  /** Removes an ended leg from its 5-tuple. */
  remove(leg: Leg, now: number): void {
    const use = this.#uses.get(leg.tupleKey);
    if (use === undefined) return;
    use.legs -= 1;
    this.#clients.release(leg.tupleKey);
    if (use.legs > 0) return;
    // Not left for the sweep: legs opened and closed from many ports would fill the table before.
    if (use.channels.idle(now)) this.#uses.delete(leg.tupleKey);
  }

  /** Returns whether a 5-tuple has a leg. */
  hasLegs(tupleKey: string): boolean {
    return (this.#uses.get(tupleKey)?.legs ?? 0) > 0;
  }

  /** Notes a sign of life of a 5-tuple, for all its legs. */
  heard(tupleKey: string, now: number): void {
    const use = this.#uses.get(tupleKey);
    if (use) use.heardAt = now;
  }

  /** Lets the legs of one 5-tuple share its key and origin in memory. */
  #share(use: TupleUse, leg: Leg): void {
    use.legs += 1;
    leg.tupleKey = use.key;
    if (leg.origin.worker === use.origin.worker) leg.origin = use.origin;
  }

  /**
   * Returns a channel number that the leg's 5-tuple has not used in the last minute; undefined if
   * there is none.
   */
  takeChannel(leg: Leg, now: number): number | undefined {
    return this.#uses.get(leg.tupleKey)?.channels.take(now);
  }

  /** Puts a channel number of the leg's 5-tuple into quarantine. */
  freeChannel(leg: Leg, channel: number, now: number): void {
    this.#uses.get(leg.tupleKey)?.channels.free(channel, now);
  }

  /** Forgets 5-tuples without legs and numbers. */
  sweep(now: number): void {
    for (const [key, use] of this.#uses) {
      if (use.legs === 0 && use.channels.idle(now)) this.#uses.delete(key);
    }
  }
}
