import { type AddressFamily, familyOf, type TransportAddress } from '../../address.js';
import type { RelayRecord } from '../../registry/types.js';
import type { Doubt } from '../reachability/doubts.js';
import type { LiveRelay } from '../snapshot.js';

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

/** A relay that may be chosen, with the load that this directory takes it to have. */
export interface Candidate {
  /** Its place among the candidates of this selection. */
  readonly index: number;
  readonly record: RelayRecord;
  readonly relay: LiveRelay;
  /** How many more legs it has room for. */
  readonly legsFree: number;
  /** How busy it is, 0 to 1, as far as its word can be taken. */
  readonly loadShare: number;
}

/** How a relay would serve a peer. */
export interface PeerLeg {
  readonly relay: Candidate;
  readonly address: TransportAddress;
  readonly costMs: number;
  readonly exceptions: readonly Exception[];
  /** The sum of what the exceptions weigh. */
  readonly exceptionWeight: number;
}

/** The relays that can serve a peer, and how. */
export interface PeerLegs {
  readonly list: readonly PeerLeg[];
  /** By the candidate's index; undefined for one that cannot serve the peer. */
  readonly byIndex: readonly (PeerLeg | undefined)[];
}

/** The families that a peer may be served with. */
export function familiesOf(peer: PeerHints): readonly AddressFamily[] {
  return peer.family === undefined ? (peer.families ?? BOTH_FAMILIES) : [peer.family];
}

export const BOTH_FAMILIES: readonly AddressFamily[] = [4, 6];

/** The latency that a peer measured to a relay, or to the relay's region. */
function measuredMs(relay: Candidate, peer: PeerHints): number | undefined {
  return peer.latencies?.get(relay.record.id) ?? peer.latencies?.get(relay.record.region);
}

/**
 * How each relay that has an address for a peer would serve it. The address is one without a doubt
 * where there is one, then of the family that the peer was seen with, else of IPv4.
 */
export function peerLegs(relays: readonly Candidate[], peer: PeerHints): PeerLegs {
  const measured = relays.map((relay) => measuredMs(relay, peer));
  const known = measured.filter((ms) => ms !== undefined);
  const unmeasured = known.length === 0 ? 0 : Math.max(...known) + SCORE_WEIGHTS.unmeasuredMs;
  const list: PeerLeg[] = [];
  const byIndex = new Array<PeerLeg | undefined>(relays.length).fill(undefined);
  const wish = familyWish(peer);
  for (const [index, relay] of relays.entries()) {
    const served = servedAddress(relay, wish);
    if (served === undefined) continue;
    const { address, doubt, inferior } = served;
    const exceptions = exceptionsOf(relay, peer, worse(doubt, relay.relay.doubts.trunk));
    const leg = {
      relay,
      address,
      costMs: (measured[index] ?? unmeasured) + (inferior ? SCORE_WEIGHTS.otherFamilyMs : 0),
      exceptions,
      exceptionWeight: exceptions.reduce((sum, exception) => sum + EXCEPTIONS[exception], 0),
    };
    list.push(leg);
    byIndex[index] = leg;
  }
  return { list, byIndex };
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
  relay: Candidate,
  { families, preferred, seen, says }: FamilyWish,
): Served | undefined {
  const { addresses } = relay.relay.doubts;
  const { serviceAddresses } = relay.record;
  let best: Served | undefined;
  let bestRank = Number.POSITIVE_INFINITY;
  let hasPreferred = false;
  for (let index = 0; index < serviceAddresses.length; index += 1) {
    const address = serviceAddresses[index] as TransportAddress;
    const family = familyOf(address);
    if (!families.includes(family)) continue;
    if (family === preferred) hasPreferred = true;
    const doubt = addresses.length === 0 ? 'none' : (addresses[index] ?? 'none');
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

function exceptionsOf(relay: Candidate, peer: PeerHints, doubt: Doubt): Exception[] {
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
export function trunkMs(a: Candidate, b: Candidate, peers: readonly PeerHints[]): number {
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
export function loadMs(relay: Candidate): number {
  return SCORE_WEIGHTS.loadMs * relay.loadShare ** 2;
}

/** What it costs that both peers use one relay: little where both measured it. */
export function sharedMs(relay: Candidate, peers: readonly PeerHints[]): number {
  return peers.every((peer) => measuredMs(relay, peer) !== undefined)
    ? SCORE_WEIGHTS.sharedMs
    : SCORE_WEIGHTS.sharedUnmeasuredMs;
}

/** Whether a relay has room for so many more legs. */
export function hasRoom(relay: Candidate, legs: number): boolean {
  return legs <= relay.legsFree;
}

/** Whether a relay has a trunk address of a family. */
export function hasTrunk(relay: { readonly record: RelayRecord }, family: AddressFamily): boolean {
  return relay.record.trunkAddresses.some((address) => familyOf(address) === family);
}

/** Why two different relays cannot be a pair; undefined when they can. */
export type PairFault = 'noCommonFamily' | 'unknownToEachOther' | 'unreachable';

/**
 * @returns that they have no trunk address family in common (else 440, PROTOCOL.md section 2),
 *   that one has not confirmed a registry with the other (else 403), or that one says it does not
 *   reach the other (else 447)
 */
export function pairFault(a: Candidate, b: Candidate): PairFault | undefined {
  const common = BOTH_FAMILIES.some((family) => hasTrunk(a, family) && hasTrunk(b, family));
  if (!common) return 'noCommonFamily';
  if (!knows(a, b) || !knows(b, a)) return 'unknownToEachOther';
  return reaches(a, b) && reaches(b, a) ? undefined : 'unreachable';
}

/** Whether a relay has put a registry to use that holds another's present record. */
function knows({ relay }: Candidate, other: Candidate): boolean {
  return relay.registry?.holds(other.record) === true;
}

/** Whether a relay does not say that it does not reach another. */
function reaches({ relay }: Candidate, other: Candidate): boolean {
  return !relay.doubts.unreached.has(other.record.id);
}

function seenFamily(peer: PeerHints): AddressFamily | undefined {
  const families = familiesOf(peer);
  const [only] = families;
  if (families.length === 1) return only;
  if (peer.address === undefined) return undefined;
  return peer.address.includes(':') ? 6 : 4;
}
