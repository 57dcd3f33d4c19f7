import type { LegCandidates } from '../estimates/leg-candidates.js';
import { CANDIDATES_MAX, CANDIDATES_WANTED, type Candidates } from './candidates.js';
import { DERIVED_FROM_MAX, derive, derivedMs, type KnownLeg } from './derive.js';
import type { Wish } from './fitness.js';
import type { SeededRandom } from './random.js';
import type { PeerRequest } from './request.js';
import { regionOf, relayOf, type SelectionSnapshot } from './snapshot.js';

/** Candidate regions below which further ones are estimated from the known legs. */
export const CANDIDATES_FEW = 8;

/**
 * Fills in the regions for a peer with their legs' costs: those that the peer measured itself
 * first, then its cluster's. Legs to further regions are estimated over the nearest known ones and
 * the trunk from there, if few are known or the tenant allows some regions only.
 * @returns false if nothing is known of the peer's place, so that `candidates` is empty
 */
export function fillCandidates(
  snapshot: SelectionSnapshot,
  peer: PeerRequest,
  wish: Wish,
  candidates: Candidates,
): boolean {
  candidates.reset();
  const own = peer.latencies === undefined ? [] : ownLegs(snapshot, peer.latencies);
  const legs = peer.cluster === undefined ? undefined : snapshot.legs[peer.cluster];
  const known = legs !== undefined && tells(legs) ? legs.regions.length : 0;
  if (own.length === 0 && known === 0) return false;
  candidates.informed = true;
  for (const { region, costMs } of own) candidates.consider(snapshot, region, costMs, wish);
  for (let k = 0; k < known; k += 1) {
    const { regions, costMs } = legs as LegCandidates;
    candidates.consider(snapshot, regions[k] as number, costMs[k] as number, wish);
  }
  const isFew = candidates.count < (known === 0 ? CANDIDATES_WANTED : CANDIDATES_FEW);
  const isChosen = wish.allowed?.regions !== undefined && candidates.count < CANDIDATES_WANTED;
  if (isFew || isChosen) derive(snapshot, nearest(own, legs), wish, candidates);
  else if (wish.region !== undefined) {
    const region = regionOf(snapshot, wish.region)?.number;
    if (region !== undefined) considerAlso(snapshot, region, nearest(own, legs), wish, candidates);
  }
  return true;
}

/** Considers the region of a peer's former relay too, unless it is considered already. */
export function considerFormer(
  snapshot: SelectionSnapshot,
  id: string,
  peer: PeerRequest,
  wish: Wish,
  candidates: Candidates,
): void {
  const region = relayOf(snapshot, id)?.region;
  if (region === undefined) return;
  const own = peer.latencies === undefined ? [] : ownLegs(snapshot, peer.latencies);
  const legs = peer.cluster === undefined ? undefined : snapshot.legs[peer.cluster];
  const known = candidates.informed ? nearest(own, legs) : [];
  considerAlso(snapshot, region, known, wish, candidates);
}

/** Considers one more region; its leg is estimated over known ones, and costs 0 without any. */
function considerAlso(
  snapshot: SelectionSnapshot,
  region: number,
  known: readonly KnownLeg[],
  wish: Wish,
  candidates: Candidates,
): void {
  if (candidates.hasSeen(region)) return;
  const costMs = known.length === 0 ? 0 : derivedMs(snapshot, known, region);
  candidates.derived = true;
  candidates.consider(snapshot, region, costMs, wish);
}

/**
 * Fills in regions for peers of which nothing is known: all that can serve, or as many as are
 * considered at most, drawn at random. All legs cost the same.
 * @param all - filled in with the same regions for each peer
 */
export function fillAtRandom(
  snapshot: SelectionSnapshot,
  random: SeededRandom,
  all: readonly (readonly [Wish, Candidates])[],
): void {
  const { regions } = snapshot;
  const present = regions.flatMap((row) => (row === undefined ? [] : [row.number]));
  // A partial shuffle (Fisher and Yates): each set of regions is as likely.
  const most = present.length;
  for (const [, candidates] of all) candidates.reset();
  for (let k = 0; k < most; k += 1) {
    if (all.every(([, { count }]) => count >= CANDIDATES_WANTED)) return;
    const drawn = k + Math.floor(random.next() * (most - k));
    const region = present[drawn] as number;
    present[drawn] = present[k] as number;
    for (const [wish, candidates] of all) {
      if (candidates.count < CANDIDATES_MAX) candidates.consider(snapshot, region, 0, wish);
    }
  }
}

/**
 * Fills in the regions of the other peer for a peer of which nothing is known.
 * @param other - the other peer's candidates
 */
export function fillLike(
  snapshot: SelectionSnapshot,
  other: Candidates,
  wish: Wish,
  candidates: Candidates,
): void {
  candidates.reset();
  for (let k = 0; k < other.count; k += 1) {
    candidates.consider(snapshot, other.regions[other.order[k] as number] as number, 0, wish);
  }
  const region = wish.region === undefined ? undefined : regionOf(snapshot, wish.region);
  if (region !== undefined) candidates.consider(snapshot, region.number, 0, wish);
}

/** Returns whether a cluster's legs tell where it is: that not all of them cost the same. */
export function tells({ costMs }: LegCandidates): boolean {
  return costMs.length > 0 && costMs[0] !== costMs[costMs.length - 1];
}

/** Considers all regions, for a peer that no relay of its candidates can serve. */
export function considerAll(
  snapshot: SelectionSnapshot,
  peer: PeerRequest,
  wish: Wish,
  candidates: Candidates,
): void {
  const own = peer.latencies === undefined ? [] : ownLegs(snapshot, peer.latencies);
  const legs = peer.cluster === undefined ? undefined : snapshot.legs[peer.cluster];
  const known = nearest(own, legs);
  candidates.derived = true;
  for (const row of snapshot.regions) {
    if (row === undefined || candidates.hasSeen(row.number)) continue;
    const costMs = known.length === 0 ? 0 : derivedMs(snapshot, known, row.number);
    if (costMs < candidates.worstMs) candidates.consider(snapshot, row.number, costMs, wish);
  }
}

/** Returns the regions that a peer measured, or relays of which it measured, each once. */
export function ownLegs(
  snapshot: SelectionSnapshot,
  latencies: ReadonlyMap<string, number>,
): readonly KnownLeg[] {
  const legs = new Map<number, number>();
  for (const [name, ms] of latencies) {
    const region = relayOf(snapshot, name)?.region ?? regionOf(snapshot, name)?.number;
    if (region === undefined) continue;
    const former = legs.get(region);
    if (former === undefined || ms < former) legs.set(region, ms);
  }
  return [...legs]
    .map(([region, costMs]) => ({ region, costMs }))
    .sort((a, b) => a.costMs - b.costMs)
    .slice(0, CANDIDATES_MAX);
}

/** Returns the known legs from which others are estimated: the peer's own, or its cluster's. */
export function nearest(
  own: readonly KnownLeg[],
  legs: LegCandidates | undefined,
): readonly KnownLeg[] {
  if (own.length > 0) return own.slice(0, DERIVED_FROM_MAX);
  const { regions = [], costMs = [] } = legs ?? {};
  return Array.from(regions.slice(0, DERIVED_FROM_MAX), (region, k) => ({
    region,
    costMs: costMs[k] as number,
  }));
}
