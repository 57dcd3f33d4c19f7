import type { Location } from './geography.js';

/** What databases say of an address. */
export interface NetworkPlace {
  /** Autonomous system number. */
  readonly asn?: number | undefined;
  /** ISO 3166-1 alpha-2 code. */
  readonly country?: string | undefined;
  /** Where the network is, not merely its country. */
  readonly location?: Location | undefined;
}

/** Source of places; without databases it knows none. */
export interface NetworkPlaces {
  /** @param address - a canonical IP address */
  placeOf(address: string): NetworkPlace | undefined;
}
