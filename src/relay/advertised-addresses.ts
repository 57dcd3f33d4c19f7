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
 * @param advertised - none, or one for each bound address
 * @param option - the option's name, for messages
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG when a wildcard has none, or families differ
 */
export function advertisedAddresses(
  bound: readonly TransportAddress[],
  advertised: readonly TransportAddress[],
  option: string,
): TransportAddress[] {
  checkAdvertised(bound, advertised, option);
  return bound.map((address, index) => {
    const other = advertised[index];
    if (!other) return address;
    return other.port === 0 ? { ...other, port: address.port } : other;
  });
}

/** As `advertisedAddresses`, before anything is bound. */
export function checkAdvertised(
  bound: readonly TransportAddress[],
  advertised: readonly TransportAddress[],
  option: string,
): void {
  if (advertised.length > 0 && advertised.length !== bound.length) {
    throw new TurnpikeError(
      'ERR_TURNPIKE_CONFIG',
      `${option}: ${advertised.length} given for ${bound.length} addresses; they pair in order`,
    );
  }
  for (const [index, address] of bound.entries()) {
    const other = advertised[index];
    const text = formatAddress(address);
    if (!other && isWildcard(address)) {
      throw new TurnpikeError(
        'ERR_TURNPIKE_CONFIG',
        `${text} is a wildcard, which nobody can send to: give ${option} the address to announce`,
      );
    }
    if (other && (isWildcard(other) || familyOf(other) !== familyOf(address))) {
      throw new TurnpikeError(
        'ERR_TURNPIKE_CONFIG',
        `${option} ${formatAddress(other)} does not fit ${text}: it must be a real address of ` +
          'the same family',
      );
    }
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
