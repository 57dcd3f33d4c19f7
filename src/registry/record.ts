import {
  type AddressFamily,
  familyOf,
  formatAddress,
  isUnicast,
  type TransportAddress,
  transportAddress,
} from '../address.js';
import { isTurnpikeError } from '../errors.js';
import type { RelayRecord } from './types.js';

/** A record with canonical addresses, or the reason against it. */
export type CanonicalRecord =
  | { readonly ok: true; readonly record: RelayRecord }
  | { readonly ok: false; readonly reason: string };

/**
 * Validates what the schema cannot: addresses parse and are unicast. Drops duplicate addresses and
 * unknown members.
 * @param record - one that matches `RelayRecordShape`
 * @returns the record with canonical addresses, or the reason against it
 */
export function canonicalRecord(record: RelayRecord): CanonicalRecord {
  const canonical: TransportAddress[][] = [];
  for (const kind of ['serviceAddresses', 'trunkAddresses', 'trunkSources'] as const) {
    const seen = new Map<string, TransportAddress>();
    for (const given of record[kind]) {
      const address = parsed(given);
      if (address === undefined || !isUnicast(address)) {
        return { ok: false, reason: `${kind}: not a unicast address: ${given.address}` };
      }
      seen.set(formatAddress(address), address);
    }
    canonical.push([...seen.values()]);
  }
  const [serviceAddresses = [], trunkAddresses = [], trunkSources = []] = canonical;
  const { id, region, start, publicKey, recordsMax } = record;
  return {
    ok: true,
    record: {
      id,
      region,
      start,
      publicKey,
      serviceAddresses,
      trunkAddresses,
      trunkSources,
      recordsMax,
    },
  };
}

/** An address that a record claims for its relay alone. */
export interface AddressClaim {
  /** Map key: no two relays may have the same. */
  readonly key: string;
  /** How the relay uses the address; `source`: it only sends from there. */
  readonly kind: 'service' | 'trunk' | 'source';
  readonly address: TransportAddress;
}

/**
 * Returns the addresses that a record claims for its relay alone, without duplicates. A datagram's
 * source identifies the relay that sent it (PROTOCOL.md section 4), and a service address
 * identifies the relay that a peer asks for, so no two relays may have one.
 */
export function addressClaimsOf(record: RelayRecord): AddressClaim[] {
  const claims = new Map<string, AddressClaim>();
  const claim = (kind: AddressClaim['kind'], addresses: readonly TransportAddress[]) => {
    for (const address of addresses) {
      const key = `${kind === 'service' ? 'service' : 'trunk'} ${formatAddress(address)}`;
      if (!claims.has(key)) claims.set(key, { key, kind, address });
    }
  };
  claim('service', record.serviceAddresses);
  claim('trunk', record.trunkAddresses);
  claim('source', record.trunkSources);
  return [...claims.values()];
}

/** Returns the keys of `addressClaimsOf`. */
export function claimedAddresses(record: RelayRecord): string[] {
  return addressClaimsOf(record).map(({ key }) => key);
}

/** Returns whether a relay sends trunk datagrams from an IP address, whatever the port. */
export function sendsFromHost({ trunkSources }: RelayRecord, ip: string): boolean {
  return trunkSources.some(({ address }) => address === ip);
}

function parsed(given: TransportAddress): TransportAddress | undefined {
  try {
    return transportAddress(given.address, given.port);
  } catch (error) {
    if (isTurnpikeError(error, 'ERR_TURNPIKE_ADDRESS')) return undefined;
    throw error;
  }
}

/** Returns whether a relay has a trunk address of a family. */
export function hasTrunk(relay: { readonly record: RelayRecord }, family: AddressFamily): boolean {
  return relay.record.trunkAddresses.some((address) => familyOf(address) === family);
}
