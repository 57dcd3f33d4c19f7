import { putMostRecent } from '../collections/lru.js';

/** Time constant of the decay of recently assigned legs. */
export const RECENT_LEGS_DECAY_MS = 60_000;

/** Maximum relays whose recently assigned legs are remembered. */
export const RECENT_LEGS_RELAYS_MAX = 40_000;

/** A number of legs that decays. */
export interface RecentCount {
  readonly legs: number;
  readonly atMs: number;
}

/** Returns what is left of a count. */
export function recentLegs(count: RecentCount | undefined, nowMs: number): number {
  if (count === undefined) return 0;
  return count.legs * Math.exp((count.atMs - nowMs) / RECENT_LEGS_DECAY_MS);
}

/**
 * Counts the legs recently assigned to each relay, with exponential decay (`RECENT_LEGS_DECAY_MS`).
 * The count outlives the registration, so registering again does not make a relay look idle.
 *
 * Bound: `RECENT_LEGS_RELAYS_MAX` relays; the least recently counted is forgotten.
 */
export class RecentLegs {
  readonly #counts = new Map<string, RecentCount>();

  /** Counts a leg, and returns the relay's new count. */
  add(id: string, nowMs: number): RecentCount {
    const count = { legs: recentLegs(this.#counts.get(id), nowMs) + 1, atMs: nowMs };
    putMostRecent(this.#counts, [id, count], RECENT_LEGS_RELAYS_MAX);
    return count;
  }

  /** Returns a relay's count; undefined if it has none. */
  of(id: string): RecentCount | undefined {
    return this.#counts.get(id);
  }
}
