import type { RelayPair, Side } from './draw.js';
import { type Fit, fitOf } from './fitness.js';
import type { SeededRandom } from './random.js';
import { type PairFault, pairFault, type RelayRow } from './relay-facts.js';
import { type SelectionSnapshot, trunkCostMs } from './snapshot.js';

/** Relays of each peer whose pairs are tried one by one if the regions' search found none. */
const TRIED_MAX = 64;
/** Relays of each peer for which a partner among all relays is looked for after that. */
const PARTNERED_MAX = 16;

/** Pairs that were tried in vain, by why. */
export type PairFaults = Record<PairFault, number>;

/** A relay that can serve a peer. */
interface Able {
  readonly row: RelayRow;
  readonly fit: Fit;
  /** Cost of the leg and of the relay's load, and up to a band by chance, ms. */
  readonly costMs: number;
}

/** The result of a search relay by relay. */
export interface FallbackResult {
  readonly pair: RelayPair | undefined;
  /** Number of relays that could serve each peer. */
  readonly candidates: readonly [number, number];
  readonly faults: PairFaults;
}

interface Found {
  pair: RelayPair | undefined;
  weight: number;
  costMs: number;
}

/**
 * Finds the best pair relay by relay, with any exceptions: for peers of which the regions' search
 * finds none, as those relays cannot pair. One relay for both peers is as good as any pair with
 * more exceptions.
 */
export function searchRelays(
  snapshot: SelectionSnapshot,
  sides: readonly [Side, Side],
  sharedMs: number,
  random: SeededRandom,
): FallbackResult {
  const able = (side: Side) => ableRelays(snapshot, side, random);
  const all = [able(sides[0]), able(sides[1])] as const;
  const found: Found = { pair: undefined, weight: Number.POSITIVE_INFINITY, costMs: 0 };
  const faults: PairFaults = { noCommonFamily: 0, unknownToEachOther: 0, unreachable: 0 };
  const take = (a: Able, b: Able) => {
    const fault = pairFault(a.row, b.row);
    if (fault !== undefined) faults[fault] += 1;
    else {
      const trunkMs = trunkCostMs(snapshot, a.row.region, b.row.region);
      keepBest(found, [a.row, b.row], a.fit.weight + b.fit.weight, a.costMs + b.costMs + trunkMs);
    }
  };
  const [firsts, seconds] = [all[0].slice(0, TRIED_MAX), all[1].slice(0, TRIED_MAX)];
  for (const a of firsts) for (const b of seconds) if (a.row !== b.row) take(a, b);
  shareOne(snapshot, sides, all, sharedMs, found);
  if (found.pair === undefined || (found.pair[0] === found.pair[1] && sharedMs > UNLIKELY_MS)) {
    const [few, others] = [firsts.slice(0, PARTNERED_MAX), seconds.slice(0, PARTNERED_MAX)];
    for (const a of few) for (const b of all[1].slice(TRIED_MAX)) if (a.row !== b.row) take(a, b);
    for (const b of others)
      for (const a of all[0].slice(TRIED_MAX)) if (a.row !== b.row) take(a, b);
  }
  return { pair: found.pair, candidates: [all[0].length, all[1].length], faults };
}

/** A cost of sharing that says that two relays are wanted, ms. */
const UNLIKELY_MS = 500;

function keepBest(found: Found, pair: RelayPair, weight: number, costMs: number): void {
  if (weight > found.weight || (weight === found.weight && costMs >= found.costMs)) return;
  Object.assign(found, { pair, weight, costMs });
}

function shareOne(
  snapshot: SelectionSnapshot,
  sides: readonly [Side, Side],
  all: readonly [readonly Able[], readonly Able[]],
  sharedMs: number,
  found: Found,
): void {
  const costs = new Map(all[1].map(({ row, costMs }) => [row, costMs]));
  for (const { row, costMs } of all[0]) {
    const other = costs.get(row);
    if (other === undefined) continue;
    const fits = sides.map(({ wish }) => fitOf(snapshot, row, wish, 2)?.weight ?? Infinity);
    const weight = fits.reduce((sum, each) => sum + each, 0);
    keepBest(found, [row, row], weight, costMs + other + sharedMs);
  }
}

/** Returns the relays that can serve a peer, best first. */
function ableRelays(
  snapshot: SelectionSnapshot,
  { wish, candidates }: Side,
  random: SeededRandom,
): Able[] {
  const legs = new Map<number, number>();
  let most = 0;
  for (let k = 0; k < candidates.count; k += 1) {
    const index = candidates.order[k] as number;
    const legMs = candidates.legMs[index] as number;
    legs.set(candidates.regions[index] as number, legMs);
    most = Math.max(most, legMs);
  }
  const able: Able[] = [];
  for (const row of snapshot.relays) {
    const fit = row && fitOf(snapshot, row, wish);
    if (row === undefined || fit === undefined) continue;
    const legMs = legs.get(row.region) ?? most + FURTHER_MS;
    const chanceMs = random.next() * snapshot.weights.bandMs;
    const priceMs = snapshot.loads.priceMs[row.slot] as number;
    able.push({ row, fit, costMs: legMs + priceMs + chanceMs });
  }
  return able.sort((a, b) => a.fit.weight - b.fit.weight || a.costMs - b.costMs);
}

/** Cost of a leg to a region that was not considered, over the worst that was, ms. */
const FURTHER_MS = 50;
