import type { TransportAddress } from '../../../src/address.js';

/** What the rig's TURN client is to do. */
export interface TurnSpec {
  readonly server: TransportAddress;
  /** Every channel leads here. */
  readonly peer: TransportAddress;
  readonly flows: number;
  /** First three bytes of the clients' addresses. */
  readonly nearNetwork: string;
  readonly username: string;
  readonly password: string;
}

/** Of every TURN server of the rig. */
export const TURN_USER = { username: 'rig', password: 'rig', realm: 'rig' } as const;

/** Relayed addresses take their ports from here. */
export const RELAY_PORTS = { first: 20_000, last: 65_000 } as const;
