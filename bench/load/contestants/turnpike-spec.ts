import type { TransportAddress } from '../../../src/address.js';
import type { Leg } from '../types.js';

/** What a relay of the rig is to do. */
export interface TurnpikeSpec {
  readonly leg: Exclude<Leg, 'two-relays'>;
  /** Whether the connections of a leg to or from the trunk also carry traffic the other way. */
  readonly bothWays: boolean;
  /** First three bytes of the clients' addresses at either end. */
  readonly nearNetwork: string;
  readonly farNetwork: string;
  readonly flows: number;
  readonly clientAddress: TransportAddress;
  readonly trunkAddress: TransportAddress;
  /** The other relay: where its datagrams come from, and where ours go. */
  readonly peerSource: TransportAddress;
  readonly peerDestination: TransportAddress;
  /** Records that the other relay takes in one datagram. */
  readonly recordsMax: number;
  /** Options of the data plane, passed on as they are. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** 16 bytes in hex. The rig's packets are no secret. */
export const TRUNK_KEY = '07'.repeat(16);

/** The channel of every flow, as each has a 5-tuple of its own. */
export const CHANNEL = 0x4000;
