import { normal } from '../random.js';
import type { City } from './cities.js';
import { distanceKm } from './geography.js';

/**
 * Shape of the graph of cables. It is found by trial, so that inflation by distance, triangle
 * violations and gains by one relay come out as measured (`calibration.ts`).
 */
const LARGER_CITIES = 2;
const HUBS = 25;
const HUB_LINKS = 4;
/** Deviation of a cable's detour over the great circle. */
const DETOUR_SD = 0.33;

/**
 * Returns the length of the shortest way over cables between all cities, km, row by row. Each city
 * is linked to the nearest of the larger ones, and the largest to each other. So a way between two
 * places may lead over a third continent, and yet no triangle is violated.
 * @param cities - largest first
 */
export function cableDistances(cities: readonly City[], seed: number): Float32Array {
  const count = cities.length;
  const km = new Float32Array(count * count).fill(Number.POSITIVE_INFINITY);
  const link = (a: number, b: number) => {
    const [low, high] = a < b ? [a, b] : [b, a];
    const detour = Math.abs(DETOUR_SD * normal(seed, low, high));
    const length = distanceKm(cities[a] as City, cities[b] as City) * (1 + detour);
    km[a * count + b] = length;
    km[b * count + a] = length;
  };
  for (let city = 0; city < count; city++) {
    km[city * count + city] = 0;
    for (const other of nearest(cities, city, city, LARGER_CITIES)) link(city, other);
    if (city >= HUBS) continue;
    for (const other of nearest(cities, city, HUBS, HUB_LINKS)) link(city, other);
  }
  shortenAll(km, count);
  return km;
}

/** Returns the `links` cities nearest to one, among the first `among`. */
function nearest(cities: readonly City[], city: number, among: number, links: number): number[] {
  const from = cities[city] as City;
  return cities
    .slice(0, among)
    .map((other, index) => ({ index, km: distanceKm(from, other) }))
    .filter(({ index }) => index !== city)
    .sort((a, b) => a.km - b.km)
    .slice(0, links)
    .map(({ index }) => index);
}

/** Replaces each length by that of the shortest way (Floyd and Warshall). */
function shortenAll(km: Float32Array, count: number): void {
  for (let over = 0; over < count; over++) {
    for (let from = 0; from < count; from++) {
      const first = km[from * count + over] as number;
      if (first === Number.POSITIVE_INFINITY) continue;
      for (let to = 0; to < count; to++) {
        const way = first + (km[over * count + to] as number);
        if (way < (km[from * count + to] as number)) km[from * count + to] = way;
      }
    }
  }
}
