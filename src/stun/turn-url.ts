import { formatAddress, type TransportAddress } from '../address.js';

/** Returns the URL of a TURN server over UDP (RFC 7065). */
export function turnUrl(address: TransportAddress): string {
  return `turn:${formatAddress(address)}?transport=udp`;
}
