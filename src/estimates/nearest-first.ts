/** An item with its cost. */
export interface Costed<T> {
  readonly item: T;
  readonly cost: number;
}

/**
 * Returns the items of least cost, those of the least first; of equal cost the earlier first.
 * @param countMax - maximum items of the result
 */
export function nearestFirst<T>(
  items: readonly T[],
  costOf: (item: T) => number,
  countMax: number,
): Costed<T>[] {
  const best: Costed<T>[] = [];
  for (const item of items) {
    const cost = costOf(item);
    let at = best.length;
    while (at > 0 && (best[at - 1]?.cost ?? 0) > cost) at -= 1;
    if (at >= countMax) continue;
    best.splice(at, 0, { item, cost });
    if (best.length > countMax) best.pop();
  }
  return best;
}
