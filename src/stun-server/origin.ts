import { formatAddress } from '../address.js';
import type { FiveTuple } from '../native/types.js';

/** Where a client's datagram came in: responses go back there, entries belong to that worker. */
export interface Origin {
  readonly worker: number;
  readonly tuple: FiveTuple;
}

/** The 5-tuple as a map key. */
export function tupleKey(tuple: FiveTuple): string {
  return `${tuple.handle}|${tuple.local ?? ''}|${formatAddress(tuple.remote)}`;
}
