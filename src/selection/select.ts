import type { TransportAddress } from '../address.js';
import { Candidates } from './candidates.js';
import { type DrawOptions, drawRelays, type RelayPair, type Side } from './draw.js';
import { weighByUncertainty } from './explore.js';
import { searchRelays } from './fallback.js';
import { type Exception, fitOf, type Wish, wishOf } from './fitness.js';
import { ableFormerPair, isBetter } from './former-pair.js';
import { type NoRelay, noRelayReason } from './no-relay-reason.js';
import {
  considerAll,
  considerFormer,
  fillAtRandom,
  fillCandidates,
  fillLike,
} from './peer-legs.js';
import { SeededRandom } from './random.js';
import type { SelectionRequest } from './request.js';
import { RegionPairs, type SearchOptions } from './search.js';
import { type SelectionSnapshot, trunkCostMs } from './snapshot.js';

/** Alternates in a result. */
export const ALTERNATES_MAX = 2;

/** The terms of a pair's cost, in ms. */
export interface PairTerms {
  /** The leg of each peer: RTT with its uncertainty, jitter and loss; 0 if unknown. */
  readonly legMs: readonly [number, number];
  /** The trunk between the relays, likewise; 0 within one relay. */
  readonly trunkMs: number;
  /** Load and price of each relay. */
  readonly loadMs: readonly [number, number];
  /** One relay for both peers. */
  readonly sharedMs: number;
  readonly totalMs: number;
  /** Exceptions of each peer's relay; they are compared before `totalMs`. */
  readonly exceptions: readonly [readonly Exception[], readonly Exception[]];
}

/** A relay and its service address for each of two peers. */
export interface SelectedPair {
  readonly relays: RelayPair;
  readonly addresses: readonly [TransportAddress, TransportAddress];
  readonly terms: PairTerms;
}

/**
 * How a pair was chosen: as the only one in the band of the best, drawn in it, to explore, as the
 * former pair, or relay by relay since no pair of candidate regions can serve.
 */
export type Choice = 'best' | 'drawn' | 'explored' | 'kept' | 'fallback';

/** What became of the request's former pair. */
export interface FormerFate {
  /**
   * `kept`; `left` for a better one; or `unable` to serve with as few exceptions as others, or at
   * all.
   */
  readonly fate: 'kept' | 'left' | 'unable';
  /** Whether another pair is better by `stickyMs` and `stickyShare`. */
  readonly isBetter: boolean;
  /** What it costs, ms; undefined if it is unable. */
  readonly totalMs?: number;
}

/** A selection, which (snapshot, request, seed) determine. */
export type SelectionResult = {
  readonly snapshot: number;
  readonly seed: number;
  /** Only if the request has a former pair. */
  readonly former?: FormerFate | undefined;
} & (
  | ({
      readonly ok: true;
      readonly choice: Choice;
      /** Pairs of regions within the band of the best. */
      readonly contenders: number;
      /** Cost of the best pair, ms; by it the chosen one is judged. */
      readonly bestMs: number;
      /** Pairs in other regions than the chosen one and each other, best first. */
      readonly alternates: readonly SelectedPair[];
    } & SelectedPair)
  | { readonly ok: false; readonly noRelay: NoRelay }
);

/** Scratch of the selection that runs: nothing is kept in it between two. */
const CANDIDATES = [new Candidates(), new Candidates()] as const;
const PAIRS = new RegionPairs();

/**
 * Selects a relay for each of two peers. The pair with the least cost wins: both legs and the trunk
 * between, with their uncertainty, jitter and loss, the relays' projected load and price, and a
 * small price of one relay for both. Of the pairs within `bandMs` and `bandShare` of the best one
 * is drawn by free capacity. A few selections explore instead. The `former` pair goes before all
 * that while it can serve with as few exceptions as others.
 *
 * A peer's `family` and `families`, and the tenant's `allowed` are binding, and two relays must
 * reach each other. A relay outside the peer's `region`, a suspected one, an avoided one, one under
 * a verdict, or a full one serves only if no other can; in this order of preference.
 *
 * The result depends on the arguments alone: no clock is read, and chance comes from the seed.
 * @param seed - an integer; its low 32 bits count
 */
export function select(
  snapshot: SelectionSnapshot,
  request: SelectionRequest,
  seed: number,
): SelectionResult {
  const random = new SeededRandom(seed);
  const { weights } = snapshot;
  const sides = sidesOf(snapshot, request, random);
  const isInformed = sides[0].candidates.informed && sides[1].candidates.informed;
  const sharedMs = isInformed ? weights.sharedMs : weights.sharedUnknownMs;
  for (const { candidates } of sides) candidates.keepLeastExceptions();
  const { bandMs, bandShare } = weights;
  const drawing = { snapshot, sides, random, sharedMs, bandMs };
  const bestRows = [bestRowOf(snapshot, sides[0]), bestRowOf(snapshot, sides[1])] as const;
  const searching = { sharedMs, bandMs, bandShare, bestRows };
  PAIRS.skipNone();
  PAIRS.find(snapshot, sides[0].candidates, sides[1].candidates, searching);
  const { bestMs } = PAIRS;
  const { kept, former } = judgeFormer(drawing, request, isInformed);
  const found = kept ?? choose(drawing, searching, isInformed);
  if (found !== undefined) {
    const { pair, choice, contenders } = found;
    const { relays, addresses, terms } = describe(drawing, pair);
    const most = request.alternates ?? 0;
    const alternates = most === 0 ? [] : findAlternates(drawing, searching, pair, most);
    const how = { choice, contenders, bestMs, alternates, ...(former && { former }) } as const;
    return { ok: true, snapshot: snapshot.number, seed, ...how, relays, addresses, terms };
  }
  return { ...selectOneByOne(drawing, request, seed), ...(former && { former }) };
}

/** Decides about the former pair. */
function judgeFormer(
  drawing: DrawOptions,
  { former }: SelectionRequest,
  isInformed: boolean,
): { readonly kept?: Found; readonly former?: FormerFate } {
  if (former === undefined) return {};
  const pair = ableFormerPair(drawing, former);
  if (pair === undefined) return { former: { fate: 'unable', isBetter: false } };
  const { totalMs } = describe(drawing, pair).terms;
  const better = isInformed && isBetter(PAIRS.bestMs, totalMs, drawing.snapshot.weights);
  if (better && former.unlessBetter) return { former: { fate: 'left', isBetter: true, totalMs } };
  const kept: Found = { pair, choice: 'kept', contenders: PAIRS.count };
  return { kept, former: { fate: 'kept', isBetter: better, totalMs } };
}

/** Selects without regard to regions, where the candidate regions have no pair. */
function selectOneByOne(
  drawing: DrawOptions,
  request: SelectionRequest,
  seed: number,
): SelectionResult {
  const { snapshot, sides, sharedMs, random } = drawing;
  const result = searchRelays(snapshot, sides, sharedMs, random);
  const common = { snapshot: snapshot.number, seed };
  if (result.pair === undefined) {
    return { ...common, ok: false, noRelay: noRelayReason(snapshot, request, result) };
  }
  const chosen = describe(drawing, result.pair);
  const how = { choice: 'fallback', contenders: 0, alternates: [] } as const;
  return { ...common, ok: true, ...how, bestMs: chosen.terms.totalMs, ...chosen };
}

/**
 * Returns each peer's side with its candidates.
 * @param scratch - filled in with the candidates
 */
export function sidesOf(
  snapshot: SelectionSnapshot,
  { peers, allowed, former }: SelectionRequest,
  random: SeededRandom,
  scratch: readonly [Candidates, Candidates] = CANDIDATES,
): readonly [Side, Side] {
  const side = (i: 0 | 1): Side => ({
    peer: peers[i],
    wish: wishOf(peers[i], allowed),
    candidates: scratch[i],
  });
  const [first, second] = [side(0), side(1)];
  const sides = [first, second] as const;
  const knowsFirst = fillCandidates(snapshot, first.peer, first.wish, first.candidates);
  const knowsSecond = fillCandidates(snapshot, second.peer, second.wish, second.candidates);
  if (knowsFirst !== knowsSecond) {
    const [known, unknown] = knowsFirst ? [first, second] : [second, first];
    fillLike(snapshot, known.candidates, unknown.wish, unknown.candidates);
  } else if (!knowsFirst) {
    const both: (readonly [Wish, Candidates])[] = sides.map((each) => [each.wish, each.candidates]);
    fillAtRandom(snapshot, random, both);
  }
  for (const each of sides) {
    if (each.candidates.count === 0) considerAll(snapshot, each.peer, each.wish, each.candidates);
  }
  for (const [i, { peer, wish, candidates }] of sides.entries()) {
    const id = former?.relays[i as 0 | 1];
    if (id !== undefined) considerFormer(snapshot, id, peer, wish, candidates);
  }
  return sides;
}

/** Returns the row of a peer's cluster, if its legs are those of the cluster alone. */
function bestRowOf(snapshot: SelectionSnapshot, { peer, candidates }: Side) {
  const isOther = peer.latencies !== undefined || candidates.derived || !candidates.informed;
  return isOther || peer.cluster === undefined ? undefined : snapshot.bestRows[peer.cluster];
}

interface Found {
  readonly pair: RelayPair;
  readonly choice: Choice;
  readonly contenders: number;
}

/** Chooses a pair to explore, or one of the band. */
function choose(
  drawing: DrawOptions,
  searching: SearchOptions,
  isInformed: boolean,
): Found | undefined {
  const contenders = PAIRS.count;
  const { random, snapshot } = drawing;
  const explores = random.next() < snapshot.weights.exploreShare && isInformed;
  const explored = explores ? explore(drawing, searching, contenders) : undefined;
  if (explored !== undefined) return explored;
  const pair = drawPair(drawing, drawing.sides);
  return pair && { pair, choice: contenders === 1 ? 'best' : 'drawn', contenders };
}

/** Draws one of the found pairs of regions by free capacity, and relays there. */
function drawPair(drawing: DrawOptions, [first, second]: readonly [Side, Side]) {
  const { firsts, seconds, weights } = PAIRS;
  let sum = 0;
  for (let k = 0; k < PAIRS.count; k += 1) {
    const x = first.candidates.weights[firsts[k] as number] as number;
    const weight = x * (second.candidates.weights[seconds[k] as number] as number);
    weights[k] = weight;
    sum += weight;
  }
  if (!(sum > 0)) weights.fill(1, 0, PAIRS.count);
  return drawByWeight(drawing);
}

/** Draws one of the found pairs of regions, again while no relays there can be a pair. */
function drawByWeight(drawing: DrawOptions): RelayPair | undefined {
  const { firsts, seconds, weights, count } = PAIRS;
  for (let left = count; left > 0; left -= 1) {
    const k = count === 1 ? 0 : drawing.random.index(weights, count);
    if (k === -1) return undefined;
    const pair = drawRelays(drawing, firsts[k] as number, seconds[k] as number);
    if (pair !== undefined) return pair;
    weights[k] = 0;
  }
  return undefined;
}

/** Draws a pair near the best one, the likelier the less is known of it. */
function explore(
  drawing: DrawOptions,
  searching: SearchOptions,
  contenders: number,
): Found | undefined {
  const { snapshot, sides } = drawing;
  const { exploreMs } = snapshot.weights;
  const wider = { ...searching, bandMs: exploreMs, bandShare: 0 };
  PAIRS.find(snapshot, sides[0].candidates, sides[1].candidates, wider);
  const learns = weighByUncertainty(snapshot, sides, PAIRS);
  const pair = learns ? drawByWeight(drawing) : undefined;
  if (pair !== undefined) return { pair, choice: 'explored', contenders };
  PAIRS.find(snapshot, sides[0].candidates, sides[1].candidates, searching);
  return undefined;
}

/** Finds the best pairs that share no region, and if possible no provider, with those before. */
function findAlternates(
  drawing: DrawOptions,
  searching: SearchOptions,
  chosen: RelayPair,
  most: number,
): SelectedPair[] {
  const { snapshot, sides } = drawing;
  const alternates: SelectedPair[] = [];
  const taken: RelayPair[] = [chosen];
  const near = { ...searching, bandMs: 0, bandShare: 0 };
  while (alternates.length < Math.min(most, ALTERNATES_MAX)) {
    const used = taken.flat();
    const regions = new Set(used.map(({ region }) => region));
    const avoidedProviders = new Set(used.map(({ facts }) => facts.provider));
    avoidedProviders.delete(undefined);
    const pair = [avoidedProviders, undefined].reduce<RelayPair | undefined>((found, providers) => {
      if (found !== undefined || providers?.size === 0) return found;
      skip(snapshot, sides, regions, providers);
      PAIRS.find(snapshot, sides[0].candidates, sides[1].candidates, near);
      return drawPair({ ...drawing, avoidedProviders }, sides);
    }, undefined);
    if (pair === undefined) break;
    taken.push(pair);
    alternates.push(describe(drawing, pair));
  }
  PAIRS.skipNone();
  return alternates;
}

/** Leaves out regions, and those where all relays are of some providers. */
function skip(
  snapshot: SelectionSnapshot,
  sides: readonly [Side, Side],
  regions: ReadonlySet<number>,
  providers: ReadonlySet<string | undefined> | undefined,
): void {
  for (const [i, { candidates }] of sides.entries()) {
    const skipped = PAIRS.skipped[i as 0 | 1];
    for (let k = 0; k < candidates.count; k += 1) {
      const index = candidates.order[k] as number;
      const region = candidates.regions[index] as number;
      const isBarred =
        providers !== undefined &&
        snapshot.regions[region]?.providers.every((each) => providers.has(each)) === true;
      skipped[index] = regions.has(region) || isBarred ? 1 : 0;
    }
  }
}

/** Adds the addresses and the terms of the cost to a pair. */
function describe({ snapshot, sides, sharedMs }: DrawOptions, pair: RelayPair): SelectedPair {
  const [a, b] = pair;
  const isShared = a === b;
  const first = fitOf(snapshot, a, sides[0].wish, isShared ? 2 : 1);
  const second = fitOf(snapshot, b, sides[1].wish, isShared ? 2 : 1);
  if (first === undefined || second === undefined) throw new Error('a chosen relay cannot serve');
  const legMs = [
    legTo(sides[0].candidates, a.region),
    legTo(sides[1].candidates, b.region),
  ] as const;
  const { priceMs } = snapshot.loads;
  const loadMs = [priceMs[a.slot] as number, priceMs[b.slot] as number] as const;
  const trunkMs = isShared ? 0 : trunkCostMs(snapshot, a.region, b.region);
  const shared = isShared ? sharedMs : 0;
  return {
    relays: pair,
    addresses: [first.address, second.address],
    terms: {
      legMs,
      trunkMs,
      loadMs,
      sharedMs: shared,
      totalMs: legMs[0] + legMs[1] + trunkMs + loadMs[0] + loadMs[1] + shared,
      exceptions: [first.exceptions, second.exceptions],
    },
  };
}

/** Returns the cost of a leg to a region that was considered; otherwise 0. */
function legTo({ all, regions, legMs }: Candidates, region: number): number {
  for (let k = 0; k < all; k += 1) if (regions[k] === region) return legMs[k] as number;
  return 0;
}
