import type { TransportAddress } from '../../address.js';

/**
 * What other relays say about a relay or a service address: nothing against it; that it does not
 * answer, but too few of them say so for a verdict; or a verdict that it is unreachable.
 */
export type Doubt = 'none' | 'suspected' | 'unreachable';

/** What selection asks about who reaches whom. */
export interface RelayDoubts {
  /** What is said about all of a relay. */
  relayDoubt(id: string): Doubt;
  /** What is said about one of a relay's service addresses. */
  addressDoubt(id: string, address: TransportAddress): Doubt;
  /** Whether neither of two relays says that it does not reach the other. */
  reach(a: string, b: string): boolean;
}
