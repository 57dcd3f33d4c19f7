import { type AddressFamily, familyOf, type TransportAddress } from '../address.js';
import type { RelayDoubts } from './doubts.js';

/** What selection reads of a relay's registration. */
export interface RelayFacts {
  readonly id: string;
  readonly region: string;
  /** The network or company that hosts it, if it says so. */
  readonly provider?: string | undefined;
  /** Degrees of latitude and longitude, if it says so. */
  readonly location?: readonly [number, number] | undefined;
  /** Addresses for peers. */
  readonly serviceAddresses: readonly TransportAddress[];
  /** Addresses for other relays. */
  readonly trunkAddresses: readonly TransportAddress[];
  /** Price in units of `SelectionWeights.priceMs`; default 0. */
  readonly price?: number | undefined;
}

/** What else decides whether a relay may be chosen. */
export interface RelayStatus {
  readonly draining: boolean;
  /** Whether every live relay knows it. */
  readonly confirmed: boolean;
  /** Reports about it and by it. */
  readonly doubts: RelayDoubts;
  /** Sequence of the newest registry that it has put to use. */
  readonly registrySequence: number;
  /** Sequence of the first registry that holds its present record. */
  readonly recordSequence: number;
}

/** A relay's report of its load. */
export interface ReportedLoad {
  readonly legs: number;
  readonly legsMax: number;
  /** Share of the host's processors in use, 0 to 1. */
  readonly cpu: number;
  /** The allocations of its TURN server; absent from a relay without one for tenants' users. */
  readonly turn?: { readonly allocations: number; readonly allocationsMax: number } | undefined;
}

/** Bit of IPv4 in a set of address families. */
export const FAMILY_4 = 1;
/** Bit of IPv6 in a set of address families. */
export const FAMILY_6 = 2;
/** The bits of both families. */
export const FAMILIES_ALL = FAMILY_4 | FAMILY_6;

/** Returns the bit of a family. */
export function familyBit(family: AddressFamily): number {
  return family === 4 ? FAMILY_4 : FAMILY_6;
}

/** Returns the bits of the families of addresses. */
function familyBits(addresses: readonly TransportAddress[]): number {
  let bits = 0;
  for (const address of addresses) bits |= familyBit(familyOf(address));
  return bits;
}

/** A relay in a snapshot. Immutable; snapshots share the rows that did not change. */
export interface RelayRow {
  /** Index in the snapshot's arrays of relays. */
  readonly slot: number;
  /** Its region's number. */
  readonly region: number;
  readonly facts: RelayFacts;
  readonly status: RelayStatus;
  /** Bits of the families of its addresses for peers and for relays. */
  readonly serviceFamilies: number;
  readonly trunkFamilies: number;
  /** Bits of the families of each of `facts.serviceAddresses`. */
  readonly addressFamilies: readonly number[];
  /** Whether a report is against it or one of its addresses. */
  readonly doubted: boolean;
}

/** Makes a relay's row. */
export function relayRow(
  slot: number,
  region: number,
  facts: RelayFacts,
  status: RelayStatus,
): RelayRow {
  const { trunk, addresses } = status.doubts;
  return {
    slot,
    region,
    facts,
    status,
    serviceFamilies: familyBits(facts.serviceAddresses),
    trunkFamilies: familyBits(facts.trunkAddresses),
    addressFamilies: facts.serviceAddresses.map((address) => familyBit(familyOf(address))),
    doubted: trunk !== 'none' || addresses.some((doubt) => doubt !== 'none'),
  };
}

/** Why two different relays cannot be a pair. */
export type PairFault = 'noCommonFamily' | 'unknownToEachOther' | 'unreachable';

/**
 * Returns why two different relays cannot be a pair; undefined if they can. They have no trunk
 * address family in common (a relay would answer 440, PROTOCOL.md section 2), one has not confirmed
 * a registry with the other (403), or one reports that it does not reach the other (447).
 */
export function pairFault(a: RelayRow, b: RelayRow): PairFault | undefined {
  if ((a.trunkFamilies & b.trunkFamilies) === 0) return 'noCommonFamily';
  const known =
    a.status.registrySequence >= b.status.recordSequence &&
    b.status.registrySequence >= a.status.recordSequence;
  if (!known) return 'unknownToEachOther';
  return reaches(a, b) && reaches(b, a) ? undefined : 'unreachable';
}

/** Returns whether a relay does not report another as unreached. */
function reaches(a: RelayRow, b: RelayRow): boolean {
  const { unreached } = a.status.doubts;
  return unreached.size === 0 || !unreached.has(b.facts.id);
}
