import { COUNTERS, type CounterMeaning, type CounterName, type CounterUnit } from './counters.js';
import type { DataPlane } from './types.js';

const NAMES = Object.keys(COUNTERS) as CounterName[];

/**
 * Returns a function that reads the data plane's counters of one unit, for a metric.
 * @param dropped - whether those of drops or all others
 */
export function counterRows(
  plane: Pick<DataPlane, 'counters'>,
  unit: CounterUnit,
  dropped: boolean,
): () => (readonly [name: CounterName, count: number])[] {
  const those = NAMES.filter((name) => {
    const meaning: CounterMeaning = COUNTERS[name];
    return meaning.unit === unit && (meaning.dropped ?? false) === dropped;
  });
  return () => {
    const counters = plane.counters();
    return those.map((name) => [name, Number(counters[name])] as const);
  };
}
