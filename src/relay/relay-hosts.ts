import { isLoopback, type TransportAddress } from '../address.js';
import type { RelayRecord } from '../registry/types.js';

/**
 * Returns the addresses of relays for `DataPlane.setRelayHosts`. The data plane does not answer
 * unauthenticated requests from them, so that two relays cannot be made to answer each other in a
 * loop (CVE-2024-2169). A relay counts with all ports of its hosts, since a NAT may choose any; on
 * loopback only with its own ports, because its peers are there too.
 * @param records - the known relays, this one included
 * @returns addresses without duplicates; port 0 means all ports
 */
export function relayHosts(records: readonly RelayRecord[]): TransportAddress[] {
  const hosts = new Map<string, TransportAddress>();
  for (const { serviceAddresses, trunkAddresses, trunkSources } of records) {
    for (const each of [...serviceAddresses, ...trunkAddresses, ...trunkSources]) {
      const host = { address: each.address, port: isLoopback(each) ? each.port : 0 };
      hosts.set(`${host.address} ${host.port}`, host);
    }
  }
  return [...hosts.values()];
}
