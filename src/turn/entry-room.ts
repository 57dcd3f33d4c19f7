import type { Allocation } from './allocation.js';
import { shareOf } from './holder-counts.js';
import type { TurnLimits } from './turn-options.js';

/**
 * Entries of a worker's table that every allocation can have, whatever others hold: its own, and
 * those of one peer with a permission and a channel.
 */
export const ENTRIES_GUARANTEED = 4;

/** Of the entries that nobody is guaranteed, a user has at most this many times those left. */
export const ENTRIES_OF_USER_PER_FREE = 3;

/** What the entries of one worker's table are used for, beyond the guaranteed ones. */
interface Shared {
  used: number;
  readonly byShare: Map<string, number>;
}

/** The bounds that the room follows from. */
export type EntryBounds = Pick<TurnLimits, 'allocationsMax' | 'entriesMax'>;

/**
 * Shares the entries of the data plane's tables among allocations. Each has some for certain. The
 * rest is for those that come first, but a user who holds much leaves a part of it to others: one
 * alone gets three quarters, the next one three quarters of what is left. So neither one user's
 * allocations with many permissions nor those of several make the others unusable.
 */
export class EntryRoom {
  readonly #guaranteed: number;
  readonly #sharedMax: number;
  /** By worker. */
  readonly #shared = new Map<number, Shared>();

  constructor({ allocationsMax, entriesMax = Number.POSITIVE_INFINITY }: EntryBounds) {
    this.#guaranteed = Math.min(ENTRIES_GUARANTEED, Math.floor(entriesMax / (2 * allocationsMax)));
    this.#sharedMax = entriesMax - this.#guaranteed * allocationsMax;
  }

  /** Takes room for further entries of an allocation. @returns false if there is too little */
  take(allocation: Allocation, count: number): boolean {
    const further = this.#sharedOf(allocation.entries + count) - this.#sharedOf(allocation.entries);
    if (further > 0) {
      const [shared, share] = [this.#of(allocation), shareOf(allocation)];
      const left = this.#sharedMax - shared.used - further;
      const held = (shared.byShare.get(share) ?? 0) + further;
      if (left < 0 || held > ENTRIES_OF_USER_PER_FREE * left) return false;
      shared.used += further;
      shared.byShare.set(share, held);
    }
    allocation.entries += count;
    return true;
  }

  /** Gives room back that `take` took. */
  give(allocation: Allocation, count: number): void {
    const fewer = this.#sharedOf(allocation.entries) - this.#sharedOf(allocation.entries - count);
    allocation.entries -= count;
    if (fewer === 0) return;
    const [shared, share] = [this.#of(allocation), shareOf(allocation)];
    const held = (shared.byShare.get(share) ?? 0) - fewer;
    shared.used -= fewer;
    if (held > 0) shared.byShare.set(share, held);
    else shared.byShare.delete(share);
  }

  #sharedOf(entries: number): number {
    return Math.max(entries - this.#guaranteed, 0);
  }

  #of({ origin: { worker } }: Allocation): Shared {
    const known = this.#shared.get(worker);
    if (known !== undefined) return known;
    const shared: Shared = { used: 0, byShare: new Map() };
    this.#shared.set(worker, shared);
    return shared;
  }
}
