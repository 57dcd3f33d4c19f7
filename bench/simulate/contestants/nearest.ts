import { distanceKm, type Place } from '../world/geography.js';
import type { Cluster, Quality, Region, World } from '../world/world.js';
import type { ContestantEntry, RelayPool } from './contestant.js';

/** The relay nearest to each peer by the great circle. */
export const nearestByPlace: ContestantEntry = {
  name: 'nearest-place',
  title: 'nearest region to each peer by geography',
  needsPlaces: true,
  make: ({ world, relays }) => {
    const nearest = world.clusters.map((cluster) => byDistance(world.regions, cluster));
    return {
      choose: ({ call, atMs }) => {
        const [a, b] = call.peers.map(({ cluster }) =>
          firstLive(nearest[cluster] ?? [], relays, atMs),
        );
        return a === undefined || b === undefined ? undefined : relays.drawPair(a, b, atMs);
      },
    };
  },
};

/** Regions further away than these are never the nearest live one. */
const KEPT = 8;

function byDistance(regions: readonly Region[], { place }: Cluster): number[] {
  return regions
    .map((region, index) => ({ index, km: distanceKm(region.place as Place, place as Place) }))
    .sort((x, y) => x.km - y.km)
    .slice(0, KEPT)
    .map(({ index }) => index);
}

function firstLive(regions: readonly number[], relays: RelayPool, atMs: number) {
  return regions.find((region) => relays.draw(region, atMs) !== undefined);
}

/** The region that is nearest to each peer by the round-trip time at this moment. */
export const nearestByRtt: ContestantEntry = {
  name: 'nearest-rtt',
  title: 'nearest region to each peer by its own round-trip time',
  make: ({ world, relays }) => ({
    choose: ({ call, atMs }) => {
      const [a, b] = call.peers.map(({ cluster }) => {
        const legs = legRtts(world, cluster, atMs);
        const order = [...legs.keys()].sort((x, y) => (legs[x] ?? 0) - (legs[y] ?? 0));
        return firstLive(order, relays, atMs);
      });
      return a === undefined || b === undefined ? undefined : relays.drawPair(a, b, atMs);
    },
  }),
};

/** Returns the RTT from a cluster to each region at a moment, ms. */
export function legRtts(world: World, cluster: number, atMs: number): Float32Array {
  const leg: Quality = { rttMs: 0, jitterMs: 0, loss: 0 };
  return Float32Array.from(world.regions, (_, region) => {
    world.truth.leg(cluster, region, atMs, leg);
    return leg.rttMs;
  });
}
