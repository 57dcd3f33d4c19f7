import type { KeyObject } from 'node:crypto';
import type { TransportAddress } from '../address.js';
import type { Incarnation } from '../registry/incarnation.js';

/** What this relay is to the others. */
export interface LocalRelay {
  readonly id: string;
  readonly incarnation: Incarnation;
  /** X25519 (PROTOCOL.md section 1). */
  readonly privateKey: KeyObject;
}

/** One of our trunk sockets. */
export interface TrunkSocket {
  /** What it is bound to. */
  readonly address: TransportAddress;
  /**
   * The IP to send from where the socket is bound to a wildcard: others drop what comes from an
   * address that our registration does not list. It may change while the relay runs.
   */
  local: string | undefined;
}
