import type { TrunkRow } from '../estimates/trunk-row.js';
import { UNKNOWN_TRUNK_MS } from './snapshot.js';

/** The trunks from a region without a row. */
const NO_COSTS = new Float32Array(0);

/** Regions by rising cost of the trunk from a region, then by number; in parallel arrays. */
export interface NearestRegions {
  readonly numbers: Uint16Array;
  /** The costs, ms. */
  readonly costsMs: Float32Array;
}

/** The order of no regions. */
export const NO_REGIONS: NearestRegions = { numbers: new Uint16Array(0), costsMs: NO_COSTS };

/**
 * The orders of the rows that were needed. A row never changes, and its order follows from it, so
 * that keeping the order changes no selection.
 */
const ORDERS = new WeakMap<TrunkRow, NearestRegions>();

/** Scratch of `sorted`: the bits of a cost, then a region number. */
let keys = new Float64Array(0);
const COST = new Float32Array(1);
const COST_BITS = new Uint32Array(COST.buffer);
/** Factor that makes room for a region number beside the bits of a cost. */
const REGION_ROOM = 2 ** 16;

/**
 * Returns all regions by the trunks from one.
 * @param row - its trunks, undefined of a region of whose trunks nothing is known
 */
export function nearestRegions(
  row: TrunkRow | undefined,
  region: number,
  regions: number,
): NearestRegions {
  if (row === undefined) return sorted(NO_COSTS, region, regions);
  const known = ORDERS.get(row);
  if (known !== undefined && known.numbers.length === regions) return known;
  const order = sorted(row.costMs, region, regions);
  ORDERS.set(row, order);
  return order;
}

function sorted(costMs: Float32Array, from: number, regions: number): NearestRegions {
  if (keys.length < regions) keys = new Float64Array(regions);
  for (let region = 0; region < regions; region += 1) {
    COST[0] = costMs[region] ?? (region === from ? 0 : UNKNOWN_TRUNK_MS);
    // The bits of floating-point numbers that are not negative are in the order of the numbers.
    keys[region] = (COST_BITS[0] as number) * REGION_ROOM + region;
  }
  const all = keys.subarray(0, regions).sort();
  const order = { numbers: new Uint16Array(regions), costsMs: new Float32Array(regions) };
  for (let k = 0; k < regions; k += 1) {
    const key = all[k] as number;
    const region = key % REGION_ROOM;
    order.numbers[k] = region;
    COST_BITS[0] = (key - region) / REGION_ROOM;
    order.costsMs[k] = COST[0] as number;
  }
  return order;
}
