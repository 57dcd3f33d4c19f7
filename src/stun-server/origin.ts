import { formatAddress } from '../address.js';
import type { FiveTuple } from '../native/types.js';

/**
 * The origin of a client's datagram: responses go to this 5-tuple, and entries belong to this
 * worker.
 */
export interface Origin {
  readonly worker: number;
  readonly tuple: FiveTuple;
}

/** Returns the map key of a 5-tuple. */
export function tupleKey(tuple: FiveTuple): string {
  return `${tuple.handle}|${tuple.local ?? ''}|${formatAddress(tuple.remote)}`;
}
