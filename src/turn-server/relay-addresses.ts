import {
  type AddressFamily,
  canonicalIp,
  familyOf,
  isGlobal,
  isUnicast,
  isWildcard,
  type TransportAddress,
} from '../address.js';
import { isTurnpikeError, TurnpikeError } from '../errors.js';
import type { RelayedAddress } from '../turn/turn-options.js';
import { addressByDefaultRoute } from './local-addresses.js';

const FAMILIES: readonly AddressFamily[] = [4, 6];

/** Stands for an address that is found out. */
export const AUTO = 'auto';

/** A relay address as it is given; each part may be `AUTO`. */
export interface RelayAddressText {
  readonly address: string;
  readonly advertised: string;
}

/**
 * Parses a relay address: the IP that relayed transport addresses are bound to and, behind a
 * one-to-one NAT, the IP that clients and peers see. `auto` alone stands for both.
 * @param text - `IP`, `IP/ADVERTISED` or `auto`; each part of the second form may be `auto` too
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS for text that is no such address, a wildcard, or two
 *   addresses of different families
 */
export function parseRelayAddress(text: string): RelayAddressText {
  const [bound = '', advertised = bound, ...more] = text.split('/');
  if (more.length > 0) throw noRelayAddress(text, 'give one address, or two with a slash between');
  const address = bound === AUTO ? AUTO : ipOf(text, bound);
  const outside = advertised === AUTO ? AUTO : ipOf(text, advertised);
  const isFound = address === AUTO || outside === AUTO;
  if (!isFound && family(address) !== family(outside)) {
    throw noRelayAddress(text, 'both must be of one family');
  }
  return { address, advertised: outside };
}

function ipOf(text: string, part: string): string {
  try {
    const ip = canonicalIp(part);
    const asAddress = { address: ip, port: 0 };
    if (!isWildcard(asAddress) && isUnicast(asAddress)) return ip;
  } catch (error) {
    if (!isTurnpikeError(error)) throw error;
    throw noRelayAddress(text, error.message);
  }
  throw noRelayAddress(text, `${part} is no address of a single host`);
}

function noRelayAddress(text: string, why: string): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_ADDRESS', `relay address ${text}: ${why}`);
}

function family(ip: string): AddressFamily {
  return familyOf({ address: ip, port: 0 });
}

/**
 * Returns the relay addresses of a server for which none is given: this host's address by the
 * default route of each family that it listens on, else the addresses that it listens on.
 * @param listen - the addresses for clients
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG if there is none
 */
export async function defaultRelayAddresses(
  listen: readonly TransportAddress[],
): Promise<RelayedAddress[]> {
  const families = FAMILIES.filter((each) => listen.some((one) => familyOf(one) === each));
  const found = await Promise.all(families.map((each) => defaultRelayAddress(each, listen)));
  const ips = found.filter((ip) => ip !== undefined);
  if (ips.length === 0) {
    throw new TurnpikeError(
      'ERR_TURNPIKE_CONFIG',
      'this host has no default route that tells its relay address: give one (--relay-address)',
    );
  }
  return ips.map((ip) => ({ address: ip, advertised: ip }));
}

async function defaultRelayAddress(
  of: AddressFamily,
  listen: readonly TransportAddress[],
): Promise<string | undefined> {
  const fixed = listen.find((one) => familyOf(one) === of && !isWildcard(one));
  return (await addressByDefaultRoute(of)) ?? fixed?.address;
}

/** Returns the advertised relay addresses that hosts of the Internet cannot reach. */
export function unreachableRelayAddresses(
  addresses: readonly RelayedAddress[],
): readonly RelayedAddress[] {
  return addresses.filter(({ advertised }) => !isGlobal(advertised));
}
