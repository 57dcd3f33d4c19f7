import { hasTrunk } from '../../registry/record.js';
import { BOTH_FAMILIES } from '../../selection/request.js';
import type { LiveRelay } from '../snapshot.js';

/** Counts the relays of a set that have a trunk address family in common with another relay. */
export class TrunkFamilyCounts {
  /** Number of relays by bit mask of families. */
  readonly #counts = new Map<number, number>();

  constructor(relays: Iterable<LiveRelay>) {
    for (const relay of relays) {
      const families = familiesOf(relay);
      this.#counts.set(families, (this.#counts.get(families) ?? 0) + 1);
    }
  }

  /**
   * Returns how many relays of the set have a family in common with a relay; it counts itself if it
   * is in the set.
   */
  inCommonWith(relay: LiveRelay): number {
    const families = familiesOf(relay);
    let count = 0;
    for (const [each, number] of this.#counts) if ((each & families) !== 0) count += number;
    return count;
  }
}

/** Returns a bit mask with one bit for each family that the relay's trunk has. */
export function familiesOf(relay: LiveRelay): number {
  return BOTH_FAMILIES.reduce(
    (bits, family, index) => (hasTrunk(relay, family) ? bits | (1 << index) : bits),
    0,
  );
}
