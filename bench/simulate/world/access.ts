import { hash32, Random } from '../random.js';
import type { City } from './cities.js';
import { continentOf } from './geography.js';
import { TECHNOLOGY_MIX } from './technology.js';
import type { Cluster } from './world.js';

/** A cluster of the planet, with its city. */
export interface PlanetCluster extends Cluster {
  readonly city: number;
}

type AccessKind = 'fixed' | 'cellular' | 'satellite';

/** Access networks of a country: kind and share of the people (assumption). */
const NETWORKS: readonly (readonly [kind: AccessKind, share: number])[] = [
  ['fixed', 0.36],
  ['cellular', 0.17],
  ['fixed', 0.22],
  ['cellular', 0.11],
  ['fixed', 0.12],
  ['satellite', 0.02],
];

const { wifi, wired } = TECHNOLOGY_MIX;
const TECHNOLOGIES_OF: Readonly<Record<AccessKind, Cluster['technologies']>> = {
  fixed: [
    ['wifi', wifi / (wifi + wired)],
    ['wired', wired / (wifi + wired)],
  ],
  cellular: [['cellular', 1]],
  satellite: [['starlink', 1]],
};

/** Private AS numbers start here (RFC 6996 section 5). */
const ASN_FIRST = 4_200_000_000;

/**
 * Returns the clusters of the planet: each access network of a country in each of its cities.
 * Cities are drawn by population; each network of a drawn city is one cluster.
 * @param count - number of clusters
 */
export function accessClusters(
  cities: readonly City[],
  count: number,
  seed: number,
): PlanetCluster[] {
  const places = Math.min(cities.length, Math.ceil(count / NETWORKS.length));
  const all = drawCities(cities, places, seed).flatMap((city) =>
    NETWORKS.map(([kind, share], rank) => ({ city, kind, share, rank })),
  );
  // Networks with few people are left out first.
  const weightOf = ({ city, share }: (typeof all)[number]) =>
    (cities[city] as City).population * share;
  const kept = all.sort((a, b) => weightOf(b) - weightOf(a)).slice(0, count);
  const sum = kept.reduce((total, one) => total + weightOf(one), 0);
  return kept.map((one, index) => {
    const city = cities[one.city] as City;
    return {
      network: networkOf(index),
      asn: asnOf(city.country, one.rank),
      city: one.city,
      place: city,
      continent: continentOf(city),
      technologies: TECHNOLOGIES_OF[one.kind as AccessKind],
      weight: weightOf(one) / sum,
    };
  });
}

/** Draws different cities by population (exponential keys, Efraimidis and Spirakis 2006). */
function drawCities(cities: readonly City[], count: number, seed: number): number[] {
  const random = new Random(seed);
  return cities
    .map(({ population }, city) => ({ city, key: random.exponential(1) / population }))
    .sort((a, b) => a.key - b.key)
    .slice(0, count)
    .map(({ city }) => city);
}

/** Returns the AS number of the nth network of a country. */
function asnOf(country: string, rank: number): number {
  const [a = 0, b = 0] = [country.charCodeAt(0), country.charCodeAt(1)];
  return ASN_FIRST + ((a - 65) * 26 + (b - 65)) * NETWORKS.length + rank;
}

/** Returns a prefix of its own for each cluster: /20 of 20.0.0.0 and up, or fewer bits for none. */
function networkOf(index: number): string {
  const third = (index & 15) << 4;
  return `${20 + (index >> 12)}.${(index >> 4) & 255}.${third}.0/20`;
}

/** Returns the number of an AS for draws. */
export function asKey(asn: number): number {
  return hash32(7, asn);
}
