import { NumberPool } from '../collections/number-pool.js';

/** Time before the slot of a freed session index is taken again (PROTOCOL.md section 3). */
export const SESSION_INDEX_REST_MS = 60_000;

/**
 * Session indexes that a usage gives to other relays: a part of the data plane's slots. The high
 * bits of an index count the uses of its slot: so neither a recorded close by index nor a late
 * record reaches a later use of the slot.
 */
export class SessionIndexPool {
  readonly #pool: NumberPool;
  readonly #slots: number;
  readonly #first: number;
  readonly #uses: Uint32Array;

  /**
   * @param sessionsMax - number of the data plane's session indexes
   * @param part - the slots of this pool; default all
   */
  constructor(
    sessionsMax: number,
    { first, count }: { first: number; count: number } = { first: 0, count: sessionsMax },
  ) {
    this.#slots = 2 ** Math.ceil(Math.log2(sessionsMax));
    this.#first = first;
    this.#uses = new Uint32Array(count);
    const last = first + count - 1;
    this.#pool = new NumberPool({ first, last, quarantineMs: SESSION_INDEX_REST_MS });
  }

  /** Number of indexes that are taken. */
  get held(): number {
    return this.#pool.held;
  }

  /** Takes a session index. @param now - monotonic ms @returns undefined if none is left */
  take(now: number): number | undefined {
    const slot = this.#pool.take(now);
    if (slot === undefined) return undefined;
    const uses = this.#uses[slot - this.#first] as number;
    this.#uses[slot - this.#first] = (uses + 1) % (2 ** 32 / this.#slots);
    return uses * this.#slots + slot;
  }

  /** Frees an index, whose slot then rests. @param now - monotonic ms */
  free(index: number, now: number): void {
    this.#pool.free(index % this.#slots, now);
  }
}
