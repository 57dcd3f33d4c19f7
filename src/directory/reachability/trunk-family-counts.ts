import { BOTH_FAMILIES, hasTrunk } from '../selection/score.js';
import type { LiveRelay } from '../snapshot.js';

/** How many relays of a set have a trunk address family in common with another relay. */
export class TrunkFamilyCounts {
  /** By which families they have. */
  readonly #counts = new Map<number, number>();

  constructor(relays: Iterable<LiveRelay>) {
    for (const relay of relays) {
      const families = familiesOf(relay);
      this.#counts.set(families, (this.#counts.get(families) ?? 0) + 1);
    }
  }

  /** Those that can be expected to reach it; itself counts, where it is one of them. */
  inCommonWith(relay: LiveRelay): number {
    const families = familiesOf(relay);
    let count = 0;
    for (const [each, number] of this.#counts) if ((each & families) !== 0) count += number;
    return count;
  }
}

/** One bit for each family that the relay's trunk has. */
function familiesOf(relay: LiveRelay): number {
  return BOTH_FAMILIES.reduce(
    (bits, family, index) => (hasTrunk(relay, family) ? bits | (1 << index) : bits),
    0,
  );
}
