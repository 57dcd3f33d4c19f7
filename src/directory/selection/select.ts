import type { TransportAddress } from '../../address.js';
import type { LiveRelay, Snapshot } from '../snapshot.js';
import type { LoadEstimate } from './local-load.js';
import { type NoRelay, noRelayReason } from './no-relay-reason.js';
import { type Pair, type RefusedPair, scoredPairs } from './pairs.js';
import {
  type Candidate,
  type Exception,
  hasRoom,
  type PairScore,
  type PeerHints,
  type PeerLegs,
  peerLegs,
  SCORE_WEIGHTS,
} from './score.js';

/** Best pairs, and pairs that are none, that an explanation lists. */
const EXPLAINED_PAIRS = 5;

/** What selection depends on, and nothing else. */
export interface SelectionInput {
  readonly snapshot: Snapshot;
  /** What this directory adds to the loads in the snapshot. */
  readonly load: LoadEstimate;
  readonly peers: readonly [PeerHints, PeerHints];
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** The answer to "why this relay?". */
export interface SelectionExplanation {
  /** The number of the snapshot that it was made from. */
  readonly snapshot: number;
  /** Relays that nobody was offered, and why. */
  readonly excluded: ExcludedRelays;
  /** Relays to be given only where nothing else can serve, for each peer, by the reason. */
  readonly heldBack: readonly [HeldBack, HeldBack];
  /** How many relays each peer could be served by. */
  readonly candidates: readonly [number, number];
  /** Whether each peer's `region` was kept. */
  readonly regionKept: readonly [boolean, boolean];
  readonly pairs: number;
  /** How many pairs were considered and are none, and some of them. */
  readonly pairsRefused: number;
  readonly refused: readonly RefusedPair[];
  /** Pairs within the tolerance of the best, among which chance and load decided. */
  readonly contenders: number;
  /** The best pairs by score. */
  readonly best: readonly PairScore[];
  readonly chosen: PairScore | undefined;
}

/** Ids by the reason. */
export type ExcludedRelays = Readonly<
  Record<'unconfirmed' | 'draining' | 'full', readonly string[]>
>;

/** Ids by the exception that giving them would be. */
export type HeldBack = Readonly<Record<Exclude<Exception, 'otherRegion'>, readonly string[]>>;

/** A relay and its service address for each of two peers, or why there is none. */
export type Selection =
  | {
      readonly ok: true;
      readonly relays: readonly [Candidate, Candidate];
      readonly addresses: readonly [TransportAddress, TransportAddress];
      readonly explanation: SelectionExplanation;
    }
  | {
      readonly ok: false;
      readonly noRelay: NoRelay;
      readonly explanation: SelectionExplanation;
    };

/**
 * Picks a relay for each of two peers. The pair with the least latency over both legs and the
 * trunk wins, load added as latency; among pairs as good as the best, two are drawn and the less
 * loaded taken (Mitzenmacher, "The power of two choices", 2001), so that stale loads do not send a
 * burst to one relay. Two different relays are preferred; one serves both where the peers' own
 * latencies say so by more than `SCORE_WEIGHTS.sharedMs`, or where no other pair can.
 *
 * It is a function of its input: it reads no clock, and chance comes from `random` alone.
 *
 * A peer's `family` and `families` bind, and so does it that two relays reach each other. A peer
 * is given a relay outside its `region`, one that is suspected, one that it avoids or one under a
 * verdict (in this order, each only if the former does not help) where nothing else can serve.
 * @returns the relays in the peers' order with an explanation
 */
export function selectRelays(input: SelectionInput): Selection {
  const { snapshot, load, peers, random } = input;
  const { relays } = snapshot;
  const { usable, excluded } = usableRelays(relays, load);
  const legs = [peerLegs(usable, peers[0]), peerLegs(usable, peers[1])] as const;
  const { pairs, refused } = scoredPairs({ legs, peers, random });
  const best = pairs[0];
  const contenders = pairs.filter(
    ({ exceptionWeight, score }) =>
      exceptionWeight === best?.exceptionWeight &&
      score.totalMs <= best.score.totalMs + SCORE_WEIGHTS.toleranceMs,
  );
  const chosen = lessLoadedOfTwo(contenders, random);
  const explanation: SelectionExplanation = {
    snapshot: snapshot.number,
    excluded,
    heldBack: [heldBack(legs[0]), heldBack(legs[1])],
    candidates: [legs[0].list.length, legs[1].list.length],
    regionKept: [regionKept(0, peers, chosen), regionKept(1, peers, chosen)],
    pairs: pairs.length,
    pairsRefused: refused.length,
    refused: refused.slice(0, EXPLAINED_PAIRS),
    contenders: contenders.length,
    best: pairs.slice(0, EXPLAINED_PAIRS).map((pair) => pair.score),
    chosen: chosen?.score,
  };
  if (chosen === undefined) {
    const candidates = explanation.candidates;
    return {
      ok: false,
      noRelay: noRelayReason({ registered: relays.length, excluded, candidates, peers, refused }),
      explanation,
    };
  }
  const addresses = [chosen.legs[0].address, chosen.legs[1].address] as const;
  return { ok: true, relays: chosen.relays, addresses, explanation };
}

function usableRelays(relays: readonly LiveRelay[], load: LoadEstimate) {
  const usable: Candidate[] = [];
  const excluded = { unconfirmed: [] as string[], draining: [] as string[], full: [] as string[] };
  for (const relay of relays) {
    if (relay.draining) excluded.draining.push(relay.record.id);
    else if (!relay.confirmed) excluded.unconfirmed.push(relay.record.id);
    else {
      const { record } = relay;
      const { legsFree, share } = load.of(relay);
      const candidate = { index: usable.length, record, relay, legsFree, loadShare: share };
      if (hasRoom(candidate, 1)) usable.push(candidate);
      else excluded.full.push(record.id);
    }
  }
  return { usable, excluded };
}

function heldBack(legs: PeerLegs): HeldBack {
  const held = { suspected: [] as string[], avoided: [] as string[], unreachable: [] as string[] };
  for (const { relay, exceptions } of legs.list) {
    for (const exception of exceptions) {
      if (exception !== 'otherRegion') held[exception].push(relay.record.id);
    }
  }
  return held;
}

function regionKept(
  index: 0 | 1,
  peers: readonly [PeerHints, PeerHints],
  chosen: Pair | undefined,
): boolean {
  if (peers[index].region === undefined || chosen === undefined) return false;
  return !chosen.legs[index].exceptions.includes('otherRegion');
}

function lessLoadedOfTwo(pairs: readonly Pair[], random: () => number): Pair | undefined {
  const draw = () => pairs[Math.floor(random() * pairs.length)];
  const [one, other] = [draw(), draw()];
  if (one === undefined || other === undefined) return undefined;
  const load = (pair: Pair) => pair.score.loadMs[0] + pair.score.loadMs[1];
  return load(other) < load(one) ? other : one;
}
