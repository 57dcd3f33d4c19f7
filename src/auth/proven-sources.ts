import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import { SourceSlots } from './source-slots.js';

/**
 * Sources (IPv4 address or IPv6 /64) from which a credential was proved recently, in a table of
 * fixed size. It stores no addresses: a source is marked at one slot in each half of the table,
 * and counts while both marks are recent. So no mark can be evicted. By chance the marks of two
 * other sources may cover a third one, which then has a larger budget.
 */
export class ProvenSources {
  readonly #provenAtMs: Float64Array;
  readonly #memoryMs: number;
  readonly #clock: Clock;
  readonly #slots: SourceSlots;

  constructor(options: {
    /** Number of marks; 8 bytes each. */
    readonly sourcesMax: number;
    /** Time for which a proof counts, ms. */
    readonly memoryMs: number;
    readonly clock: Clock;
    /** Source of the hash key; default the system's. */
    readonly random?: RandomBytes;
  }) {
    const { sourcesMax, memoryMs, clock, random = randomBytes } = options;
    this.#slots = new SourceSlots(random(8), sourcesMax);
    this.#provenAtMs = new Float64Array(this.#slots.size).fill(Number.NEGATIVE_INFINITY);
    this.#memoryMs = memoryMs;
    this.#clock = clock;
  }

  /** Marks the source of an authenticated request. @param ip - canonical address (address.ts) */
  add(ip: string): void {
    this.#slots.locate(ip, 0);
    const { first, second } = this.#slots;
    const now = this.#clock.monotonic();
    this.#provenAtMs[first] = now;
    this.#provenAtMs[second] = now;
  }

  /** Returns whether an authenticated request came from a source within `memoryMs`. */
  has(ip: string): boolean {
    const since = this.#clock.monotonic() - this.#memoryMs;
    this.#slots.locate(ip, 0);
    const { first, second } = this.#slots;
    const provenAtMs = Math.min(
      this.#provenAtMs[first] as number,
      this.#provenAtMs[second] as number,
    );
    return provenAtMs >= since;
  }
}
