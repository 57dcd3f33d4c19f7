import { familyOf, formatAddress, isWildcard, type TransportAddress } from '../address.js';
import type { RelayedAddress } from '../turn/index.js';

export { turnUrl } from '../stun/turn-url.js';

/**
 * Returns the addresses at which clients reach a server. At a wildcard these are the advertised
 * relay addresses of its family; behind a one-to-one NAT it is the advertised address instead of
 * the bound one.
 * @param bound - the bound addresses for clients
 */
export function clientAddresses(
  bound: readonly TransportAddress[],
  relayAddresses: readonly RelayedAddress[],
): TransportAddress[] {
  const all = bound.flatMap((listen) => {
    const outside = (ip: string) => ({ address: ip, port: listen.port });
    if (isWildcard(listen)) {
      return relayAddresses
        .map(({ advertised }) => outside(advertised))
        .filter((each) => familyOf(each) === familyOf(listen));
    }
    const nat = relayAddresses.find(({ address }) => address === listen.address);
    return [outside(nat?.advertised ?? listen.address)];
  });
  return [...new Map(all.map((each) => [formatAddress(each), each])).values()];
}
