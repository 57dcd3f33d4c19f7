import { pathCostMs } from '../estimates/cost-weights.js';
import type { LegCandidates } from '../estimates/leg-candidates.js';
import { CANDIDATES_MAX } from './candidates.js';
import type { KnownLeg } from './derive.js';
import { regionOf, relayOf, type SelectionSnapshot } from './snapshot.js';

/** Own latencies, the least ones, by which legs to other regions are bounded. */
const BOUNDED_BY_MAX = 12;
/** Standard deviation of the legs of one network's peers around their mean: the last mile, ms. */
const LAST_MILE_SD_MS = 30;
/** Error of an estimate beside its standard error, ms. */
const ESTIMATE_SD_MS = 5;
/** A leg is at least this share of its estimate, and of its bound from below. */
const LEAST_SHARE = 0.3;
const LOW_SHARE = 0.5;
/** A trunk bounds legs if its standard error is at most this share of it, and TRUNK_SD_MS. */
const TRUNK_SD_SHARE = 0.15;
const TRUNK_SD_MS = 1;

/** A leg that the peer measured itself. */
export interface OwnLeg extends KnownLeg {
  readonly rttMs: number;
  /** Those of its network to the region; 0 if nothing is known of them. */
  readonly jitterMs: number;
  readonly loss: number;
}

/** What a peer measured itself, and by how much its network's estimates are moved for it. */
export interface OwnLegs {
  /** By rising RTT, each region once. */
  readonly legs: readonly OwnLeg[];
  /** Added to the RTT of the network's estimates, ms. */
  readonly shiftMs: number;
}

const NONE: OwnLegs = { legs: [], shiftMs: 0 };

/**
 * Brings a peer's own latencies and its network's estimates to one base. The peer's have no jitter
 * and no loss: they get those of the network. The network's have the mean last mile of all peers:
 * they are moved by how much the peer's legs differ from them where it measured.
 * @param network - the network's estimates, if they tell where it is
 */
export function ownLegs(
  snapshot: SelectionSnapshot,
  latencies: ReadonlyMap<string, number> | undefined,
  network: LegCandidates | undefined,
): OwnLegs {
  if (latencies === undefined || latencies.size === 0) return NONE;
  const least = new Map<number, number>();
  for (const [name, ms] of latencies) {
    const region = relayOf(snapshot, name)?.region ?? regionOf(snapshot, name)?.number;
    if (region === undefined) continue;
    const former = least.get(region);
    if (former === undefined || ms < former) least.set(region, ms);
  }
  const usualJitterMs = network === undefined ? 0 : mean(network.jitterMs);
  const usualLoss = network === undefined ? 0 : mean(network.loss);
  const legs: OwnLeg[] = [];
  for (const [region, rttMs] of least) {
    const index = network?.regions.indexOf(region) ?? -1;
    const jitterMs = network?.jitterMs[index] ?? usualJitterMs;
    const loss = network?.loss[index] ?? usualLoss;
    const costMs = pathCostMs(snapshot.costWeights, rttMs, 0, jitterMs, loss);
    legs.push({ region, costMs, rttMs, jitterMs, loss });
  }
  legs.sort((a, b) => a.rttMs - b.rttMs);
  const kept = legs.slice(0, CANDIDATES_MAX);
  return { legs: kept, shiftMs: network === undefined ? 0 : shiftOf(kept, network) };
}

/**
 * Returns the RTT of a network's leg for a peer with own latencies, ms: moved by the shift, and
 * kept to bounds by the regions that the peer measured. A leg is at most the sum of the leg there
 * and the trunk. It is at least half of their difference, if a second region says so too: paths
 * violate the triangle inequality often enough for one of them to be wrong.
 */
export function movedRttMs(
  snapshot: SelectionSnapshot,
  { legs, shiftMs }: OwnLegs,
  network: LegCandidates,
  index: number,
): number {
  const estimated = network.rttMs[index] as number;
  if (legs.length === 0) return estimated;
  const region = network.regions[index] as number;
  let [most, low, high] = [0, 0, Number.POSITIVE_INFINITY];
  for (let k = 0; k < legs.length && k < BOUNDED_BY_MAX; k += 1) {
    const { region: other, rttMs } = legs[k] as OwnLeg;
    const row = snapshot.trunks[other];
    const trunkMs = row?.rttMs[region];
    if (row === undefined || trunkMs === undefined) continue;
    if ((row.sdMs[region] as number) > TRUNK_SD_SHARE * trunkMs + TRUNK_SD_MS) continue;
    high = Math.min(high, rttMs + trunkMs);
    const difference = Math.abs(rttMs - trunkMs);
    low = Math.max(low, Math.min(most, difference));
    most = Math.max(most, difference);
  }
  const moved = Math.max(estimated + shiftMs, LEAST_SHARE * estimated, LOW_SHARE * low);
  return Math.min(moved, high);
}

/**
 * Returns by how much a peer's legs differ from its network's: the weighted median over the regions
 * that it measured, and the less of it the less the estimates there are worth.
 */
function shiftOf(legs: readonly OwnLeg[], network: LegCandidates): number {
  const found: { readonly differenceMs: number; readonly weight: number }[] = [];
  let sum = 0;
  for (const { region, rttMs } of legs) {
    const index = network.regions.indexOf(region);
    if (index === -1) continue;
    const sdMs = (network.sdMs[index] as number) + ESTIMATE_SD_MS;
    const weight = 1 / (sdMs * sdMs);
    found.push({ differenceMs: rttMs - (network.rttMs[index] as number), weight });
    sum += weight;
  }
  found.sort((a, b) => a.differenceMs - b.differenceMs);
  let below = 0;
  for (const { differenceMs, weight } of found) {
    below += weight;
    if (below >= sum / 2) return (differenceMs * sum) / (sum + 1 / LAST_MILE_SD_MS ** 2);
  }
  return 0;
}

function mean(values: Float32Array): number {
  let sum = 0;
  for (let k = 0; k < values.length; k += 1) sum += values[k] as number;
  return values.length === 0 ? 0 : sum / values.length;
}
