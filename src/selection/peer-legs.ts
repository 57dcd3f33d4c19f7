import type { LegCandidates } from '../estimates/leg-candidates.js';
import { CANDIDATES_MAX, CANDIDATES_WANTED, type Candidates } from './candidates.js';
import { DERIVED_FROM_MAX, derive, derivedMs, type KnownLeg } from './derive.js';
import type { Wish } from './fitness.js';
import { movedRttMs, type OwnLegs, ownLegs } from './own-legs.js';
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
  const legs = networkLegs(snapshot, peer);
  const own = ownLegs(snapshot, peer.latencies, legs);
  const known = legs?.regions.length ?? 0;
  if (own.legs.length === 0 && known === 0) return false;
  candidates.informed = true;
  for (const { region, costMs } of own.legs) candidates.consider(snapshot, region, costMs, wish);
  if (legs !== undefined) considerNetwork(snapshot, own, legs, wish, candidates);
  const isFew = candidates.count < (known === 0 ? CANDIDATES_WANTED : CANDIDATES_FEW);
  const isChosen = wish.allowed?.regions !== undefined && candidates.count < CANDIDATES_WANTED;
  if (isFew || isChosen) derive(snapshot, nearest(own.legs, legs), wish, candidates);
  else if (wish.region !== undefined) {
    const region = regionOf(snapshot, wish.region)?.number;
    if (region !== undefined)
      considerAlso(snapshot, region, nearest(own.legs, legs), wish, candidates);
  }
  return true;
}

/** Considers the regions of a peer's network that it has not measured itself. */
function considerNetwork(
  snapshot: SelectionSnapshot,
  own: OwnLegs,
  legs: LegCandidates,
  wish: Wish,
  candidates: Candidates,
): void {
  const { regions, costMs, rttMs } = legs;
  for (let k = 0; k < regions.length; k += 1) {
    const region = regions[k] as number;
    let cost = costMs[k] as number;
    if (own.legs.length > 0) {
      if (candidates.hasSeen(region)) continue;
      cost += movedRttMs(snapshot, own, legs, k) - (rttMs[k] as number);
    }
    candidates.consider(snapshot, region, cost, wish);
  }
}

/** Returns the legs of a peer's network; undefined if they do not tell where it is. */
export function networkLegs(
  snapshot: SelectionSnapshot,
  { cluster }: PeerRequest,
): LegCandidates | undefined {
  const legs = cluster === undefined ? undefined : snapshot.legs[cluster];
  return legs !== undefined && tells(legs) ? legs : undefined;
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
  const legs = networkLegs(snapshot, peer);
  const own = ownLegs(snapshot, peer.latencies, legs);
  const known = candidates.informed ? nearest(own.legs, legs) : [];
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
function tells({ costMs }: LegCandidates): boolean {
  return costMs.length > 0 && costMs[0] !== costMs[costMs.length - 1];
}

/** Considers all regions, for a peer that no relay of its candidates can serve. */
export function considerAll(
  snapshot: SelectionSnapshot,
  peer: PeerRequest,
  wish: Wish,
  candidates: Candidates,
): void {
  const legs = networkLegs(snapshot, peer);
  const own = ownLegs(snapshot, peer.latencies, legs);
  const known = nearest(own.legs, legs);
  candidates.derived = true;
  for (const row of snapshot.regions) {
    if (row === undefined || candidates.hasSeen(row.number)) continue;
    const costMs = known.length === 0 ? 0 : derivedMs(snapshot, known, row.number);
    if (costMs < candidates.worstMs) candidates.consider(snapshot, row.number, costMs, wish);
  }
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
