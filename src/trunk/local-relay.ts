import type { KeyObject } from 'node:crypto';
import type { TransportAddress } from '../address.js';
import type { Incarnation } from '../registry/incarnation.js';

/** This relay's identity toward other relays. */
export interface LocalRelay {
  readonly id: string;
  readonly incarnation: Incarnation;
  /** X25519 private key (PROTOCOL.md section 1). */
  readonly privateKey: KeyObject;
}

/** One of this relay's trunk sockets. */
export interface TrunkSocket {
  /** The bound address. */
  readonly address: TransportAddress;
  /**
   * Source IP of a socket that is bound to a wildcard: others drop datagrams from an address that
   * the registration does not list. Undefined if the kernel chooses. It may change while the relay
   * runs.
   */
  local: string | undefined;
}
