import {
  familyOf,
  formatAddress,
  isUnicast,
  parseAddress,
  type TransportAddress,
} from '../address.js';
import { isTurnpikeError } from '../errors.js';
import type { FiveTuple } from '../native/types.js';
import type { TrunkSocket } from '../trunk/remote-relay.js';

/** An address as the directory writes it; undefined for any other text. */
export function canonicalAddress(text: string): TransportAddress | undefined {
  try {
    const address = parseAddress(text);
    return formatAddress(address) === text && isUnicast(address) ? address : undefined;
  } catch (error) {
    if (isTurnpikeError(error, 'ERR_TURNPIKE_ADDRESS')) return undefined;
    throw error;
  }
}

/**
 * What a request to an address leaves from: the first trunk socket of its family, and the local IP
 * where that is bound to a wildcard.
 */
export function socketTo(
  sockets: readonly TrunkSocket[],
  address: TransportAddress,
): Pick<FiveTuple, 'socket' | 'local'> | undefined {
  const socket = sockets.findIndex((each) => familyOf(each.address) === familyOf(address));
  if (socket === -1) return undefined;
  const local = sockets[socket]?.local;
  return { socket, ...(local === undefined ? {} : { local }) };
}
