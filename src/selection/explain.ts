import type { CostWeights } from '../estimates/cost-weights.js';
import { Candidates } from './candidates.js';
import type { RelayPair } from './draw.js';
import {
  type ExplainedRelay,
  priceTerms,
  type RelaysByReason,
  relaysByReason,
  relaysOf,
} from './explain-relays.js';
import { EXCEPTIONS, type Exception } from './fitness.js';
import {
  LegExplainer,
  type LegTerms,
  NO_TERMS,
  type PathTerms,
  rounded,
  trunkTerms,
} from './path-terms.js';
import { SeededRandom } from './random.js';
import type { SelectionRequest } from './request.js';
import { type Choice, type FormerFate, type SelectionResult, select, sidesOf } from './select.js';
import { type SelectionSnapshot, trunkCostMs } from './snapshot.js';
import type { SelectionWeights } from './weights.js';

export type { ExplainedRelay };

/** Pairs in an explanation besides the chosen one and its alternates: those that cost least. */
export const EXPLAINED_PAIRS_MAX = 20;

/** A region that was considered for a peer. */
export interface ExplainedCandidate {
  readonly region: string;
  readonly leg: LegTerms;
  /** Load and price of the region: those of its second cheapest relay with room, ms. */
  readonly loadMs: number;
  readonly priceMs: number;
  /** Sum of the leg, the load and the price. */
  readonly totalMs: number;
  /** Relays there that serve the peer with the least exceptions, and those exceptions. */
  readonly relays: number;
  readonly exceptions: readonly Exception[];
  /** False if other regions have fewer exceptions, which counts before any cost. */
  readonly isPaired: boolean;
}

/** Why a pair of regions was or was not chosen. */
export type PairVerdict =
  | 'chosen'
  | 'alternate'
  /** In the band of the best, but another was taken. */
  | 'outdrawn'
  /** Beyond the band. */
  | 'costlier';

/** A pair of regions. All terms are in ms, rounded to 0.01, and `totalMs` is their sum. */
export interface ExplainedPair {
  readonly regions: readonly [string, string];
  readonly legsMs: readonly [number, number];
  readonly trunk: PathTerms;
  readonly loadMs: readonly [number, number];
  readonly priceMs: readonly [number, number];
  /** One relay for both peers. */
  readonly sharedMs: number;
  readonly totalMs: number;
  /** What it costs more than the cheapest pair. */
  readonly overMs: number;
  readonly verdict: PairVerdict;
  /** Chance of a pair in the band to be drawn, by free capacity, 0 to 1. */
  readonly chance?: number;
}

/** One peer's part of an explanation. */
export interface ExplainedPeer {
  /** Whether anything is known of its place. */
  readonly isPlaced: boolean;
  /** The regions that were considered, cheapest first. */
  readonly candidates: readonly ExplainedCandidate[];
  /** Relays that it does not get, or gets only if no other can serve. */
  readonly withheld: readonly RelaysByReason[];
  /** The relays of the chosen region, among which free capacity decides. */
  readonly relays: readonly ExplainedRelay[];
}

/** The explanation of a selection. It holds plain data, for JSON. */
export interface Explanation {
  readonly snapshot: number;
  readonly seed: number;
  /** How the pair was chosen; `none` if no relay can serve. */
  readonly choice: Choice | 'none';
  /** Ids of the chosen relays, for each peer. */
  readonly relays?: readonly [string, string];
  /** Ids of the relays of each alternate. */
  readonly alternates: readonly (readonly [string, string])[];
  readonly noRelay?: { readonly reason: string; readonly detail: string };
  /** The pair that the peers had before, and what became of it. */
  readonly former?: FormerFate & { readonly relays: readonly [string, string] };
  readonly peers: readonly [ExplainedPeer, ExplainedPeer];
  /** The cheapest pairs, and the chosen ones. */
  readonly pairs: readonly ExplainedPair[];
  /** Number of possible pairs of regions, and of those in the band. */
  readonly pairsPossible: number;
  readonly pairsInBand: number;
  /** Cost of the cheapest pair, and the most that a pair in the band costs, ms. */
  readonly bestMs?: number;
  readonly limitMs?: number;
  readonly weights: SelectionWeights & CostWeights;
}

/**
 * Explains what `select` returns for the same arguments, by computing it again and looking at every
 * pair of the regions that it considered.
 */
export function explain(
  snapshot: SelectionSnapshot,
  request: SelectionRequest,
  seed: number,
): Explanation {
  const result = select(snapshot, request, seed);
  const scratch = [new Candidates(), new Candidates()] as const;
  const sides = sidesOf(snapshot, request, new SeededRandom(seed), scratch);
  const legs = sides.map(({ peer }) => new LegExplainer(snapshot, peer));
  const all = sides.map(({ candidates }, i) =>
    candidatesOf(snapshot, candidates, legs[i] as LegExplainer),
  );
  const [firsts = [], seconds = []] = all;
  const isPlaced = sides.map(({ candidates }) => candidates.informed);
  const { sharedMs, sharedUnknownMs } = snapshot.weights;
  const shared = isPlaced.every((each) => each) ? sharedMs : sharedUnknownMs;
  const pairing = { snapshot, sharedMs: shared };
  const pairs = judged(snapshot, pairsOf(pairing, firsts, seconds), chosenOf(result));
  const peer = (i: 0 | 1): ExplainedPeer => ({
    isPlaced: isPlaced[i] ?? false,
    candidates: (all[i] ?? []).map(({ shown }) => shown),
    withheld: relaysByReason(snapshot, sides[i].wish),
    relays: result.ok ? relaysOf(snapshot, result.relays[i].region, sides[i]) : [],
  });
  return {
    snapshot: snapshot.number,
    seed,
    ...outcomeOf(result),
    ...formerOf(request, result),
    peers: [peer(0), peer(1)],
    ...pairs,
    weights: { ...snapshot.weights, sharedMs: shared, ...snapshot.costWeights },
  };
}

function outcomeOf(result: SelectionResult) {
  if (!result.ok) return { choice: 'none' as const, alternates: [], noRelay: result.noRelay };
  const ids = ([a, b]: RelayPair) => [a.facts.id, b.facts.id] as const;
  return {
    choice: result.choice,
    relays: ids(result.relays),
    alternates: result.alternates.map(({ relays }) => ids(relays)),
  };
}

function formerOf({ former }: SelectionRequest, result: SelectionResult) {
  if (former === undefined || result.former === undefined) return {};
  const { totalMs, ...fate } = result.former;
  const cost = totalMs === undefined ? {} : { totalMs: rounded(totalMs) };
  return { former: { relays: former.relays, ...fate, ...cost } };
}

/** Returns the pairs of region numbers that were chosen: the first one, then the alternates. */
function chosenOf(result: SelectionResult): readonly RelayPair[] {
  return result.ok ? [result.relays, ...result.alternates.map(({ relays }) => relays)] : [];
}

/** A candidate with what its pairs are computed from. */
interface Candidate {
  readonly number: number;
  readonly shown: ExplainedCandidate;
  /** As the search has it: not rounded. */
  readonly costMs: number;
  readonly weight: number;
}

function candidatesOf(
  snapshot: SelectionSnapshot,
  candidates: Candidates,
  legs: LegExplainer,
): Candidate[] {
  const { count, order } = candidates;
  const exceptionsAt = (index: number) => candidates.exceptions[index] as number;
  const least = Math.min(...Array.from(order.subarray(0, count), exceptionsAt));
  return Array.from(order.subarray(0, count), (index) => {
    const number = candidates.regions[index] as number;
    const costMs = candidates.costMs[index] as number;
    const leg = legs.to(number);
    const price = regionPrice(snapshot, number, costMs - (candidates.legMs[index] as number));
    const shown = {
      region: snapshot.regions[number]?.name ?? '',
      leg,
      ...price,
      totalMs: rounded(leg.totalMs + price.loadMs + price.priceMs),
      relays: candidates.relays[index] as number,
      exceptions: exceptionsOf(exceptionsAt(index)),
      isPaired: exceptionsAt(index) === least,
    };
    return { number, shown, costMs, weight: candidates.weights[index] as number };
  });
}

/** Returns the terms of a region's price, which is that of one of its relays. */
function regionPrice(snapshot: SelectionSnapshot, region: number, ms: number) {
  const { priceMs } = snapshot.loads;
  const members = snapshot.regions[region]?.members ?? new Int32Array();
  const slot = members.find((each) => Math.abs((priceMs[each] as number) - ms) < NEAR_MS);
  return slot === undefined ? { loadMs: rounded(ms), priceMs: 0 } : priceTerms(snapshot, slot);
}

/** Rounding errors of costs are below this, ms. */
const NEAR_MS = 0.001;

/** Returns the exceptions whose weights have this sum: each weight is ten times the one before. */
function exceptionsOf(sum: number): Exception[] {
  const names = Object.keys(EXCEPTIONS) as Exception[];
  return names.filter((name) => Math.floor(sum / EXCEPTIONS[name]) % 10 === 1);
}

interface Pairing {
  readonly snapshot: SelectionSnapshot;
  readonly sharedMs: number;
}

/** A pair with what decides between it and others. */
interface Pair {
  readonly first: Candidate;
  readonly second: Candidate;
  readonly costMs: number;
  readonly terms: () => Pick<ExplainedPair, 'trunk' | 'sharedMs'>;
}

function pairsOf(
  { snapshot, sharedMs }: Pairing,
  firsts: readonly Candidate[],
  seconds: readonly Candidate[],
): Pair[] {
  const pairs: Pair[] = [];
  for (const first of firsts) {
    for (const second of seconds) {
      if (!first.shown.isPaired || !second.shown.isPaired) continue;
      const [a, b] = [first.number, second.number];
      const trunkMs = trunkCostMs(snapshot, b, a);
      const isTwo = a !== b || first.shown.relays > 1 || second.shown.relays > 1;
      const isShared = a === b && (!isTwo || sharedMs < trunkMs);
      const costMs = first.costMs + second.costMs + (isShared ? sharedMs : trunkMs);
      const terms = () =>
        isShared
          ? { trunk: NO_TERMS, sharedMs: rounded(sharedMs) }
          : { trunk: trunkTerms(snapshot, b, a), sharedMs: 0 };
      pairs.push({ first, second, costMs, terms });
    }
  }
  return pairs.sort((x, y) => x.costMs - y.costMs);
}

/** Adds to each pair why it was or was not chosen; keeps the cheapest and the chosen ones. */
function judged(
  { weights }: SelectionSnapshot,
  pairs: readonly Pair[],
  chosen: readonly RelayPair[],
): Pick<Explanation, 'pairs' | 'pairsPossible' | 'pairsInBand' | 'bestMs' | 'limitMs'> {
  const [best] = pairs;
  if (best === undefined) return { pairs: [], pairsPossible: 0, pairsInBand: 0 };
  const limit = best.costMs + Math.max(weights.bandMs, weights.bandShare * best.costMs);
  const band = pairs.filter(({ costMs }) => costMs <= limit + NEAR_MS);
  const weightOf = ({ first, second }: Pair) => first.weight * second.weight;
  const sum = band.reduce((total, pair) => total + weightOf(pair), 0);
  const bestMs = shownPair(best).totalMs;
  const shown = pairs.flatMap((pair, place): ExplainedPair[] => {
    const index = chosen.findIndex(
      ([a, b]) => a.region === pair.first.number && b.region === pair.second.number,
    );
    if (index === -1 && place >= EXPLAINED_PAIRS_MAX) return [];
    const others = place < band.length ? 'outdrawn' : 'costlier';
    const verdict = index === -1 ? others : index === 0 ? 'chosen' : 'alternate';
    const terms = shownPair(pair);
    const overMs = rounded(terms.totalMs - bestMs);
    const chance = sum > 0 && place < band.length ? { chance: weightOf(pair) / sum } : {};
    return [{ ...terms, overMs, verdict, ...chance }];
  });
  return {
    pairs: shown,
    pairsPossible: pairs.length,
    pairsInBand: band.length,
    bestMs,
    limitMs: rounded(limit),
  };
}

function shownPair({ first, second, terms }: Pair): Omit<ExplainedPair, 'overMs' | 'verdict'> {
  const [a, b] = [first.shown, second.shown];
  const between = terms();
  const sum = a.totalMs + b.totalMs + between.trunk.totalMs + between.sharedMs;
  return {
    regions: [a.region, b.region],
    legsMs: [a.leg.totalMs, b.leg.totalMs],
    ...between,
    loadMs: [a.loadMs, b.loadMs],
    priceMs: [a.priceMs, b.priceMs],
    totalMs: rounded(sum),
  };
}
