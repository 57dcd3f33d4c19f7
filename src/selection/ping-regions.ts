import { mixed } from '../collections/hash.js';
import type { LegCandidates } from '../estimates/leg-candidates.js';
import { type RegionRow, type SelectionSnapshot, trunkCostMs } from './snapshot.js';

/** Regions measured near a network of which nothing is known, and for each that is. */
const NEAR_MIN = 1;
const NEAR_EACH = 2;
/** Share of the regions that are measured far around in any case, so that others become known. */
const SPREAD_SHARE = 0.3;
/** Best regions of a network that tell how well it is known. */
const LOOKED_AT = 6;
/** A leg is known if its standard error is at most this share of it, and KNOWN_SD_MS. */
const KNOWN_SD_SHARE = 0.15;
const KNOWN_SD_MS = 3;
/** By so much the distances of regions are made smaller by chance, at most. */
const CHANCE_SHARE = 0.3;

/**
 * Returns the regions that a peer should measure before it asks: the best ones of its network, and
 * others far from these and from each other by the trunks, which place the peer wherever it is. The
 * less is known of the network, the more of the others.
 * @param cluster - number of the peer's access cluster, if its address is known
 * @param count - number of regions at most
 * @param seed - decides among the others, so that the peers of a network measure different ones
 * @returns region numbers, the best ones of the network first
 */
export function pingRegions(
  snapshot: SelectionSnapshot,
  cluster: number | undefined,
  count: number,
  seed: number,
): number[] {
  const present = snapshot.regions.filter((row) => row !== undefined && row.members.length > 0);
  const legs = cluster === undefined ? undefined : snapshot.legs[cluster];
  const taken = legs === undefined ? [] : nearRegions(snapshot, legs, count);
  spread(snapshot, present as RegionRow[], taken, count, seed);
  return taken;
}

/** Returns the best regions of a network: the more of them, the better they are known. */
function nearRegions(snapshot: SelectionSnapshot, legs: LegCandidates, count: number): number[] {
  const { regions, rttMs, sdMs, costMs } = legs;
  if (costMs[0] === costMs.at(-1)) return [];
  let known = 0;
  for (let k = 0; k < Math.min(LOOKED_AT, regions.length); k += 1) {
    const most = KNOWN_SD_MS + KNOWN_SD_SHARE * (rttMs[k] as number);
    if ((sdMs[k] as number) <= most) known += 1;
  }
  const most = Math.max(
    1,
    Math.min(Math.floor(count * (1 - SPREAD_SHARE)), NEAR_MIN + NEAR_EACH * known),
  );
  const isPresent = (region: number) => (snapshot.regions[region]?.members.length ?? 0) > 0;
  return Array.from(regions).filter(isPresent).slice(0, most);
}

/** Adds the region that is farthest from those taken, again and again. */
function spread(
  snapshot: SelectionSnapshot,
  present: readonly RegionRow[],
  taken: number[],
  count: number,
  seed: number,
): void {
  if (present.length === 0) return;
  const distances = new Float64Array(present.length).fill(Number.POSITIVE_INFINITY);
  const draws = Float64Array.from(present, ({ number }) => chance(seed, number));
  let seen = 0;
  if (taken.length === 0) {
    taken.push((present[(seed >>> 0) % present.length] as RegionRow).number);
  }
  while (taken.length < Math.min(count, present.length)) {
    let [farthest, most] = [0, -1];
    for (; seen < taken.length - 1; seen += 1) narrow(snapshot, present, distances, taken[seen]);
    narrow(snapshot, present, distances, taken[seen]);
    seen += 1;
    for (let k = 0; k < present.length; k += 1) {
      const distance = (distances[k] as number) * (1 - CHANCE_SHARE * (draws[k] as number));
      if (distance > most) [farthest, most] = [k, distance];
    }
    taken.push((present[farthest] as RegionRow).number);
  }
}

/** Lowers the distance of each region to that from a region that is taken. */
function narrow(
  snapshot: SelectionSnapshot,
  present: readonly RegionRow[],
  distances: Float64Array,
  region: number | undefined,
): void {
  if (region === undefined) return;
  for (let k = 0; k < present.length; k += 1) {
    const { number } = present[k] as RegionRow;
    const distance = number === region ? -1 : trunkCostMs(snapshot, region, number);
    if (distance < (distances[k] as number)) distances[k] = distance;
  }
}

/** Returns a number in [0, 1) by a seed and a region. */
function chance(seed: number, region: number): number {
  return mixed(seed ^ Math.imul(region + 1, 0x9e3779b1)) / 2 ** 32;
}
