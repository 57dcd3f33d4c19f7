import { type AddressFamily, familyOf, type TransportAddress } from '../../address.js';
import type { Doubt, RelayDoubts } from '../reachability/doubts.js';
import type { LiveRelay } from '../relay-table.js';

/** What a peer told of itself; every member is optional (PROTOCOL.md section 5). */
export interface PeerHints {
  /** Its public IP address, canonical. */
  readonly address?: string;
  /** The address family it must be served with. */
  readonly family?: AddressFamily;
  /** The address families it can use; it is served with no other. */
  readonly families?: readonly AddressFamily[];
  /** The region it must be served from while a relay there can. */
  readonly region?: string;
  /** Relay or region id to milliseconds, as the peer measured. */
  readonly latencies?: ReadonlyMap<string, number>;
  /** Relays that it is not given while another can serve. */
  readonly avoid?: ReadonlySet<string>;
}

/**
 * The score is in milliseconds, lower is better. Latency is what a user notices, so the other
 * terms say how much latency they are worth.
 */
export const SCORE_WEIGHTS = {
  /** A fully loaded relay is as bad as this much latency; load counts squared, little at first. */
  loadMs: 100,
  /** A relay that a peer did not measure, over the worst that it did. */
  unmeasuredMs: 50,
  /** A millisecond between relays counts for this much: their networks are steadier than peers'. */
  trunkWeight: 0.9,
  /** Between regions whose distance no peer's latencies tell. */
  regionsApartMs: 20,
  /** Two relays are the product; both peers on one relay must save more than this. */
  sharedMs: 10,
  /** The same where the peers' latencies do not tell that sharing is good. */
  sharedUnmeasuredMs: 1_000,
  /** A relay without an address of the family that the peer was seen with. */
  otherFamilyMs: 5_000,
  /** Pairs this close to the best are as good; the choice among them spreads load. */
  toleranceMs: 5,
} as const;

/**
 * What a peer is given only where nothing else can serve, each worth more than both legs can have
 * of those above it. No latency outweighs one.
 */
const EXCEPTIONS = { otherRegion: 1, suspected: 10, avoided: 100, unreachable: 1_000 } as const;

/** The terms of one pair's score, in milliseconds. */
export interface PairScore {
  readonly relays: readonly [string, string];
  /** Peer to its relay, each. */
  readonly legMs: readonly [number, number];
  /** Between the relays. */
  readonly trunkMs: number;
  readonly loadMs: readonly [number, number];
  readonly sharedMs: number;
  readonly totalMs: number;
  /** What each peer would have to put up with; decides before `totalMs` does. */
  readonly exceptions: readonly [readonly Exception[], readonly Exception[]];
}

/**
 * Why a relay is given to a peer only where nothing else can serve: it is not in the peer's
 * region, one of too few says it does not answer, the peer avoids it, or a verdict is against it.
 */
export type Exception = keyof typeof EXCEPTIONS;

/** How a relay would serve a peer. */
export interface PeerLeg {
  readonly address: TransportAddress;
  readonly costMs: number;
  readonly exceptions: readonly Exception[];
  /** The sum of what the exceptions weigh. */
  readonly exceptionWeight: number;
}

/** The families that a peer may be served with. */
export function familiesOf(peer: PeerHints): readonly AddressFamily[] {
  return peer.family === undefined ? (peer.families ?? BOTH_FAMILIES) : [peer.family];
}

export const BOTH_FAMILIES: readonly AddressFamily[] = [4, 6];

/** The latency that a peer measured to a relay, or to the relay's region. */
function measuredMs(relay: LiveRelay, peer: PeerHints): number | undefined {
  return peer.latencies?.get(relay.record.id) ?? peer.latencies?.get(relay.record.region);
}

/**
 * How each relay that has an address for a peer would serve it. The address is one without a doubt
 * where there is one, then of the family that the peer was seen with, else of IPv4.
 */
export function peerLegs(
  relays: readonly LiveRelay[],
  peer: PeerHints,
  view: RelayDoubts,
): Map<LiveRelay, PeerLeg> {
  const measured = relays.map((relay) => measuredMs(relay, peer));
  const known = measured.filter((ms) => ms !== undefined);
  const unmeasured = known.length === 0 ? 0 : Math.max(...known) + SCORE_WEIGHTS.unmeasuredMs;
  const legs = new Map<LiveRelay, PeerLeg>();
  const wish = familyWish(peer);
  for (const [index, relay] of relays.entries()) {
    const served = servedAddress(relay, wish, view);
    if (served === undefined) continue;
    const { address, doubt, inferior } = served;
    const exceptions = exceptionsOf(relay, peer, worse(doubt, view.relayDoubt(relay.record.id)));
    legs.set(relay, {
      address,
      costMs: (measured[index] ?? unmeasured) + (inferior ? SCORE_WEIGHTS.otherFamilyMs : 0),
      exceptions,
      exceptionWeight: exceptions.reduce((sum, exception) => sum + EXCEPTIONS[exception], 0),
    });
  }
  return legs;
}

interface Served {
  readonly address: TransportAddress;
  readonly doubt: Doubt;
  /** Whether the peer may lack the address's family. */
  readonly inferior: boolean;
}

/** Which families a peer is served with. */
interface FamilyWish {
  readonly families: readonly AddressFamily[];
  readonly preferred: AddressFamily;
  /** The peer was seen with the preferred one. */
  readonly seen: boolean;
  /** The peer says which families it can use. */
  readonly says: boolean;
}

function familyWish(peer: PeerHints): FamilyWish {
  const families = familiesOf(peer);
  const seen = seenFamily(peer);
  const preferred = seen ?? (families.includes(4) ? 4 : 6);
  return { families, preferred, seen: seen !== undefined, says: peer.families !== undefined };
}

function servedAddress(
  relay: LiveRelay,
  { families, preferred, seen, says }: FamilyWish,
  view: RelayDoubts,
): Served | undefined {
  const { id, serviceAddresses } = relay.record;
  let best: Served | undefined;
  let bestRank = Number.POSITIVE_INFINITY;
  let hasPreferred = false;
  for (const address of serviceAddresses) {
    const family = familyOf(address);
    if (!families.includes(family)) continue;
    if (family === preferred) hasPreferred = true;
    const doubt = view.addressDoubt(id, address);
    const rank = 2 * DOUBTS.indexOf(doubt) + (family === preferred ? 0 : 1);
    if (rank >= bestRank) continue;
    best = { address, doubt, inferior: false };
    bestRank = rank;
  }
  if (best === undefined || familyOf(best.address) === preferred) return best;
  // A peer that does not say which families it can use may lack this one. A relay that has an
  // address of one family only is offered all the same.
  const unsure = !says && (seen || hasPreferred);
  return { ...best, inferior: unsure };
}

/** From the least to the most. */
const DOUBTS: readonly Doubt[] = ['none', 'suspected', 'unreachable'];

function worse(a: Doubt, b: Doubt): Doubt {
  return DOUBTS.indexOf(a) >= DOUBTS.indexOf(b) ? a : b;
}

function exceptionsOf(relay: LiveRelay, peer: PeerHints, doubt: Doubt): Exception[] {
  const { id, region } = relay.record;
  const exceptions: Exception[] = [];
  if (peer.region !== undefined && peer.region !== region) exceptions.push('otherRegion');
  if (doubt !== 'none') exceptions.push(doubt);
  if (peer.avoid?.has(id) === true) exceptions.push('avoided');
  return exceptions;
}

/**
 * What the way between two relays costs. A peer that measured both gives a lower bound: by the
 * triangle inequality they are at least as far apart as its two latencies differ.
 */
export function trunkMs(a: LiveRelay, b: LiveRelay, peers: readonly PeerHints[]): number {
  if (a === b) return 0;
  let bound: number | undefined;
  for (const peer of peers) {
    const [toA, toB] = [measuredMs(a, peer), measuredMs(b, peer)];
    if (toA !== undefined && toB !== undefined) bound = Math.max(bound ?? 0, Math.abs(toA - toB));
  }
  const apart = a.record.region === b.record.region ? 0 : SCORE_WEIGHTS.regionsApartMs;
  return SCORE_WEIGHTS.trunkWeight * (bound ?? apart);
}

/** What a relay's load costs, from 0 to `SCORE_WEIGHTS.loadMs`. */
export function loadMs(relay: LiveRelay): number {
  return SCORE_WEIGHTS.loadMs * relay.loadShare ** 2;
}

/** What it costs that both peers use one relay: little where both measured it. */
export function sharedMs(relay: LiveRelay, peers: readonly PeerHints[]): number {
  return peers.every((peer) => measuredMs(relay, peer) !== undefined)
    ? SCORE_WEIGHTS.sharedMs
    : SCORE_WEIGHTS.sharedUnmeasuredMs;
}

/** Whether a relay has room for so many more legs. */
export function hasRoom(relay: LiveRelay, legs: number): boolean {
  return relay.load.legs + relay.legsAssigned + legs <= relay.load.legsMax;
}

/** Whether a relay has a trunk address of a family. */
export function hasTrunk(relay: Pick<LiveRelay, 'record'>, family: AddressFamily): boolean {
  return relay.record.trunkAddresses.some((address) => familyOf(address) === family);
}

/** Why two different relays cannot be a pair; undefined when they can. */
export type PairFault = 'noCommonFamily' | 'unknownToEachOther' | 'unreachable';

/**
 * @returns that they have no trunk address family in common (else 440, PROTOCOL.md section 2),
 *   that one has not confirmed a registry with the other (else 403), or that one says it does not
 *   reach the other (else 447)
 */
export function pairFault(a: LiveRelay, b: LiveRelay, view: RelayDoubts): PairFault | undefined {
  const common = BOTH_FAMILIES.some((family) => hasTrunk(a, family) && hasTrunk(b, family));
  if (!common) return 'noCommonFamily';
  if (a.registryKnown < b.listedSince || b.registryKnown < a.listedSince) {
    return 'unknownToEachOther';
  }
  return view.reach(a.record.id, b.record.id) ? undefined : 'unreachable';
}

function seenFamily(peer: PeerHints): AddressFamily | undefined {
  const families = familiesOf(peer);
  const [only] = families;
  if (families.length === 1) return only;
  if (peer.address === undefined) return undefined;
  return peer.address.includes(':') ? 6 : 4;
}
