/**
 * Returns the known name that an unknown one most likely stands for.
 * @param typed - the unknown name
 * @param known - names that exist
 * @returns the nearest by edit distance, within one edit or two fifths of the typed length; else
 *   the only known name that contains the typed one; else undefined
 */
export function nearestName(typed: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const name of known) {
    const distance = editDistance(fold(typed), fold(name));
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  const slipsMax = Math.max(1, Math.floor(typed.length * 0.4));
  return bestDistance <= slipsMax ? best : longerName(typed, known);
}

/** Returns the only known name that contains the typed one: `directoryUrl` for `url`. */
function longerName(typed: string, known: Iterable<string>): string | undefined {
  if (typed.length < PART_CHARACTERS_MIN) return undefined;
  const longer = [...known].filter((name) => fold(name).includes(fold(typed)));
  return longer.length === 1 ? longer[0] : undefined;
}

/** Minimum length of a typed name that is looked for inside the known ones. */
const PART_CHARACTERS_MIN = 3;

/** Removes case and separators, so that `udpListen` and `UDP_LISTEN` equal `udp-listen`. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '');
}

/**
 * Returns the number of edits (insert, delete, replace, swap of neighbours) that turn one text into
 * the other: the optimal string alignment distance.
 */
function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1] ? 0 : 1;
      let cost = Math.min(
        at(current, column - 1) + 1,
        at(previous, column) + 1,
        at(previous, column - 1) + same,
      );
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (row > 1 && column > 1 && swapped) {
        cost = Math.min(cost, at(beforePrevious, column - 2) + 1);
      }
      current.push(cost);
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? 0;
}
