import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.js';
import { TurnpikeError } from '../errors.js';
import type { RandomBytes } from '../random.js';
import { SourcePlaces } from './source-places.js';

export interface SourceBudgetOptions {
  /** Answers a source may cost per second. */
  readonly perSecond: number;
  /** Answers a source may cost at once. */
  readonly burst: number;
  /** Buckets of the table; memory is 8 bytes each. */
  readonly sourcesMax: number;
  readonly clock: Clock;
  /** For the key of the hash; the host's by default. */
  readonly random?: RandomBytes;
}

/**
 * Token buckets that pay for answers to strangers (PROTOCOL.md section 2), one per IPv4 address or
 * IPv6 /64, or per port of those, in a table that never grows.
 *
 * The table holds no addresses, so nothing is ever evicted and a flood of invented sources can
 * push nobody's state out. A source has one bucket in each half of the table, chosen by a hash
 * with a secret key, and may spend while either has tokens; spending draws from both. Two sources
 * disturb each other only where both buckets are another's too, which no attacker can aim for, and
 * which chance brings about once in (sourcesMax / 2)² pairs.
 *
 * A bucket is one number, the time at which it will be full again (the generic cell rate algorithm
 * of ITU-T I.371), so a packet costs two hashes' worth of arithmetic and no allocation that lasts.
 */
export class SourceBudget {
  readonly #fullAtMs: Float64Array;
  #tokenMs = 0;
  #burstMs = 0;
  readonly #clock: Clock;
  readonly #places: SourcePlaces;

  /** @throws TurnpikeError ERR_TURNPIKE_CONFIG when a number is below what makes a table */
  constructor(options: SourceBudgetOptions) {
    const { sourcesMax, clock, random = randomBytes } = options;
    if (!(sourcesMax >= 2)) throw nothing();
    this.limit(options);
    this.#places = new SourcePlaces(random(8), sourcesMax);
    this.#fullAtMs = new Float64Array(this.#places.size).fill(Number.NEGATIVE_INFINITY);
    this.#clock = clock;
  }

  /**
   * Sets what a source may cost from now on.
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG when that is nothing
   */
  limit({ perSecond, burst }: Pick<SourceBudgetOptions, 'perSecond' | 'burst'>): void {
    if (!(perSecond > 0 && burst >= 1)) throw nothing();
    this.#tokenMs = 1_000 / perSecond;
    this.#burstMs = burst * this.#tokenMs;
  }

  /**
   * Pays for one answer.
   * @param ip - canonical source address (address.ts)
   * @param port - for a budget of that port alone; 0 for that of the source
   * @returns false when there is nothing left: send no response
   */
  take(ip: string, port = 0): boolean {
    const fullAt = this.#fullAfterOne(ip, port);
    if (fullAt === undefined) return false;
    const { first, second } = this.#places;
    this.#fullAtMs[first] = Math.max(this.#fullAtMs[first] as number, fullAt);
    this.#fullAtMs[second] = Math.max(this.#fullAtMs[second] as number, fullAt);
    return true;
  }

  /** Whether `take` would pay now. */
  has(ip: string, port = 0): boolean {
    return this.#fullAfterOne(ip, port) !== undefined;
  }

  /** Finds the buckets. @returns when they will be full if one is taken; undefined for none left */
  #fullAfterOne(ip: string, port: number): number | undefined {
    const now = this.#clock.monotonic();
    this.#places.locate(ip, port);
    const firstFullAt = this.#fullAtMs[this.#places.first] as number;
    const secondFullAt = this.#fullAtMs[this.#places.second] as number;
    const fullAt = Math.max(Math.min(firstFullAt, secondFullAt), now) + this.#tokenMs;
    // A thousandth of a token forgives the rounding of a rate that is not a whole number of ms.
    return fullAt - now > this.#burstMs + this.#tokenMs / 1_000 ? undefined : fullAt;
  }
}

function nothing(): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_CONFIG', 'a challenge budget of nothing');
}
