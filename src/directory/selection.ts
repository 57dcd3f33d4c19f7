import { type AddressFamily, familyOf, type TransportAddress } from '../address.js';
import type { LiveRelay } from './relay-table.js';
import {
  hasRoom,
  legCosts,
  loadMs,
  type PairScore,
  type PeerHints,
  SCORE,
  servedAddress,
  sharedMs,
  trunkFamilyInCommon,
  trunkMs,
} from './selection-terms.js';

/** Relays of each trunk family that are tried for a peer: pairs are quadratic in it. */
const SHORTLIST = 8;
/** Best pairs that an explanation lists. */
const EXPLAINED_PAIRS = 5;
/** Loads that differ by less than this are alike when a shortlist is drawn. */
const LOAD_STEP_MS = 10;

/** What selection depends on, and nothing else. */
export interface SelectionInput {
  readonly relays: readonly LiveRelay[];
  readonly peers: readonly [PeerHints, PeerHints];
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** The answer to "why this relay?". */
export interface SelectionExplanation {
  /** Relays that nobody was offered, and why. */
  readonly excluded: Readonly<Record<'unconfirmed' | 'draining' | 'full', readonly string[]>>;
  /** How many relays each peer could be served by. */
  readonly candidates: readonly [number, number];
  /** Whether each peer's `region` was kept. */
  readonly regionKept: readonly [boolean, boolean];
  readonly pairs: number;
  /** Pairs within the tolerance of the best, among which chance and load decided. */
  readonly contenders: number;
  /** The best pairs by score. */
  readonly best: readonly PairScore[];
  readonly chosen: PairScore | undefined;
}

/** A relay and its service address for each of two peers, or none that can serve them. */
export type Selection =
  | {
      readonly ok: true;
      readonly relays: readonly [LiveRelay, LiveRelay];
      readonly addresses: readonly [TransportAddress, TransportAddress];
      readonly explanation: SelectionExplanation;
    }
  | { readonly ok: false; readonly explanation: SelectionExplanation };

interface Pair {
  readonly relays: readonly [LiveRelay, LiveRelay];
  readonly score: PairScore;
}

/**
 * Picks a relay for each of two peers. The pair with the least latency over both legs and the
 * trunk wins, load added as latency; among pairs as good as the best, two are drawn and the less
 * loaded taken (Mitzenmacher, "The power of two choices", 2001), so that stale loads do not send a
 * burst to one relay. Two different relays are preferred; one serves both where the peers' own
 * latencies say so by more than `SCORE.sharedMs`, or where no other pair can.
 *
 * A peer's `family` binds; its `region` binds unless no pair can be made with it.
 * @returns the relays in the peers' order with an explanation
 */
export function selectRelays(input: SelectionInput): Selection {
  const { peers, random } = input;
  const { usable, excluded } = usableRelays(input.relays);
  // Of both regions, then one, then none: a region binds only while a relay there can serve.
  for (const regionKept of REGIONS_KEPT) {
    if (regionKept.some((kept, index) => kept && peers[index]?.region === undefined)) continue;
    const lists = peers.map((peer, index) => candidates(usable, peer, regionKept[index] === true));
    const [first = [], second = []] = lists;
    const pairs = scoredPairs([first, second], peers, random);
    const last = regionKept.every((kept) => !kept);
    if (pairs.length === 0 && !last) continue;
    const contenders = pairs.filter(
      (pair) => pair.score.totalMs <= (pairs[0]?.score.totalMs ?? 0) + SCORE.toleranceMs,
    );
    const chosen = lessLoadedOfTwo(contenders, random);
    const explanation: SelectionExplanation = {
      excluded,
      candidates: [first.length, second.length],
      regionKept,
      pairs: pairs.length,
      contenders: contenders.length,
      best: pairs.slice(0, EXPLAINED_PAIRS).map((pair) => pair.score),
      chosen: chosen?.score,
    };
    return chosen === undefined
      ? { ok: false, explanation }
      : { ok: true, relays: chosen.relays, addresses: addressesOf(chosen, peers), explanation };
  }
  throw new Error('unreachable: the last of REGIONS_KEPT always answers');
}

const REGIONS_KEPT: readonly (readonly [boolean, boolean])[] = [
  [true, true],
  [true, false],
  [false, true],
  [false, false],
];

function usableRelays(relays: readonly LiveRelay[]) {
  const usable: LiveRelay[] = [];
  const excluded = { unconfirmed: [] as string[], draining: [] as string[], full: [] as string[] };
  for (const relay of relays) {
    if (relay.draining) excluded.draining.push(relay.record.id);
    else if (!relay.confirmed) excluded.unconfirmed.push(relay.record.id);
    else if (!hasRoom(relay, 1)) excluded.full.push(relay.record.id);
    else usable.push(relay);
  }
  return { usable, excluded };
}

function candidates(relays: readonly LiveRelay[], peer: PeerHints, keepRegion: boolean) {
  return relays.filter(
    (relay) =>
      servedAddress(relay, peer) !== undefined &&
      (!keepRegion || peer.region === undefined || relay.record.region === peer.region),
  );
}

/** The possible pairs of two shortlists, best first. */
function scoredPairs(
  lists: readonly [readonly LiveRelay[], readonly LiveRelay[]],
  peers: readonly [PeerHints, PeerHints],
  random: () => number,
): Pair[] {
  const legs = [legCosts(lists[0], peers[0]), legCosts(lists[1], peers[1])] as const;
  const both = (relay: LiveRelay) => (legs[0].get(relay) ?? 0) + (legs[1].get(relay) ?? 0);
  const shareable = lists[0].filter((relay) => legs[1].has(relay) && hasRoom(relay, 2));
  const middle = cheapest(shareable, both, random);
  const [firsts, seconds] = [0, 1].map((index) => {
    const cost = (relay: LiveRelay) => legs[index as 0 | 1].get(relay) ?? 0;
    const list = lists[index as 0 | 1];
    const ofFamily = (family: AddressFamily) =>
      cheapest(
        list.filter((relay) => hasTrunk(relay, family)),
        cost,
        random,
      );
    // Per trunk family, so that a pair with a family in common is among them if there is one.
    return new Set([...ofFamily(4), ...ofFamily(6), ...middle]);
  }) as [Set<LiveRelay>, Set<LiveRelay>];
  const pairs: Pair[] = [];
  for (const a of firsts) {
    for (const b of seconds) {
      if (a === b ? !hasRoom(a, 2) : !trunkFamilyInCommon(a, b)) continue;
      const legMs = [legs[0].get(a) ?? 0, legs[1].get(b) ?? 0] as const;
      pairs.push({ relays: [a, b], score: pairScore(a, b, legMs, peers) });
    }
  }
  return pairs.sort((x, y) => x.score.totalMs - y.score.totalMs);
}

function pairScore(
  a: LiveRelay,
  b: LiveRelay,
  legMs: readonly [number, number],
  peers: readonly [PeerHints, PeerHints],
): PairScore {
  const trunk = trunkMs(a, b, peers);
  const load = [loadMs(a), loadMs(b)] as const;
  const shared = a === b ? sharedMs(a, peers) : 0;
  return {
    relays: [a.record.id, b.record.id],
    legMs,
    trunkMs: trunk,
    loadMs: load,
    sharedMs: shared,
    totalMs: legMs[0] + legMs[1] + trunk + load[0] + load[1] + shared,
  };
}

interface Ranked {
  readonly relay: LiveRelay;
  readonly cost: number;
  readonly draw: number;
}

/** The `SHORTLIST` relays of least cost and load; equals in random order. */
function cheapest(
  relays: readonly LiveRelay[],
  cost: (relay: LiveRelay) => number,
  random: () => number,
): LiveRelay[] {
  const before = (a: Ranked, b: Ranked) =>
    a.cost < b.cost || (a.cost === b.cost && a.draw < b.draw);
  const ranked: Ranked[] = [];
  for (const relay of relays) {
    const load = Math.floor(loadMs(relay) / LOAD_STEP_MS) * LOAD_STEP_MS;
    const next = { relay, cost: cost(relay) + load, draw: random() };
    const last = ranked.at(-1);
    if (ranked.length === SHORTLIST && last !== undefined && !before(next, last)) continue;
    // Few are kept of many, so inserting beats sorting all.
    const place = ranked.findIndex((each) => before(next, each));
    ranked.splice(place === -1 ? ranked.length : place, 0, next);
    if (ranked.length > SHORTLIST) ranked.pop();
  }
  return ranked.map(({ relay }) => relay);
}

function lessLoadedOfTwo(pairs: readonly Pair[], random: () => number): Pair | undefined {
  const draw = () => pairs[Math.floor(random() * pairs.length)];
  const [one, other] = [draw(), draw()];
  if (one === undefined || other === undefined) return undefined;
  const load = (pair: Pair) => pair.score.loadMs[0] + pair.score.loadMs[1];
  return load(other) < load(one) ? other : one;
}

function addressesOf(pair: Pair, peers: readonly [PeerHints, PeerHints]) {
  const address = (index: 0 | 1) => {
    const served = servedAddress(pair.relays[index], peers[index]);
    if (served === undefined) throw new Error('unreachable: a candidate serves its peer');
    return served;
  };
  return [address(0), address(1)] as const;
}

function hasTrunk(relay: LiveRelay, family: AddressFamily): boolean {
  return relay.record.trunkAddresses.some((address) => familyOf(address) === family);
}
