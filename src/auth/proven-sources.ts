import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import { SourcePlaces } from './source-places.js';

/**
 * Sources (IPv4 address or IPv6 /64) from which somebody proved a credential lately, in a table
 * that never grows. It holds no addresses: a source is marked in one place of each half, and counts
 * while both marks are fresh. So nobody's mark can be pushed out; two others' marks together may
 * stand for a third source by chance, which then has a larger budget than strangers.
 */
export class ProvenSources {
  readonly #provenAtMs: Float64Array;
  readonly #memoryMs: number;
  readonly #clock: Clock;
  readonly #places: SourcePlaces;

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
    this.#places = new SourcePlaces(random(8), sourcesMax);
    this.#provenAtMs = new Float64Array(this.#places.size).fill(Number.NEGATIVE_INFINITY);
    this.#memoryMs = memoryMs;
    this.#clock = clock;
  }

  /** @param ip - canonical address of an authenticated request (address.ts) */
  add(ip: string): void {
    this.#places.locate(ip, 0);
    const { first, second } = this.#places;
    const now = this.#clock.monotonic();
    this.#provenAtMs[first] = now;
    this.#provenAtMs[second] = now;
  }

  /** Whether an authenticated request came from that source within the memory. */
  has(ip: string): boolean {
    const since = this.#clock.monotonic() - this.#memoryMs;
    this.#places.locate(ip, 0);
    const { first, second } = this.#places;
    const provenAtMs = Math.min(
      this.#provenAtMs[first] as number,
      this.#provenAtMs[second] as number,
    );
    return provenAtMs >= since;
  }
}
