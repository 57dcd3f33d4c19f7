import type { Quality } from '../world/world.js';
import type { ContestantEntry } from './contestant.js';
import { legRtts } from './nearest.js';

/**
 * The best pair among the k regions nearest to each peer, with perfect knowledge of legs and trunks
 * at the moment of the choice.
 */
export function topK(k: number): ContestantEntry {
  return {
    name: `top-${k}`,
    title: `best of the ${k} × ${k} nearest regions, perfect knowledge`,
    make: ({ world, relays }) => {
      const trunk: Quality = { rttMs: 0, jitterMs: 0, loss: 0 };
      return {
        choose: ({ call, atMs }) => {
          const [legsA, legsB] = call.peers.map(({ cluster }) => legRtts(world, cluster, atMs)) as [
            Float32Array,
            Float32Array,
          ];
          const [nearA, nearB] = [smallest(legsA, k), smallest(legsB, k)];
          let best: readonly [a: number, b: number] | undefined;
          let least = Number.POSITIVE_INFINITY;
          for (const a of nearA) {
            for (const b of nearB) {
              const legs = (legsA[a] as number) + (legsB[b] as number);
              if (a !== b) world.truth.trunk(a, b, atMs, trunk);
              const rttMs = legs + (a === b ? 0 : trunk.rttMs);
              if (rttMs >= least || !isLive(a) || !isLive(b)) continue;
              least = rttMs;
              best = [a, b];
            }
          }
          return best === undefined ? undefined : relays.drawPair(...best, atMs);

          function isLive(region: number): boolean {
            return relays.draw(region, atMs) !== undefined;
          }
        },
      };
    },
  };
}

/** Returns the indexes of the `count` least values. */
function smallest(values: Float32Array, count: number): number[] {
  return [...values.keys()]
    .sort((x, y) => (values[x] as number) - (values[y] as number))
    .slice(0, count);
}
