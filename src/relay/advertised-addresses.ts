import { networkInterfaces } from 'node:os';
import {
  canonicalIp,
  familyOf,
  formatAddress,
  isWildcard,
  type TransportAddress,
} from '../address.js';
import { TurnpikeError } from '../errors.js';

/**
 * Returns the address that others use, for each bound address: the advertised one at the same
 * index, else the bound one. An advertised port 0 means the bound port.
 * @param bound - with the ports that the kernel chose
 * @param advertised - empty, or one for each bound address, as `checkAdvertised` accepts it
 */
export function advertisedAddresses(
  bound: readonly TransportAddress[],
  advertised: readonly TransportAddress[],
): TransportAddress[] {
  return bound.map((address, index) => {
    const other = advertised[index];
    if (!other) return address;
    return other.port === 0 ? { ...other, port: address.port } : other;
  });
}

/** Names of both options in messages, and where their values come from. */
export interface AdvertisedNames {
  readonly bound: string;
  readonly advertised: string;
  readonly sourceOf?: (option: 'bound' | 'advertised') => string;
}

/**
 * Checks before binding that a relay can advertise its addresses.
 * @param bound - the addresses to bind
 * @param advertised - the addresses for others: empty, or one for each, in order
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG if a wildcard has no advertised address, counts or
 *   families differ, or an advertised address is a wildcard
 */
export function checkAdvertised(
  bound: readonly TransportAddress[],
  advertised: readonly TransportAddress[],
  names: AdvertisedNames,
): void {
  const fail = (option: 'bound' | 'advertised', what: string) => {
    const source = names.sourceOf?.(option) ?? names[option];
    return new TurnpikeError('ERR_TURNPIKE_CONFIG', `${source}: ${what}`);
  };
  const wildcard = bound.find(isWildcard);
  if (advertised.length === 0 && wildcard !== undefined) {
    throw fail(
      'bound',
      `${formatAddress(wildcard)} is a wildcard that nobody can be told; give ` +
        `${names.advertised} with the address that the others reach it at`,
    );
  }
  if (advertised.length !== 0 && advertised.length !== bound.length) {
    throw fail(
      'advertised',
      `${advertised.length} given for ${bound.length} of ${names.bound}; give one for each, in ` +
        'the same order',
    );
  }
  for (const [index, address] of advertised.entries()) {
    const own = bound[index] ?? address;
    if (!isWildcard(address) && familyOf(address) === familyOf(own)) continue;
    throw fail(
      'advertised',
      `${formatAddress(address)} is no address that others can reach instead of ` +
        `${formatAddress(own)}: it must be a real address of the same family`,
    );
  }
}

/**
 * Returns the source IP of each socket that is bound to a wildcard: the advertised one, if this
 * host has it. Behind a one-to-one NAT the host has not, and the kernel chooses.
 * @param announced - the advertised addresses, one for each socket
 * @returns undefined for each socket whose source the kernel chooses
 */
export function wildcardSources(
  bound: readonly TransportAddress[],
  announced: readonly TransportAddress[],
): (string | undefined)[] {
  const interfaces = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const own = new Set(interfaces.map(({ address }) => canonicalIp(address.replace(/%.*$/, ''))));
  return bound.map((address, index) => {
    const ip = announced[index]?.address;
    return isWildcard(address) && ip !== undefined && own.has(ip) ? ip : undefined;
  });
}

/** Returns every address and port that trunk datagrams leave from, as others see them. */
export function withLanes(
  addresses: readonly TransportAddress[],
  lanePorts: readonly (readonly number[])[],
): TransportAddress[] {
  return addresses.flatMap((address, index) => [
    address,
    ...(lanePorts[index] ?? []).map((port) => ({ address: address.address, port })),
  ]);
}
