import { isLoopback } from '../address.js';
import { hostIps } from '../http/forwarding-health.js';
import type { RelayedAddress } from '../turn/index.js';

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
