import type { TransportAddress } from '../address.js';
import { ALLOWS_ALL, allowedRegions } from './allowed-regions.js';
import type { Doubt } from './doubts.js';
import { FAMILY_4, FAMILY_6, familyBit, type RelayRow } from './relay-facts.js';
import { type AllowedRelays, familiesOf, type PeerHints } from './request.js';
import type { RegionRow, SelectionSnapshot } from './snapshot.js';

/**
 * Weights of exceptions: properties that a peer's relay has only if no other can serve. Each weight
 * exceeds what both legs can sum up of the smaller ones. No latency outweighs one.
 */
export const EXCEPTIONS = {
  /** The peer may lack the address's family. */
  otherFamily: 1,
  /** Outside the region that the peer asks for. */
  otherRegion: 10,
  suspected: 100,
  avoided: 1_000,
  unreachable: 10_000,
  full: 100_000,
} as const;

/** Why a relay serves a peer only if no other can. */
export type Exception = keyof typeof EXCEPTIONS;

/** In rising order. */
const DOUBTS: readonly Doubt[] = ['none', 'suspected', 'unreachable'];

/** What a peer needs of its relay, derived from its hints once for a selection. */
export interface Wish {
  readonly region: string | undefined;
  readonly avoid: ReadonlySet<string> | undefined;
  readonly allowed: AllowedRelays | undefined;
  /** Bits of the families that it may be served with. */
  readonly families: number;
  /** Bit of the family that it was seen with, or else of IPv4 where allowed. */
  readonly preferred: number;
  /** Whether the peer was seen with the preferred family. */
  readonly seen: boolean;
  /** Whether the peer states its families. */
  readonly says: boolean;
  /** Bits of which a relay without exceptions has one. */
  readonly needed: number;
  /** Whether nothing but the families tells relays without doubts apart. */
  readonly isPlain: boolean;
}

/** Returns what a peer needs. */
export function wishOf(peer: PeerHints, allowed: AllowedRelays | undefined): Wish {
  let families = 0;
  for (const family of familiesOf(peer)) families |= familyBit(family);
  const isOne = families === FAMILY_4 || families === FAMILY_6;
  const byAddress = peer.address?.includes(':') === true ? FAMILY_6 : FAMILY_4;
  const seen = isOne || peer.address !== undefined;
  const fallback = (families & FAMILY_4) === 0 ? FAMILY_6 : FAMILY_4;
  const preferred = isOne ? families : peer.address === undefined ? fallback : byAddress;
  const says = peer.families !== undefined;
  return {
    region: peer.region,
    avoid: peer.avoid,
    allowed,
    families,
    preferred,
    seen,
    says,
    needed: seen && !says ? preferred & families : families,
    isPlain: peer.region === undefined && peer.avoid === undefined && allowed === undefined,
  };
}

/** Returns whether a tenant allows a relay's provider. */
function allowsProvider(allowed: AllowedRelays | undefined, provider: string | undefined) {
  const { providers } = allowed ?? {};
  return providers === undefined || (provider !== undefined && providers.has(provider));
}

/** Returns whether a tenant allows a region. */
export function allowsRegion({ allowed }: Wish, region: string): boolean {
  const regions = allowed?.regions;
  return regions === undefined || regions.has(region);
}

/** Returns whether a tenant allows a relay. */
export function allowsRelay(
  wish: Wish,
  { region, provider }: { readonly region: string; readonly provider?: string | undefined },
): boolean {
  return allowsRegion(wish, region) && allowsProvider(wish.allowed, provider);
}

/**
 * Returns whether all members of a region with room serve a peer without any exception but
 * `otherRegion`, so that they need not be looked at one by one.
 */
export function isPlain(snapshot: SelectionSnapshot, row: RegionRow, wish: Wish): boolean {
  if (row.doubted || wish.avoid !== undefined) return false;
  if ((row.serviceAll & wish.needed) === 0) return false;
  if (wish.allowed === undefined) return true;
  const { bits } = allowedRegions(snapshot, wish.allowed);
  return ((bits[row.number] as number) & ALLOWS_ALL) !== 0;
}

/** How a relay would serve a peer. */
export interface Fit {
  readonly address: TransportAddress;
  readonly exceptions: readonly Exception[];
  /** Sum of the exceptions' weights. */
  readonly weight: number;
}

/**
 * Returns how a relay would serve a peer; undefined if it cannot. Of several addresses the one with
 * the least doubt is taken, then one of the preferred family.
 * @param legs - the number of legs for which it needs room
 */
export function fitOf(
  snapshot: SelectionSnapshot,
  row: RelayRow,
  wish: Wish,
  legs = 1,
): Fit | undefined {
  const { facts, status, slot } = row;
  if (status.draining || !status.confirmed) return undefined;
  if (!allowsRelay(wish, facts)) return undefined;
  const found = bestAddress(row, wish);
  if (found === undefined) return undefined;
  const exceptions: Exception[] = [];
  if (found.inferior) exceptions.push('otherFamily');
  if (wish.region !== undefined && wish.region !== facts.region) exceptions.push('otherRegion');
  const doubt = DOUBTS[Math.max(found.doubt, DOUBTS.indexOf(status.doubts.trunk))];
  if (doubt !== undefined && doubt !== 'none') exceptions.push(doubt);
  if (wish.avoid?.has(facts.id) === true) exceptions.push('avoided');
  if ((snapshot.loads.freeLegs[slot] as number) < legs) exceptions.push('full');
  let weight = 0;
  for (const exception of exceptions) weight += EXCEPTIONS[exception];
  return { address: found.address, exceptions, weight };
}

/** Returns the best address for a peer, with the place of its doubt in `DOUBTS`. */
function bestAddress({ facts, status, addressFamilies }: RelayRow, wish: Wish) {
  const { addresses } = status.doubts;
  let best = -1;
  let bestRank = Number.POSITIVE_INFINITY;
  let hasPreferred = false;
  for (let index = 0; index < addressFamilies.length; index += 1) {
    const family = addressFamilies[index] as number;
    if ((family & wish.families) === 0) continue;
    if (family === wish.preferred) hasPreferred = true;
    const doubt = addresses.length === 0 ? 0 : DOUBTS.indexOf(addresses[index] ?? 'none');
    const rank = 2 * doubt + (family === wish.preferred ? 0 : 1);
    if (rank >= bestRank) continue;
    best = index;
    bestRank = rank;
  }
  if (best === -1) return undefined;
  // A peer that does not state its families may lack this one. It is no exception if the relay has
  // addresses of this family only and the peer's family is unknown.
  const isOther = addressFamilies[best] !== wish.preferred;
  const inferior = isOther && !wish.says && (wish.seen || hasPreferred);
  const address = facts.serviceAddresses[best] as TransportAddress;
  return { address, doubt: Math.floor(bestRank / 2), inferior };
}
