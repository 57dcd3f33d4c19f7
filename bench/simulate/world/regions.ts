import { Random, uniform } from '../random.js';
import type { City } from './cities.js';
import { continentOf } from './geography.js';
import type { Network, NetworkKind } from './networks.js';
import type { Region, RelaySite } from './world.js';

/** A provider of relays' hosts. */
export interface Provider extends Network {
  readonly name: string;
  readonly pricePerGb: number;
}

/** A region of the planet: a provider in a city. */
export interface PlanetRegion extends Region {
  readonly provider: string;
  readonly providerIndex: number;
  readonly city: number;
}

/** Prices of outgoing traffic, USD per GB (assumption: list prices of backbones and of hosters). */
const PRICE: Readonly<Record<NetworkKind, number>> = { backbone: 0.08, public: 0.01 };

/** Returns the providers: the first has a backbone, the others use the public Internet. */
export function providers(count: number): Provider[] {
  return Array.from({ length: count }, (_, key) => {
    const kind = key === 0 ? 'backbone' : 'public';
    return { kind, key, name: `${kind}-${key + 1}`, pricePerGb: PRICE[kind] * (1 + 0.25 * key) };
  });
}

/**
 * Places each provider in cities. Larger cities are likelier.
 * @param count - number of regions of all providers
 */
export function placeRegions(
  cities: readonly City[],
  list: readonly Provider[],
  count: number,
  seed: number,
): PlanetRegion[] {
  return list.flatMap((provider, providerIndex) => {
    const share = Math.floor((count + providerIndex) / list.length);
    return drawCities(cities, share, seed + providerIndex).map((index) => {
      const city = cities[index] as City;
      return {
        name: `${provider.name}-${index}`,
        provider: provider.name,
        providerIndex,
        city: index,
        place: city,
        continent: continentOf(city),
        pricePerGb: provider.pricePerGb,
      };
    });
  });
}

/** Draws different cities. A city is likelier by the root of its population (assumption). */
export function drawCities(cities: readonly City[], count: number, seed: number): number[] {
  const random = new Random(seed);
  return cities
    .map(({ population }, index) => ({ index, key: random.exponential(1) / Math.sqrt(population) }))
    .sort((a, b) => a.key - b.key)
    .slice(0, count)
    .map(({ index }) => index);
}

/** Legs that relays hold, by size of the host. */
const LEGS_MAX = [500, 1_000, 1_000, 2_000] as const;

/**
 * Spreads relays over regions: at least two in each where there are enough, the others by chance.
 * @param count - number of relays; at least the number of regions
 */
export function placeRelays(regions: readonly Region[], count: number, seed: number): RelaySite[] {
  const random = new Random(seed);
  const relays: RelaySite[] = [];
  for (let index = 0; index < count; index++) {
    const region =
      index < 2 * regions.length ? index % regions.length : random.index(regions.length);
    const size = Math.floor(uniform(seed, index) * LEGS_MAX.length);
    relays.push({ id: `relay-${index}`, region, legsMax: LEGS_MAX[size] ?? LEGS_MAX[0] });
  }
  return relays;
}
