import type { TransportAddress } from '../../../src/address.js';

/** Options of the rig's TURN client. */
export interface TurnSpec {
  readonly server: TransportAddress;
  /** The peer of every channel. */
  readonly peer: TransportAddress;
  readonly flows: number;
  /** First three bytes of the clients' addresses. */
  readonly nearNetwork: string;
  readonly username: string;
  readonly password: string;
}

/** The user of every TURN server of the rig. */
export const TURN_USER = { username: 'rig', password: 'rig', realm: 'rig' } as const;

/** The range of ports of relayed addresses. */
export const RELAY_PORTS = { first: 20_000, last: 65_000 } as const;
