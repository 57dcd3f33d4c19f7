import { randomBytes } from 'node:crypto';
import { TurnpikeError } from '../errors.js';
import type { Clock, RandomBytes } from '../units.js';
import { HalfSipHash } from './half-sip-hash.js';

export interface ChallengeBudgetOptions {
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

const IPV6_GROUPS = 8;

/**
 * Token buckets that pay for answers to strangers (PROTOCOL.md section 2), one per IPv4 address or
 * IPv6 /64, in a table that never grows.
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
export class ChallengeBudget {
  readonly #fullAtMs: Float64Array;
  readonly #half: number;
  #tokenMs = 0;
  #burstMs = 0;
  readonly #clock: Clock;
  readonly #hash: HalfSipHash;
  readonly #groups = new Uint16Array(IPV6_GROUPS);

  /** @throws TurnpikeError ERR_TURNPIKE_CONFIG when a number is below what makes a table */
  constructor(options: ChallengeBudgetOptions) {
    const { sourcesMax, clock, random = randomBytes } = options;
    if (!(sourcesMax >= 2)) throw nothing();
    this.limit(options);
    this.#half = Math.floor(sourcesMax / 2);
    this.#fullAtMs = new Float64Array(this.#half * 2).fill(Number.NEGATIVE_INFINITY);
    this.#clock = clock;
    this.#hash = new HalfSipHash(random(8));
  }

  /**
   * Sets what a source may cost from now on.
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG when that is nothing
   */
  limit({ perSecond, burst }: Pick<ChallengeBudgetOptions, 'perSecond' | 'burst'>): void {
    if (!(perSecond > 0 && burst >= 1)) throw nothing();
    this.#tokenMs = 1_000 / perSecond;
    this.#burstMs = burst * this.#tokenMs;
  }

  /**
   * Pays for one answer.
   * @param ip - canonical source address (address.ts)
   * @returns false when the source has nothing left: say nothing to it
   */
  take(ip: string): boolean {
    const now = this.#clock.monotonic();
    this.#locate(ip);
    const first = this.#hash.low % this.#half;
    const second = this.#half + (this.#hash.high % this.#half);
    const firstFullAt = this.#fullAtMs[first] as number;
    const secondFullAt = this.#fullAtMs[second] as number;
    const fullAt = Math.max(Math.min(firstFullAt, secondFullAt), now) + this.#tokenMs;
    // A thousandth of a token forgives the rounding of a rate that is not a whole number of ms.
    if (fullAt - now > this.#burstMs + this.#tokenMs / 1_000) return false;
    this.#fullAtMs[first] = Math.max(firstFullAt, fullAt);
    this.#fullAtMs[second] = Math.max(secondFullAt, fullAt);
    return true;
  }

  /** Hashes what identifies the source: family and IPv4 address or IPv6 /64. */
  #locate(ip: string): void {
    if (!ip.includes(':')) {
      this.#hash.hash(4, ipv4Word(ip), 0);
      return;
    }
    parseGroups(ip, this.#groups);
    const [a, b, c, d] = this.#groups as unknown as [number, number, number, number];
    this.#hash.hash(6, (a << 16) | b, (c << 16) | d);
  }
}

function nothing(): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_CONFIG', 'a challenge budget of nothing');
}

const DOT = 0x2e;
const COLON = 0x3a;
const DIGIT_ZERO = 0x30;
const LETTER_A = 0x61;

function ipv4Word(ip: string): number {
  let word = 0;
  let octet = 0;
  for (let i = 0; i < ip.length; i += 1) {
    const character = ip.charCodeAt(i);
    if (character === DOT) {
      word = (word << 8) | octet;
      octet = 0;
    } else {
      octet = octet * 10 + (character - DIGIT_ZERO);
    }
  }
  return (word << 8) | octet;
}

/** The eight groups of canonical IPv6 text (lower case, no zone), without making strings. */
function parseGroups(ip: string, groups: Uint16Array): void {
  groups.fill(0);
  let index = 0;
  let gapStart = -1;
  for (let i = 0; i < ip.length; i += 1) {
    const character = ip.charCodeAt(i);
    if (character !== COLON) {
      const digit = character >= LETTER_A ? character - LETTER_A + 10 : character - DIGIT_ZERO;
      groups[index] = ((groups[index] as number) << 4) | digit;
    } else if (ip.charCodeAt(i + 1) !== COLON) {
      index += 1;
    } else {
      // The text starts with the gap when there is no group before it.
      gapStart = i === 0 ? 0 : index + 1;
      index = gapStart;
      i += 1;
    }
  }
  if (gapStart < 0) return;
  const after = index + 1 - gapStart;
  groups.copyWithin(IPV6_GROUPS - after, gapStart, gapStart + after);
  groups.fill(0, gapStart, IPV6_GROUPS - after);
}
