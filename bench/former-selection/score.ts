import { type AddressFamily, familyOf, type TransportAddress } from '../../src/address.js';
import type { RelayRecord } from '../../src/registry/types.js';
import type { Doubt } from '../../src/selection/doubts.js';
import type { LiveRelay } from './live-relay.js';

/** A peer's hints; every member is optional (PROTOCOL.md section 5). */
export interface PeerHints {
  /** The peer's public IP address, canonical text. */
  readonly address?: string;
  /** The address family that it must be served with. */
  readonly family?: AddressFamily;
  /** The address families that it can use; it is served with no other. */
  readonly families?: readonly AddressFamily[];
  /** The region that must serve it while a relay there can. */
  readonly region?: string;
  /** Measured latency in ms, by relay id or region. */
  readonly latencies?: ReadonlyMap<string, number>;
  /** Ids of relays to avoid while another can serve. */
  readonly avoid?: ReadonlySet<string>;
}

/**
 * Weights of the score. The score is in ms, lower is better; the other terms are expressed as the
 * latency that they are worth.
 */
export const SCORE_WEIGHTS = {
  /** Cost of full load; load counts squared. */
  loadMs: 100,
  /** Cost of a relay that the peer did not measure, over its worst measured one. */
  unmeasuredMs: 50,
  /** Weight of a ms between relays: relays' networks are steadier than peers'. */
  trunkWeight: 0.9,
  /** Distance of two regions if no peer's latencies show it. */
  regionsApartMs: 20,
  /** Cost of one relay for both peers, if both measured it. */
  sharedMs: 10,
  /** Cost of one relay for both peers, if a peer did not measure it. */
  sharedUnmeasuredMs: 1_000,
  /** Cost of an address of another family than the peer was seen with. */
  otherFamilyMs: 5_000,
  /** Pairs within this of the best are equal; load and chance choose among them. */
  toleranceMs: 5,
} as const;

/**
 * Weights of exceptions: properties that a peer's relay has only if no other can serve. Each weight
 * exceeds what both legs can sum up of the smaller ones. No latency outweighs one.
 */
const EXCEPTIONS = { otherRegion: 1, suspected: 10, avoided: 100, unreachable: 1_000 } as const;

/** The terms of one pair's score, in ms. */
export interface PairScore {
  readonly relays: readonly [string, string];
  /** Latency from each peer to its relay. */
  readonly legMs: readonly [number, number];
  /** Latency between the relays. */
  readonly trunkMs: number;
  readonly loadMs: readonly [number, number];
  readonly sharedMs: number;
  readonly totalMs: number;
  /** Exceptions of each peer's leg; compared before `totalMs`. */
  readonly exceptions: readonly [readonly Exception[], readonly Exception[]];
}

/**
 * Why a relay serves a peer only if no other can: it is outside the peer's region, it is suspected,
 * the peer avoids it, or a verdict says that it is unreachable.
 */
export type Exception = keyof typeof EXCEPTIONS;

/** A relay that may be chosen, with its estimated load. */
export interface Candidate {
  /** Index among the candidates of this selection. */
  readonly index: number;
  readonly record: RelayRecord;
  readonly relay: LiveRelay;
  /** Number of further legs that it has room for. */
  readonly legsFree: number;
  /** Share of its capacity in use, 0 to 1 (`loadShare`). */
  readonly loadShare: number;
}

/** A leg that a relay could serve for a peer. */
export interface PeerLeg {
  readonly relay: Candidate;
  readonly address: TransportAddress;
  readonly costMs: number;
  readonly exceptions: readonly Exception[];
  /** Sum of the exceptions' weights. */
  readonly exceptionWeight: number;
}

/** The legs that relays could serve for a peer. */
export interface PeerLegs {
  readonly list: readonly PeerLeg[];
  /** By the candidate's index; undefined if it cannot serve the peer. */
  readonly byIndex: readonly (PeerLeg | undefined)[];
}

/** Returns the families that a peer may be served with. */
export function familiesOf(peer: PeerHints): readonly AddressFamily[] {
  return peer.family === undefined ? (peer.families ?? BOTH_FAMILIES) : [peer.family];
}

const BOTH_FAMILIES: readonly AddressFamily[] = [4, 6];

/** Returns the latency that a peer measured to a relay or its region, ms. */
function measuredMs(relay: Candidate, peer: PeerHints): number | undefined {
  return peer.latencies?.get(relay.record.id) ?? peer.latencies?.get(relay.record.region);
}

/**
 * Returns the possible legs of a peer, one for each relay that has an address for it. Of several
 * addresses the one with the least doubt is taken, then one of the family that the peer was seen
 * with, or else IPv4.
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

/** The families that a peer can be served with. */
interface FamilyWish {
  readonly families: readonly AddressFamily[];
  readonly preferred: AddressFamily;
  /** Whether the peer was seen with the preferred family. */
  readonly seen: boolean;
  /** Whether the peer states its families. */
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
  // A peer that does not state its families may lack this one. There is no penalty if the relay has
  // addresses of this family only and the peer's family is unknown.
  const unsure = !says && (seen || hasPreferred);
  return { ...best, inferior: unsure };
}

/** In rising order. */
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
 * Returns the cost of the trunk between two relays, ms. A peer that measured both gives a lower
 * bound by the triangle inequality: the difference of its two latencies.
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

/** Returns the cost of a relay's load, 0 to `SCORE_WEIGHTS.loadMs`. */
export function loadMs(relay: Candidate): number {
  return SCORE_WEIGHTS.loadMs * relay.loadShare ** 2;
}

/** Returns the cost of one relay for both peers, ms: low if both measured it. */
export function sharedMs(relay: Candidate, peers: readonly PeerHints[]): number {
  return peers.every((peer) => measuredMs(relay, peer) !== undefined)
    ? SCORE_WEIGHTS.sharedMs
    : SCORE_WEIGHTS.sharedUnmeasuredMs;
}

/** Returns whether a relay has room for this many more legs. */
export function hasRoom(relay: Candidate, legs: number): boolean {
  return legs <= relay.legsFree;
}

/** Returns whether a relay has a trunk address of a family. */
export function hasTrunk(relay: { readonly record: RelayRecord }, family: AddressFamily): boolean {
  return relay.record.trunkAddresses.some((address) => familyOf(address) === family);
}

/** Why two different relays cannot be a pair. */
export type PairFault = 'noCommonFamily' | 'unknownToEachOther' | 'unreachable';

/**
 * Returns why two different relays cannot be a pair; undefined if they can. They have no trunk
 * address family in common (a relay would answer 440, PROTOCOL.md section 2), one has not confirmed
 * a registry with the other (403), or one reports that it does not reach the other (447).
 */
export function pairFault(a: Candidate, b: Candidate): PairFault | undefined {
  const common = BOTH_FAMILIES.some((family) => hasTrunk(a, family) && hasTrunk(b, family));
  if (!common) return 'noCommonFamily';
  if (!knows(a, b) || !knows(b, a)) return 'unknownToEachOther';
  return reaches(a, b) && reaches(b, a) ? undefined : 'unreachable';
}

/** Returns whether a relay has put a registry to use that holds another's present record. */
function knows({ relay }: Candidate, other: Candidate): boolean {
  return relay.registry?.holds(other.record) === true;
}

/** Returns whether a relay does not report another as unreached. */
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
