import type { DrawOptions, RelayPair } from './draw.js';
import { fitOf } from './fitness.js';
import { pairFault } from './relay-facts.js';
import type { FormerPair } from './request.js';
import { relayOf } from './snapshot.js';
import type { SelectionWeights } from './weights.js';

/**
 * Returns a former pair if it can serve with as few exceptions as any other, in regions that are
 * considered.
 */
export function ableFormerPair(
  { snapshot, sides }: DrawOptions,
  { relays }: FormerPair,
): RelayPair | undefined {
  const [a, b] = [relayOf(snapshot, relays[0]), relayOf(snapshot, relays[1])];
  if (a === undefined || b === undefined) return undefined;
  if (a !== b && pairFault(a, b) !== undefined) return undefined;
  const legs = a === b ? 2 : 1;
  const serves = [a, b].every((row, i) => {
    const { wish, candidates } = sides[i as 0 | 1];
    if (!candidates.regions.subarray(0, candidates.all).includes(row.region)) return false;
    const least = candidates.exceptions[candidates.order[0] as number] as number;
    const fit = fitOf(snapshot, row, wish, legs);
    return fit !== undefined && fit.weight <= least;
  });
  return serves ? [a, b] : undefined;
}

/**
 * Returns whether a pair is so much better than a former one that the former one may be left.
 * @param bestMs - cost of the pair, ms
 * @param formerMs - cost of the former one, ms
 */
export function isBetter(
  bestMs: number,
  formerMs: number,
  { stickyMs, stickyShare }: SelectionWeights,
): boolean {
  return formerMs - bestMs >= Math.max(stickyMs, stickyShare * formerMs);
}
