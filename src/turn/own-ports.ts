import { familyOf, isWildcard, type TransportAddress } from '../address.js';
import type { DataPlane } from '../native/types.js';

/** The sockets of a data plane that are not relayed ones. */
export type OwnSockets = Pick<DataPlane, 'clientAddresses' | 'trunkAddresses' | 'trunkLanePorts'>;

/**
 * Returns the ports that a server's own sockets have at an IP address of its host, also by the
 * wildcard of its family. None of them can be a relayed one.
 * @param address - canonical
 */
export function ownPorts(plane: OwnSockets, address: string): ReadonlySet<number> {
  const { clientAddresses, trunkAddresses, trunkLanePorts } = plane;
  const family = familyOf({ address, port: 0 });
  const isAt = (socket: TransportAddress) =>
    socket.address === address || (isWildcard(socket) && familyOf(socket) === family);
  const ports = new Set<number>();
  for (const socket of [...clientAddresses, ...trunkAddresses]) {
    if (isAt(socket)) ports.add(socket.port);
  }
  for (const [index, socket] of trunkAddresses.entries()) {
    if (isAt(socket)) for (const port of trunkLanePorts[index] ?? []) ports.add(port);
  }
  return ports;
}
