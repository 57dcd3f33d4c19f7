import { networkInterfaces } from 'node:os';
import {
  canonicalIp,
  familyOf,
  formatAddress,
  isWildcard,
  sameAddress,
  type TransportAddress,
} from '../address.js';
import { TurnpikeError } from '../errors.js';

/**
 * What a relay tells others to use, for each address it is bound to: the advertised address of the
 * same place in the list, or the bound one. An advertised port of 0 stands for the bound port.
 * @param bound - with real ports
 * @param advertised - none, or one for each bound address: `checkAdvertised` has passed them
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

/** How messages name the options of bound and advertised addresses, and what gave their values. */
export interface AdvertisedNames {
  readonly bound: string;
  readonly advertised: string;
  readonly sourceOf?: (option: 'bound' | 'advertised') => string;
}

/**
 * Checks, before anything is bound, that a relay can tell others where it is.
 * @param bound - the addresses to bind
 * @param advertised - what others are told instead: none, or one for each, in order
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG when a wildcard has none, the counts or families
 *   differ, or nobody can send to an advertised address
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
 * The IP that each socket bound to a wildcard must send from: the announced one, where this host
 * has it. Behind a NAT that maps one to one it has not, and the kernel chooses.
 * @returns undefined for every other socket
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

/** Whether one of the addresses is the given one. */
export function includesAddress(
  addresses: readonly TransportAddress[],
  address: TransportAddress,
): boolean {
  return addresses.some((each) => sameAddress(each, address));
}
