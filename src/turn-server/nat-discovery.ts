import type { TransportAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { NatDiscovery } from '../stun-server/nat-discovery.js';
import type { RelayedAddress } from '../turn/index.js';
import type { CheckedTurnServerOptions } from './options.js';

/**
 * Makes NAT behaviour discovery (RFC 5780), where the options ask for it. Behind a one-to-one NAT,
 * clients are told the advertised addresses.
 * @param bound - the bound addresses for clients
 * @returns undefined where they do not ask for it
 * @throws TurnpikeError as `NatDiscovery`; ERR_TURNPIKE_CONFIG where `binding` is not `open`
 */
export function natDiscovery(
  { natDiscovery: isAsked, binding }: Pick<CheckedTurnServerOptions, 'natDiscovery' | 'binding'>,
  bound: readonly TransportAddress[],
  relayAddresses: readonly RelayedAddress[],
): NatDiscovery | undefined {
  if (!isAsked) return undefined;
  if (binding !== 'open') {
    const message =
      '`natDiscovery` (--nat-discovery) answers Binding requests without credentials, which ' +
      `\`binding\` (--binding) ${binding} refuses: leave one of them out`;
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
  }
  const toldIp = (ip: string) =>
    relayAddresses.find(({ address }) => address === ip)?.advertised ?? ip;
  return new NatDiscovery(bound, toldIp);
}
