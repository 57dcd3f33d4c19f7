import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.js';
import { TurnpikeError } from '../errors.js';
import type { RandomBytes } from '../random.js';
import { SourceSlots } from './source-slots.js';

/** Options of a `SourceBudget`. */
export interface SourceBudgetOptions {
  /** Responses per source and second. */
  readonly perSecond: number;
  /** Responses per source in a burst. */
  readonly burst: number;
  /** Number of buckets; 8 bytes each. */
  readonly sourcesMax: number;
  readonly clock: Clock;
  /** Source of the hash key; default the system's. */
  readonly random?: RandomBytes;
}

/**
 * Token buckets of responses to unauthenticated requests (PROTOCOL.md section 2), one per IPv4
 * address or IPv6 /64, or per port of these, in a table of fixed size.
 *
 * The table stores no addresses, so nothing is evicted, and a flood of forged sources removes no
 * other source's state. A source has one bucket in each half of the table, chosen by a keyed hash.
 * It may spend while either bucket has tokens, and spends from both. Two sources affect each other
 * only if they share both buckets. Without the key nobody can aim at that; chance causes it for one
 * in (sourcesMax / 2)² pairs.
 *
 * A bucket is one number: the time at which it is full again (the generic cell rate algorithm of
 * ITU-T I.371). A packet costs two hashes' worth of arithmetic and no lasting allocation.
 *
 * A response that costs more than the burst is sent while a bucket is full, which then takes as
 * much longer to fill: the rate holds, and a small burst silences no server with long challenges.
 */
export class SourceBudget {
  readonly #fullAtMs: Float64Array;
  #tokenMs = 0;
  #burstMs = 0;
  readonly #clock: Clock;
  readonly #slots: SourceSlots;

  /** @throws TurnpikeError ERR_TURNPIKE_CONFIG for a rate, burst or table size that is too small */
  constructor(options: SourceBudgetOptions) {
    const { sourcesMax, clock, random = randomBytes } = options;
    if (!(sourcesMax >= 2)) throw nothing();
    this.limit(options);
    this.#slots = new SourceSlots(random(8), sourcesMax);
    this.#fullAtMs = new Float64Array(this.#slots.size).fill(Number.NEGATIVE_INFINITY);
    this.#clock = clock;
  }

  /**
   * Sets the rate from now on.
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG for a rate of zero or a burst below 1
   */
  limit({ perSecond, burst }: Pick<SourceBudgetOptions, 'perSecond' | 'burst'>): void {
    if (!(perSecond > 0 && burst >= 1)) throw nothing();
    this.#tokenMs = 1_000 / perSecond;
    this.#burstMs = burst * this.#tokenMs;
  }

  /**
   * Takes the tokens of one response.
   * @param ip - canonical source address (address.ts)
   * @param options.port - for that port's own bucket; 0 for the source's
   * @param options.tokens - default 1
   * @returns false without so many tokens, unless it is full: send no response
   */
  take(ip: string, { port = 0, tokens = 1 } = {}): boolean {
    const fullAt = this.#fullAfter(tokens, ip, port);
    if (fullAt === undefined) return false;
    const { first, second } = this.#slots;
    this.#fullAtMs[first] = Math.max(this.#fullAtMs[first] as number, fullAt);
    this.#fullAtMs[second] = Math.max(this.#fullAtMs[second] as number, fullAt);
    return true;
  }

  /** Returns whether `take` of one token would succeed now. */
  has(ip: string, port = 0): boolean {
    return this.#fullAfter(1, ip, port) !== undefined;
  }

  /**
   * Locates the buckets.
   * @returns the time at which they are full after taking the tokens; undefined without so many
   */
  #fullAfter(tokens: number, ip: string, port: number): number | undefined {
    const now = this.#clock.monotonic();
    this.#slots.locate(ip, port);
    const firstFullAt = this.#fullAtMs[this.#slots.first] as number;
    const secondFullAt = this.#fullAtMs[this.#slots.second] as number;
    const since = Math.max(Math.min(firstFullAt, secondFullAt), now);
    const fullAt = since + tokens * this.#tokenMs;
    if (since === now) return fullAt;
    // A thousandth of a token covers the rounding of rates that are not a whole number of ms.
    return fullAt - now > this.#burstMs + this.#tokenMs / 1_000 ? undefined : fullAt;
  }
}

function nothing(): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_CONFIG', 'a challenge budget of nothing');
}
