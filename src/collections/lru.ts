/**
 * Puts an entry at the end of a map, or moves it there. Deletes the first entry if there are more
 * than `entriesMax`.
 */
export function putMostRecent<Key, Value>(
  map: Map<Key, Value>,
  [key, value]: readonly [Key, Value],
  entriesMax: number,
): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= entriesMax) return;
  const [oldest] = map.keys();
  map.delete(oldest as Key);
}
