import {
  familyOf,
  isLoopback,
  isWildcard,
  sameAddress,
  type TransportAddress,
} from '../address.js';
import { hostIps } from '../http/forwarding-health.js';
import type { RelayedAddress } from '../turn/index.js';

/**
 * Returns whether what is sent to an address reaches a server itself: at an address that it listens
 * at, at one that clients are told, or, where it listens at a wildcard, at any of this host.
 * @param listen - the bound addresses for clients
 * @param told - the same as clients see them
 */
export function reachesItself(
  address: TransportAddress,
  listen: readonly TransportAddress[],
  told: readonly TransportAddress[],
): boolean {
  if ([...listen, ...told].some((own) => sameAddress(own, address))) return true;
  const isCovered = listen.some(
    (own) => isWildcard(own) && own.port === address.port && familyOf(own) === familyOf(address),
  );
  const isOfHost = () =>
    isWildcard(address) || isLoopback(address) || hostIps().has(address.address);
  return isCovered && isOfHost();
}

/**
 * Returns the addresses of this host that clients may not have as peers, since its services trust
 * it. Loopback is refused by default, and a relay address outside its ports by the usage.
 */
export function ownAddresses(relayAddresses: readonly RelayedAddress[]): string[] {
  const relayed = new Set(
    relayAddresses.flatMap(({ address, advertised }) => [address, advertised]),
  );
  const isOwn = (ip: string) => !relayed.has(ip) && !isLoopback({ address: ip, port: 0 });
  return [...hostIps()].filter(isOwn);
}
