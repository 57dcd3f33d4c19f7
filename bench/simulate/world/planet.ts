import { accessClusters } from './access.js';
import { cableDistances } from './cables.js';
import { type City, populousCities } from './cities.js';
import { Outages } from './outages.js';
import { type PlanetParts, PlanetTruth } from './planet-truth.js';
import { placeRegions, placeRelays, providers } from './regions.js';
import { relaysByRegion, type World } from './world.js';

/** Size and make of a planet. */
export interface PlanetOptions {
  readonly seed: number;
  readonly regions: number;
  readonly relays: number;
  readonly clusters: number;
  /** Number of providers: one with a backbone, the others on the public Internet. */
  readonly providers: number;
  /** Length of the simulated time, for outages. */
  readonly hours: number;
}

/** A planet, with what its statistics are made of. */
export interface Planet extends World {
  readonly parts: PlanetParts;
  readonly cities: readonly City[];
}

const CITIES_MIN = 300;
const CITIES_MAX = 1_000;

/** Generates a planet. The same options give the same planet. */
export function generatePlanet(options: PlanetOptions): Planet {
  const { seed, hours } = options;
  const wanted = Math.max(CITIES_MIN, options.regions, Math.ceil(options.clusters / 6));
  const cities = populousCities(Math.min(CITIES_MAX, wanted));
  const km = cableDistances(cities, seed);
  const list = providers(options.providers);
  const regions = placeRegions(cities, list, options.regions, seed + 11);
  const relays = placeRelays(regions, options.relays, seed + 12);
  const clusters = accessClusters(cities, options.clusters, seed + 13);
  const scope = {
    providers: list.length,
    regions: regions.length,
    regionOf: relays.map(({ region }) => region),
    providerOf: regions.map(({ providerIndex }) => providerIndex),
  };
  const outages = new Outages(scope, hours, seed + 14);
  const parts = { seed, cities: cities.length, km, providers: list, regions, clusters, outages };
  return {
    title: `synthetic planet ${seed}`,
    regions,
    relays,
    relaysOf: relaysByRegion(regions.length, relays),
    clusters,
    truth: new PlanetTruth(parts),
    parts,
    cities,
  };
}
