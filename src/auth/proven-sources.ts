import { randomBytes } from 'node:crypto';
import type { Clock, RandomBytes } from '../units.js';
import { SourceHash } from './source-hash.js';

/**
 * Sources (IPv4 address or IPv6 /64) from which somebody proved a credential lately, in a table
 * that never grows. It holds no addresses: a source is marked in one place of each half, and counts
 * while both marks are fresh. So nobody's mark can be pushed out; two others' marks together may
 * stand for a third source by chance, which then has a larger budget than strangers.
 */
export class ProvenSources {
  readonly #provenAtMs: Float64Array;
  readonly #half: number;
  readonly #memoryMs: number;
  readonly #clock: Clock;
  readonly #hash: SourceHash;

  constructor(options: {
    /** Marks of the table; memory is 8 bytes each. */
    readonly sourcesMax: number;
    /** How long a proof counts. */
    readonly memoryMs: number;
    readonly clock: Clock;
    /** For the key of the hash; the host's by default. */
    readonly random?: RandomBytes;
  }) {
    const { sourcesMax, memoryMs, clock, random = randomBytes } = options;
    this.#half = Math.floor(sourcesMax / 2);
    this.#provenAtMs = new Float64Array(this.#half * 2).fill(Number.NEGATIVE_INFINITY);
    this.#memoryMs = memoryMs;
    this.#clock = clock;
    this.#hash = new SourceHash(random(8));
  }

  /** @param ip - canonical address of an authenticated request (address.ts) */
  add(ip: string): void {
    const now = this.#clock.monotonic();
    for (const place of this.#places(ip)) this.#provenAtMs[place] = now;
  }

  /** Whether an authenticated request came from that source within the memory. */
  has(ip: string): boolean {
    const since = this.#clock.monotonic() - this.#memoryMs;
    return this.#places(ip).every((place) => (this.#provenAtMs[place] as number) >= since);
  }

  #places(ip: string): readonly [number, number] {
    this.#hash.locate(ip, 0);
    return [this.#hash.low % this.#half, this.#half + (this.#hash.high % this.#half)];
  }
}
