import type { TransportAddress } from '../address.js';
import type { NativeFinding } from './binding.js';
import type { XdpFinding } from './types.js';

/** Where the bits of the trunk's sockets begin; TP_SOCKETS_PER_SIDE in native/xdp/map_structs.h. */
const TRUNK_BIT = 16;

/**
 * A finding of the fast path with the addresses that it is about.
 * @param clients - as bound, in the order of the options
 * @param trunks - the same of the other side
 */
export function xdpFinding(
  { kind, what, sockets, device }: NativeFinding,
  clients: readonly TransportAddress[],
  trunks: readonly TransportAddress[],
): XdpFinding {
  const those = (addresses: readonly TransportAddress[], first: number) =>
    addresses.filter((_, index) => ((sockets >>> (first + index)) & 1) === 1);
  return {
    kind,
    what,
    clientAddresses: those(clients, 0),
    trunkAddresses: those(trunks, TRUNK_BIT),
    ...(device !== '' && { device }),
  };
}
