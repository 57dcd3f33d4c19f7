import type { TransportAddress } from '../address.js';
import { NatDiscovery } from '../stun-server/nat-discovery.js';
import type { RelayedAddress } from '../turn/index.js';
import type { CheckedTurnServerOptions } from './options.js';

/**
 * Makes NAT behaviour discovery (RFC 5780), where the options ask for it. Behind a one-to-one NAT,
 * clients are told the advertised addresses.
 * @param bound - the bound addresses for clients
 * @returns undefined where they do not ask for it
 * @throws TurnpikeError as `NatDiscovery`
 */
export function natDiscovery(
  options: Pick<CheckedTurnServerOptions, 'natDiscovery'>,
  bound: readonly TransportAddress[],
  relayAddresses: readonly RelayedAddress[],
): NatDiscovery | undefined {
  if (!options.natDiscovery) return undefined;
  const toldIp = (ip: string) =>
    relayAddresses.find(({ address }) => address === ip)?.advertised ?? ip;
  return new NatDiscovery(bound, toldIp);
}
