import type { Quality, World } from '../world/world.js';
import type { ContestantEntry } from './contestant.js';
import { PairSearch, RTT_ONLY } from './pair-search.js';

/** Knows all paths in calm weather, and nothing of disturbances. */
export const staticOracle: ContestantEntry = {
  name: 'oracle-static',
  title: 'oracle of calm weather',
  make: ({ world, relays }) => {
    const search = new PairSearch(world, calm(world));
    return {
      choose: ({ call, atMs }) => {
        const clusters = [call.peers[0].cluster, call.peers[1].cluster] as const;
        const usable = (region: number) => relays.draw(region, atMs) !== undefined;
        const best = search.best(clusters, atMs, RTT_ONLY, usable);
        return best && relays.drawPair(best.a, best.b, atMs);
      },
    };
  },
};

/** Knows all paths at the moment of the choice; the call keeps its pair. */
export const startOracle: ContestantEntry = {
  name: 'oracle-start',
  title: 'oracle of the moment when the call begins',
  make: ({ world, relays }) => {
    const search = new PairSearch(world);
    return {
      choose: ({ call, atMs }) => {
        const clusters = [call.peers[0].cluster, call.peers[1].cluster] as const;
        const usable = (region: number) => relays.draw(region, atMs) !== undefined;
        const best = search.best(clusters, atMs, RTT_ONLY, usable);
        return best && relays.drawPair(best.a, best.b, atMs);
      },
    };
  },
};

/** Returns the paths in calm weather. */
function calm({ truth, regions }: World) {
  const write = (out: Quality, rttMs: number) => {
    out.rttMs = rttMs;
    out.jitterMs = 0;
    out.loss = 0;
  };
  return {
    leg: (cluster: number, region: number, _atMs: number, out: Quality) =>
      write(out, truth.legFloorMs[cluster * regions.length + region] as number),
    trunk: (a: number, b: number, _atMs: number, out: Quality) =>
      write(out, truth.trunkFloorMs[a * regions.length + b] as number),
  };
}
