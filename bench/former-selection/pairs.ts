import type { AddressFamily } from '../../src/address.js';
import {
  type Candidate,
  hasRoom,
  hasTrunk,
  loadMs,
  type PairFault,
  type PairScore,
  type PeerHints,
  type PeerLeg,
  type PeerLegs,
  pairFault,
  sharedMs,
  trunkMs,
} from './score.js';

/** Relays per trunk family that are tried for a peer; the number of pairs is quadratic in it. */
const SHORTLIST = 8;
/** Further partners tried for each relay of a shortlist if pairs are lacking. */
const PARTNERS = 2;
/** Granularity in which loads are compared for a shortlist, ms. */
const LOAD_STEP_MS = 10;
/** Weight of an exception in a shortlist, ms; exceeds the cost of any leg. */
const EXCEPTION_COST_MS = 1_000_000;

/** Two relays that can serve the peers, or one for both, with the legs' cost. */
export interface Pair {
  readonly relays: readonly [Candidate, Candidate];
  readonly legs: readonly [PeerLeg, PeerLeg];
  readonly score: PairScore;
  readonly exceptionWeight: number;
}

/** Input of `scoredPairs`. */
export interface PairInput {
  readonly legs: readonly [PeerLegs, PeerLegs];
  readonly peers: readonly [PeerHints, PeerHints];
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Two relays that cannot be a pair, and the reason. */
export interface RefusedPair {
  readonly relays: readonly [string, string];
  readonly fault: PairFault;
}

/** The possible pairs, best first, and the considered ones that are impossible. */
export interface Pairs {
  readonly pairs: readonly Pair[];
  readonly refused: readonly RefusedPair[];
}

/**
 * Scores pairs of the two peers' relays. It tries the pairs of a shortlist for each peer. If relays
 * of the shortlists cannot pair, it adds the best partners with which each of them can.
 */
export function scoredPairs(input: PairInput): Pairs {
  const [firsts, seconds] = shortlists(input);
  const found = new Map<string, Pair>();
  const refused: RefusedPair[] = [];
  for (const a of firsts) {
    for (const b of seconds) {
      const fault = a === b ? undefined : pairFault(a, b);
      if (fault !== undefined) refused.push({ relays: [a.record.id, b.record.id], fault });
      else addPair(found, a, b, input);
    }
  }
  if (refused.length > 0 && lacksPairs(found, input)) {
    for (const a of firsts) for (const b of partners(a, 1, input)) addPair(found, a, b, input);
    for (const b of seconds) for (const a of partners(b, 0, input)) addPair(found, a, b, input);
  }
  const pairs = [...found.values()].sort(
    (x, y) => x.exceptionWeight - y.exceptionWeight || x.score.totalMs - y.score.totalMs,
  );
  return { pairs, refused };
}

function shortlists({ legs, random }: PairInput) {
  const shareable = legs[0].list
    .map(({ relay }) => relay)
    .filter((relay) => legs[1].byIndex[relay.index] !== undefined && hasRoom(relay, 2));
  const both = (relay: Candidate) => legCost(legs[0], relay) + legCost(legs[1], relay);
  const middle = cheapest(shareable, both, SHORTLIST, random);
  return legs.map((ofPeer) => {
    // Per trunk family, so that a pair with a common family is found if there is one.
    const ofFamily = (family: AddressFamily) =>
      cheapest(
        ofPeer.list.map(({ relay }) => relay).filter((relay) => hasTrunk(relay, family)),
        (relay) => legCost(ofPeer, relay),
        SHORTLIST,
        random,
      );
    return new Set([...ofFamily(4), ...ofFamily(6), ...middle]);
  }) as [Set<Candidate>, Set<Candidate>];
}

/** Returns whether no pair of two different relays has the least possible exceptions. */
function lacksPairs(found: ReadonlyMap<string, Pair>, { legs }: PairInput): boolean {
  const least = legs.map((ofPeer) =>
    ofPeer.list.reduce((min, leg) => Math.min(min, leg.exceptionWeight), Infinity),
  );
  const [first = 0, second = 0] = least;
  return ![...found.values()].some(
    ({ relays: [a, b], exceptionWeight }) => a !== b && exceptionWeight <= first + second,
  );
}

/** Returns the best relays for one peer that can pair with the other peer's relay. */
function partners(relay: Candidate, peer: 0 | 1, { legs, random }: PairInput) {
  const able = legs[peer].list
    .map((leg) => leg.relay)
    .filter((other) => other !== relay && pairFault(relay, other) === undefined);
  return cheapest(able, (other) => legCost(legs[peer], other), PARTNERS, random);
}

function addPair(found: Map<string, Pair>, a: Candidate, b: Candidate, input: PairInput): void {
  const key = `${a.record.id} ${b.record.id}`;
  const [legA, legB] = [input.legs[0].byIndex[a.index], input.legs[1].byIndex[b.index]];
  if (found.has(key) || legA === undefined || legB === undefined) return;
  if (a === b && !hasRoom(a, 2)) return;
  found.set(key, {
    relays: [a, b],
    legs: [legA, legB],
    score: pairScore(a, b, [legA, legB], input.peers),
    exceptionWeight: legA.exceptionWeight + legB.exceptionWeight,
  });
}

function pairScore(
  a: Candidate,
  b: Candidate,
  [legA, legB]: readonly [PeerLeg, PeerLeg],
  peers: readonly [PeerHints, PeerHints],
): PairScore {
  const trunk = trunkMs(a, b, peers);
  const load = [loadMs(a), loadMs(b)] as const;
  const shared = a === b ? sharedMs(a, peers) : 0;
  return {
    relays: [a.record.id, b.record.id],
    legMs: [legA.costMs, legB.costMs],
    trunkMs: trunk,
    loadMs: load,
    sharedMs: shared,
    totalMs: legA.costMs + legB.costMs + trunk + load[0] + load[1] + shared,
    exceptions: [legA.exceptions, legB.exceptions],
  };
}

/** Returns a leg's cost for a shortlist, ms; exceptions outweigh latency. */
function legCost(legs: PeerLegs, relay: Candidate): number {
  const leg = legs.byIndex[relay.index];
  return leg === undefined ? 0 : leg.costMs + leg.exceptionWeight * EXCEPTION_COST_MS;
}

interface Ranked {
  readonly relay: Candidate;
  readonly cost: number;
  readonly draw: number;
}

/** Returns the `count` relays of least cost and load, with ties in random order. */
function cheapest(
  relays: readonly Candidate[],
  cost: (relay: Candidate) => number,
  count: number,
  random: () => number,
): Candidate[] {
  const before = (a: Ranked, b: Ranked) =>
    a.cost < b.cost || (a.cost === b.cost && a.draw < b.draw);
  const ranked: Ranked[] = [];
  for (const relay of relays) {
    const load = Math.floor(loadMs(relay) / LOAD_STEP_MS) * LOAD_STEP_MS;
    const costMs = cost(relay) + load;
    const draw = random();
    const last = ranked.length === count ? ranked[count - 1] : undefined;
    // Most relays cost more than all that are kept.
    if (last !== undefined && costMs > last.cost) continue;
    const next = { relay, cost: costMs, draw };
    if (last !== undefined && !before(next, last)) continue;
    // Few of many are kept, so inserting is faster than sorting all.
    const place = ranked.findIndex((each) => before(next, each));
    ranked.splice(place === -1 ? ranked.length : place, 0, next);
    if (ranked.length > count) ranked.pop();
  }
  return ranked.map(({ relay }) => relay);
}
