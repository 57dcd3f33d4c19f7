import type { Side } from './draw.js';
import type { RegionPairs } from './search.js';
import type { SelectionSnapshot } from './snapshot.js';

/** How well a leg or a trunk is known. */
interface Quality {
  readonly sdMs: number;
  readonly loss: number;
}

/**
 * Sets the weights of some pairs to how little is known of each: the variance of the estimate of
 * its path. A pair on which loss is expected has none.
 * @returns whether there is anything to learn
 */
export function weighByUncertainty(
  snapshot: SelectionSnapshot,
  sides: readonly [Side, Side],
  pairs: RegionPairs,
): boolean {
  const { exploreLossMax } = snapshot.weights;
  let sum = 0;
  for (let k = 0; k < pairs.count; k += 1) {
    const a = sides[0].candidates.regions[pairs.firsts[k] as number] as number;
    const b = sides[1].candidates.regions[pairs.seconds[k] as number] as number;
    const parts = [legQuality(snapshot, sides[0], a), legQuality(snapshot, sides[1], b)];
    if (a !== b) parts.push(trunkQuality(snapshot, a, b));
    pairs.weights[k] = 0;
    if (parts.some(({ loss }) => loss > exploreLossMax)) continue;
    const variance = parts.reduce((total, { sdMs }) => total + sdMs * sdMs, 0);
    pairs.weights[k] = variance;
    sum += variance;
  }
  return sum > 0;
}

/** Returns what is known of a leg; a leg that the peer measured itself has nothing to learn. */
function legQuality(snapshot: SelectionSnapshot, { peer }: Side, region: number): Quality {
  const legs = peer.cluster === undefined ? undefined : snapshot.legs[peer.cluster];
  const k = legs?.regions.indexOf(region) ?? -1;
  if (legs === undefined || k === -1) return { sdMs: 0, loss: 0 };
  return { sdMs: legs.sdMs[k] as number, loss: legs.loss[k] as number };
}

function trunkQuality(snapshot: SelectionSnapshot, a: number, b: number): Quality {
  const row = snapshot.trunks[a];
  return { sdMs: row?.sdMs[b] ?? 0, loss: row?.loss[b] ?? 0 };
}
