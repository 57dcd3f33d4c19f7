import { readFile, stat } from 'node:fs/promises';
import { BoundedCache } from '../collections/bounded-cache.js';
import { fileFault } from '../errno-advice.js';
import { TurnpikeError } from '../errors.js';
import type { NetworkPlace, NetworkPlaces } from '../estimates/network-places.js';

/** Maximum length of a database of addresses. */
export const DATABASE_BYTES_MAX = 536_870_912;
/** Addresses whose place is kept, so that it is looked up once. */
const PLACES_KEPT = 65_536;

/** A database of addresses in MaxMind's format, and what identifies its content. */
export interface AddressDatabase {
  /** Returns the record of an IP address; undefined if there is none. */
  get(address: string): unknown;
  /** What differs if the database does, so that two can be compared as JSON. */
  toJSON(): string;
}

/**
 * Reads a database of addresses in MaxMind's format (mmdb).
 * @param source - the option that names it, for messages
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG, with `errno` of a system error: the file is absent,
 *   too
 *   large, not readable, or no such database
 */
export async function readAddressDatabase(path: string, source: string): Promise<AddressDatabase> {
  const bytes = await contentOf(path, source);
  const { Reader } = await import('mmdb-lib');
  try {
    const reader = new Reader(bytes);
    const { buildEpoch, nodeCount } = reader.metadata;
    const version = `${buildEpoch.getTime()} ${nodeCount} ${bytes.length}`;
    return { get: (address) => reader.get(address) ?? undefined, toJSON: () => version };
  } catch (cause) {
    const fault = 'it is no MaxMind database (mmdb), or only a part of one';
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', `${source} ${path}: ${fault}`, { cause });
  }
}

async function contentOf(path: string, source: string): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size <= DATABASE_BYTES_MAX) return await readFile(path);
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', `${source} ${path}: ${fileFault(errno)}`, {
      cause,
      ...(errno === undefined ? {} : { errno }),
    });
  }
  const most = `it is larger than ${DATABASE_BYTES_MAX} bytes`;
  throw new TurnpikeError('ERR_TURNPIKE_CONFIG', `${source} ${path}: ${most}`);
}

/**
 * Returns what tells the places of addresses by databases: the members of MaxMind's ASN, Country
 * and City databases, or `country_code` of flat ones. A record that cannot be read tells nothing.
 */
export function placesOf(databases: readonly AddressDatabase[]): NetworkPlaces {
  const kept = new BoundedCache<NetworkPlace>(PLACES_KEPT);
  return {
    placeOf: (address) => {
      const known = kept.get(address);
      if (known !== undefined) return known;
      const place = Object.assign({}, ...databases.map((each) => lookUp(each, address)));
      kept.set(address, place);
      return place;
    },
  };
}

function lookUp(database: AddressDatabase, address: string): NetworkPlace {
  try {
    return decodePlace(database.get(address));
  } catch {
    // The database has a fault at this address.
    return {};
  }
}

/** Reads what a database's record says of a place; a member of another type tells nothing. */
export function decodePlace(record: unknown): NetworkPlace {
  const asn = member(record, 'autonomous_system_number');
  const country = member(member(record, 'country'), 'iso_code') ?? member(record, 'country_code');
  const latitude = degrees(member(member(record, 'location'), 'latitude'), 90);
  const longitude = degrees(member(member(record, 'location'), 'longitude'), 180);
  return {
    ...(typeof asn === 'number' && Number.isInteger(asn) && asn > 0 ? { asn } : {}),
    ...(typeof country === 'string' && /^[A-Z]{2}$/.test(country) ? { country } : {}),
    ...(latitude !== undefined && longitude !== undefined
      ? { location: [latitude, longitude] as const }
      : {}),
  };
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function degrees(value: unknown, most: number): number | undefined {
  return typeof value === 'number' && Math.abs(value) <= most ? value : undefined;
}
