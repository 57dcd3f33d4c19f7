/**
 * Draws two items and returns the less loaded one (Mitzenmacher, "The power of two choices", 2001),
 * so that loads which are a moment old do not send a burst to one of them.
 * @param random - uniform in [0, 1)
 * @returns undefined if there are none
 */
export function lessLoadedOfTwo<Item>(
  items: readonly Item[],
  loadOf: (item: Item) => number,
  random: () => number,
): Item | undefined {
  const draw = () => items[Math.floor(random() * items.length)];
  const [one, other] = [draw(), draw()];
  if (one === undefined || other === undefined) return undefined;
  return loadOf(other) < loadOf(one) ? other : one;
}
