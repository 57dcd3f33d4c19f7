import type { TransportAddress } from '../../../src/address.js';
import type { Leg } from '../types.js';

/** A leg of one relay of the overlay. */
export type OverlayLeg = Exclude<Leg, 'two-relays' | 'client-peer' | 'peer-client'>;

/** Options of a relay of the rig. */
export interface TurnpikeSpec {
  readonly leg: OverlayLeg;
  /** Whether the connections of a leg to or from the trunk also carry traffic the other way. */
  readonly bothWays: boolean;
  /** First three bytes of the clients' addresses at either end. */
  readonly nearNetwork: string;
  readonly farNetwork: string;
  readonly flows: number;
  readonly clientAddress: TransportAddress;
  readonly trunkAddress: TransportAddress;
  /** Source address of the other relay's datagrams. */
  readonly remoteRelaySource: TransportAddress;
  /** Destination of datagrams to the other relay. */
  readonly remoteRelayDestination: TransportAddress;
  /** Maximum records that the other relay accepts in one datagram. */
  readonly recordsMax: number;
  /** Further options of the data plane. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** The trunk key in hex, 16 bytes. The rig's packets are not secret. */
export const TRUNK_KEY = '07'.repeat(16);

/** The channel of every flow. Flows differ by their 5-tuples. */
export const CHANNEL = 0x4000;
