import type { Candidates } from './candidates.js';
import { fitOf, isPlain, type Wish } from './fitness.js';
import type { SeededRandom } from './random.js';
import { pairFault, type RelayRow } from './relay-facts.js';
import type { PeerRequest } from './request.js';
import { type RegionRow, type SelectionSnapshot, trunkCostMs } from './snapshot.js';

/** One peer's side of a selection. */
export interface Side {
  readonly peer: PeerRequest;
  readonly wish: Wish;
  readonly candidates: Candidates;
}

/** What relays are drawn by. */
export interface DrawOptions {
  readonly snapshot: SelectionSnapshot;
  readonly sides: readonly [Side, Side];
  readonly random: SeededRandom;
  /** Cost of one relay for both peers, ms. */
  readonly sharedMs: number;
  /** Relays of a region that cost at most this more than its best are equal, ms. */
  readonly bandMs: number;
  /** Providers whose relays are taken only if there are no others. */
  readonly avoidedProviders?: ReadonlySet<string | undefined>;
}

/** A relay for each peer. */
export type RelayPair = readonly [RelayRow, RelayRow];

/** A relay with its chance to be drawn, in proportion. */
interface Lot {
  readonly row: RelayRow;
  weight: number;
}

/**
 * Draws a relay for each peer in two regions, by free capacity, of those that can be a pair.
 * @param first - index of the region among the first peer's candidates
 * @param second - likewise of the second peer
 * @returns undefined if no two can be a pair and none can serve both
 */
export function drawRelays(
  options: DrawOptions,
  first: number,
  second: number,
): RelayPair | undefined {
  return drawPlain(options, first, second) ?? drawAny(options, first, second);
}

/**
 * Draws a relay of each of two different regions of which all members with room serve the peers
 * without exceptions. It is what `drawAny` does in the usual case.
 * @returns undefined in another case, and if the drawn relays cannot be a pair
 */
function drawPlain(options: DrawOptions, first: number, second: number): RelayPair | undefined {
  const { sides, avoidedProviders } = options;
  const [a, b] = [sides[0].candidates.regions[first], sides[1].candidates.regions[second]];
  if (a === b || avoidedProviders !== undefined) return undefined;
  const x = drawMember(options, sides[0], a as number);
  const y = x && drawMember(options, sides[1], b as number);
  return x === undefined || y === undefined || pairFault(x, y) !== undefined ? undefined : [x, y];
}

/** Draws a member of a region by free capacity. */
function drawMember(
  { snapshot, random, bandMs }: DrawOptions,
  { peer, wish }: Side,
  number: number,
): RelayRow | undefined {
  const region = snapshot.regions[number] as RegionRow;
  if (peer.latencies !== undefined || !isPlain(snapshot, region, wish)) return undefined;
  const { members } = region;
  const { freeLegs, weight, priceMs } = snapshot.loads;
  let least = Number.POSITIVE_INFINITY;
  for (let k = 0; k < members.length; k += 1) {
    const slot = members[k] as number;
    if ((freeLegs[slot] as number) >= 1) least = Math.min(least, priceMs[slot] as number);
  }
  let sum = 0;
  for (let k = 0; k < members.length; k += 1) {
    const slot = members[k] as number;
    if ((freeLegs[slot] as number) < 1 || (priceMs[slot] as number) > least + bandMs) continue;
    sum += weight[slot] as number;
  }
  let at = random.next() * sum;
  for (let k = 0; k < members.length; k += 1) {
    const slot = members[k] as number;
    if ((freeLegs[slot] as number) < 1 || (priceMs[slot] as number) > least + bandMs) continue;
    at -= weight[slot] as number;
    if (at < 0) return snapshot.relays[slot];
  }
  return undefined;
}

/** Draws relays in any case. */
function drawAny(options: DrawOptions, first: number, second: number): RelayPair | undefined {
  const { snapshot, sides, sharedMs } = options;
  const a = sides[0].candidates.regions[first] as number;
  const b = sides[1].candidates.regions[second] as number;
  const all = [lotsOf(options, 0, first), lotsOf(options, 1, second)] as const;
  const firsts = favoured(options, all[0], 0);
  const seconds = favoured(options, all[1], 1);
  const two = () => drawTwo(options, firsts, seconds) ?? drawTwo(options, all[0], all[1]);
  if (a !== b) return two();
  const one = () => drawOne(options, firsts, seconds) ?? drawOne(options, all[0], all[1]);
  return trunkCostMs(snapshot, a, a) <= sharedMs ? (two() ?? one()) : (one() ?? two());
}

/** Returns the relays of a candidate region that serve a peer with the least exceptions. */
function lotsOf({ snapshot, sides }: DrawOptions, peer: 0 | 1, index: number): Lot[] {
  const { candidates, wish } = sides[peer];
  const region = snapshot.regions[candidates.regions[index] as number];
  const lots: Lot[] = [];
  if (region === undefined) return lots;
  const { freeLegs, weight } = snapshot.loads;
  const least = candidates.exceptions[index] as number;
  const plain =
    isPlain(snapshot, region, wish) && (snapshot.regionLoads.open[region.number] as number) > 0;
  for (const slot of region.members) {
    const row = snapshot.relays[slot] as RelayRow;
    const fits = plain
      ? (freeLegs[slot] as number) >= 1
      : fitOf(snapshot, row, wish)?.weight === least;
    if (fits) lots.push({ row, weight: weight[slot] as number });
  }
  return lots;
}

/** Returns the relays that are about as good as the best: near, not loaded, another provider. */
function favoured(
  { snapshot, sides, bandMs, avoidedProviders }: DrawOptions,
  lots: Lot[],
  i: 0 | 1,
) {
  const { latencies } = sides[i].peer;
  const { priceMs } = snapshot.loads;
  const own = ({ facts }: RelayRow) => latencies?.get(facts.id) ?? latencies?.get(facts.region);
  let leastOwn = Number.POSITIVE_INFINITY;
  if (latencies !== undefined) {
    for (const { row } of lots) leastOwn = Math.min(leastOwn, own(row) ?? leastOwn);
  }
  const cost = (row: RelayRow) => {
    const extra = latencies === undefined ? 0 : (own(row) ?? leastOwn) - leastOwn;
    return (priceMs[row.slot] as number) + (Number.isNaN(extra) ? 0 : extra);
  };
  let least = Number.POSITIVE_INFINITY;
  for (const { row } of lots) least = Math.min(least, cost(row));
  const near = lots.filter(({ row }) => cost(row) <= least + bandMs);
  if (avoidedProviders === undefined) return near;
  const other = near.filter(({ row }) => !avoidedProviders.has(row.facts.provider));
  return other.length === 0 ? near : other;
}

/** Draws two different relays that can be a pair. */
function drawTwo(
  { random }: DrawOptions,
  firsts: readonly Lot[],
  seconds: readonly Lot[],
): RelayPair | undefined {
  const left = [...firsts];
  while (left.length > 0) {
    const first = left.splice(drawn(left, random), 1)[0] as Lot;
    const able = seconds.filter(
      ({ row }) => row !== first.row && pairFault(first.row, row) === undefined,
    );
    const second = able[drawn(able, random)];
    if (second !== undefined) return [first.row, second.row];
  }
  return undefined;
}

/** Draws one relay for both peers. */
function drawOne(
  { snapshot, random }: DrawOptions,
  firsts: readonly Lot[],
  seconds: readonly Lot[],
): RelayPair | undefined {
  const { freeLegs } = snapshot.loads;
  const both = firsts.filter(
    ({ row }) =>
      (freeLegs[row.slot] as number) >= 2 && seconds.some((second) => second.row === row),
  );
  const lot = both[drawn(both, random)];
  return lot && [lot.row, lot.row];
}

/** Returns the index of a lot, drawn by weight; -1 of none. */
function drawn(lots: readonly Lot[], random: SeededRandom): number {
  if (lots.length < 2) return lots.length - 1;
  let sum = 0;
  for (const { weight } of lots) sum += weight;
  if (!(sum > 0)) return Math.floor(random.next() * lots.length);
  let at = random.next() * sum;
  for (let index = 0; index < lots.length; index += 1) {
    at -= (lots[index] as Lot).weight;
    if (at < 0) return index;
  }
  return lots.length - 1;
}
