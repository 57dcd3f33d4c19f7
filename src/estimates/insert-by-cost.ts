/**
 * Inserts a number into a list of those of least cost, the least first; of equal cost the earlier
 * first.
 * @param costs - cost by number
 * @param countMax - maximum length of the list; the one of highest cost is dropped
 */
export function insertByCost(
  list: number[],
  item: number,
  costs: ArrayLike<number>,
  countMax: number,
): void {
  const cost = costs[item] ?? 0;
  let at = list.length;
  while (at > 0 && (costs[list[at - 1] ?? 0] ?? 0) > cost) at -= 1;
  if (at >= countMax) return;
  list.splice(at, 0, item);
  if (list.length > countMax) list.pop();
}
