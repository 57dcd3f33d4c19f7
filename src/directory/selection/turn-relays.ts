import type { TransportAddress } from '../../address.js';
import type { LiveRelay, Snapshot } from '../snapshot.js';
import type { LoadEstimate } from './load.js';
import {
  type Candidate,
  familiesOf,
  loadMs,
  type PeerHints,
  type PeerLeg,
  peerLegs,
  SCORE_WEIGHTS,
} from './score.js';
import { lessLoadedOfTwo } from './two-choices.js';

/** The complete input of a selection of TURN servers. */
export interface TurnSelectionInput {
  readonly snapshot: Snapshot;
  readonly load: LoadEstimate;
  readonly client: PeerHints;
  /** Number of relays to select at most. */
  readonly relays: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** A relay for a TURN client, and its addresses to try: one of each family that may serve. */
export interface TurnRelay {
  readonly id: string;
  readonly addresses: readonly TransportAddress[];
}

/**
 * The reason why no relay serves a TURN client: none is registered; none serves tenants' users;
 * none of those may be chosen now; none of them has an address of a family that it can use.
 */
export type NoTurnReason = 'no-relays' | 'no-turn' | 'none-ready' | 'no-family';

/** The relays, nearest first, or the reason, with a sentence for people. */
export type TurnSelection =
  | { readonly ok: true; readonly relays: readonly TurnRelay[] }
  | { readonly ok: false; readonly reason: NoTurnReason; readonly detail: string };

/**
 * Selects the relays that are nearest to a TURN client, where load counts as latency. Of those
 * within the tolerance, load and chance choose, as for connections. The client's `family` and
 * `families` are binding. A relay outside its `region`, a suspected one, an avoided one, or one
 * under a verdict is selected only if there is no other.
 *
 * The result depends on the input alone: no clock is read, and chance comes from `random`.
 */
export function selectTurnRelays(input: TurnSelectionInput): TurnSelection {
  const { snapshot, client, random } = input;
  const serving = snapshot.relays.filter(({ load }) => load.turn !== undefined);
  const candidates = candidatesOf(serving, input.load);
  const { list } = peerLegs(candidates, client);
  if (list.length === 0) return refusal(snapshot, serving, candidates, client);
  const least = Math.min(...list.map(({ exceptionWeight }) => exceptionWeight));
  const left = list
    .filter(({ exceptionWeight }) => exceptionWeight === least)
    .toSorted((a, b) => totalMs(a) - totalMs(b));
  const chosen: TurnRelay[] = [];
  while (chosen.length < input.relays) {
    const leg = nearest(left, random);
    if (leg === undefined) break;
    left.splice(left.indexOf(leg), 1);
    chosen.push({ id: leg.relay.record.id, addresses: addressesFor(leg, client) });
  }
  return { ok: true, relays: chosen };
}

function candidatesOf(serving: readonly LiveRelay[], load: LoadEstimate): Candidate[] {
  const candidates: Candidate[] = [];
  for (const relay of serving) {
    const { allocations = 0, allocationsMax = 0 } = relay.load.turn ?? {};
    if (relay.draining || !relay.confirmed || allocations >= allocationsMax) continue;
    candidates.push({
      index: candidates.length,
      record: relay.record,
      relay,
      legsFree: allocationsMax - allocations,
      // Legs and allocations use the same processors.
      loadShare: Math.max(load.of(relay).share, allocations / allocationsMax),
    });
  }
  return candidates;
}

/** Returns one of the best legs. @param legs - best first */
function nearest(legs: readonly PeerLeg[], random: () => number): PeerLeg | undefined {
  const [best] = legs;
  if (best === undefined) return undefined;
  const most = totalMs(best) + SCORE_WEIGHTS.toleranceMs;
  const contenders = legs.filter((leg) => totalMs(leg) <= most);
  return lessLoadedOfTwo(contenders, ({ relay }) => loadMs(relay), random);
}

function totalMs({ costMs, relay }: PeerLeg): number {
  return costMs + loadMs(relay);
}

/**
 * Returns the addresses of a relay that a client tries. Each costs it an allocation, so there is
 * one if its family is known: stated by itself, or seen. Otherwise there is one of each family of
 * the relay, without those that are in more doubt than the best one.
 */
function addressesFor(leg: PeerLeg, client: PeerHints): readonly TransportAddress[] {
  const isSeen = client.families === undefined && client.address !== undefined;
  if (isSeen) return [leg.address];
  const legs = familiesOf(client).flatMap(
    (family) => peerLegs([leg.relay], { ...client, family }).list,
  );
  return legs
    .filter(({ exceptionWeight }) => exceptionWeight <= leg.exceptionWeight)
    .map(({ address }) => address);
}

function refusal(
  snapshot: Snapshot,
  serving: readonly LiveRelay[],
  candidates: readonly Candidate[],
  client: PeerHints,
): TurnSelection {
  const of = (reason: NoTurnReason, detail: string) => ({ ok: false, reason, detail }) as const;
  const registered = snapshot.relays.length;
  if (registered === 0) return of('no-relays', 'no relay is registered');
  if (serving.length === 0) {
    return of('no-turn', `none of ${registered} relays serves TURN to tenants' users`);
  }
  if (candidates.length === 0) {
    const why = 'they drain, have just registered, or are full';
    return of('none-ready', `of ${serving.length} relays with TURN none may be chosen: ${why}`);
  }
  const families = familiesOf(client).map((family) => `IPv${family}`);
  const detail =
    `the client can use ${families.join(' and ')} only, ` +
    `and none of ${candidates.length} relays with TURN has an address of it`;
  return of('no-family', detail);
}
