/**
 * Returns the known name that is most likely meant by a mistyped one.
 * @param typed - the unknown name
 * @param known - names that exist
 * @returns the nearest by edit distance, or undefined when none is near enough to be a slip
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

/** The one name that holds the typed one whole: `url` is short for `directoryUrl`. */
function longerName(typed: string, known: Iterable<string>): string | undefined {
  if (typed.length < PART_CHARACTERS_MIN) return undefined;
  const longer = [...known].filter((name) => fold(name).includes(fold(typed)));
  return longer.length === 1 ? longer[0] : undefined;
}

const PART_CHARACTERS_MIN = 3;

/** Ignores case and separators, the commonest slips: `udpListen`, `UDP_LISTEN`. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '');
}

/** Edits (insert, delete, replace, swap of neighbours) that turn one text into the other. */
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
