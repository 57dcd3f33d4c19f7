import { isIPv4 } from 'node:net';
import type { TransportAddress } from '../address.js';
import type { RelayRecord } from '../registry/types.js';

/**
 * Where relays send from and listen, for `DataPlane.setRelayHosts`: nothing that answers strangers
 * may answer a relay, or two relays could be made to talk to each other for ever (CVE-2024-2169).
 * A relay counts with every port of its hosts, since a NAT in front of one may choose any; on
 * loopback only its own ports count, because its peers live there too.
 * @param records - the relays known now, this one among them
 * @returns each address once
 */
export function relayHosts(records: readonly RelayRecord[]): TransportAddress[] {
  const hosts = new Map<string, TransportAddress>();
  for (const { serviceAddresses, trunkAddresses, trunkSources } of records) {
    for (const { address, port } of [...serviceAddresses, ...trunkAddresses, ...trunkSources]) {
      const host = { address, port: isLoopback(address) ? port : 0 };
      hosts.set(`${host.address} ${host.port}`, host);
    }
  }
  return [...hosts.values()];
}

/** RFC 6890: 127.0.0.0/8 and ::1. */
function isLoopback(address: string): boolean {
  return isIPv4(address) ? address.startsWith('127.') : address === '::1';
}
