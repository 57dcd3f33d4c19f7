import type { TransportAddress } from '../../src/address.js';
import type { LiveRelay, Snapshot } from './live-relay.js';
import type { LoadEstimate } from './load.js';
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
import { lessLoadedOfTwo } from './two-choices.js';

/** Number of best pairs, and of refused ones, in an explanation. */
const EXPLAINED_PAIRS = 5;

/** The complete input of a selection. */
export interface SelectionInput {
  readonly snapshot: Snapshot;
  /** Estimates loads beyond what the snapshot holds. */
  readonly load: LoadEstimate;
  readonly peers: readonly [PeerHints, PeerHints];
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Explains a selection, for the debug log. */
export interface SelectionExplanation {
  /** Number of the snapshot that was read. */
  readonly snapshot: number;
  /** Ids of relays that no peer could be given, by reason. */
  readonly excluded: ExcludedRelays;
  /** Ids of relays that each peer gets only if no other can serve, by exception. */
  readonly heldBack: readonly [HeldBack, HeldBack];
  /** Number of relays that could serve each peer. */
  readonly candidates: readonly [number, number];
  /** Whether each peer's `region` was kept. */
  readonly regionKept: readonly [boolean, boolean];
  readonly pairs: number;
  /** Number of considered pairs that are impossible, and some of them. */
  readonly pairsRefused: number;
  readonly refused: readonly RefusedPair[];
  /** Number of pairs within the tolerance of the best, among which load and chance chose. */
  readonly contenders: number;
  /** Scores of the best pairs. */
  readonly best: readonly PairScore[];
  readonly chosen: PairScore | undefined;
}

/** Ids by reason. */
export type ExcludedRelays = Readonly<
  Record<'unconfirmed' | 'draining' | 'full', readonly string[]>
>;

/** Ids by exception. */
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
 * Selects a relay for each of two peers. The pair with the least latency over both legs and the
 * trunk wins, where load counts as latency. Of the pairs within the tolerance, two are drawn and
 * the less loaded one is taken (`lessLoadedOfTwo`). Two different relays are preferred: one serves
 * both peers only if their latencies favour it by more than `SCORE_WEIGHTS.sharedMs`, or if no pair
 * of two is possible.
 *
 * The result depends on the input alone: no clock is read, and chance comes from `random`.
 *
 * A peer's `family` and `families` are binding, and two relays must reach each other. A relay
 * outside the peer's `region`, a suspected one, an avoided one, or one under a verdict serves only
 * if no other can; in this order of preference.
 * @returns the relays and addresses in the peers' order, or the reason, each with an explanation
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
  const loadOf = ({ score }: Pair) => score.loadMs[0] + score.loadMs[1];
  const chosen = lessLoadedOfTwo(contenders, loadOf, random);
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
