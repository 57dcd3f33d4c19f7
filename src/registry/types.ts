import type { TransportAddress } from '../address.js';

/** What a relay registers and every relay and directory knows of it (PROTOCOL.md section 5). */
export interface RelayRecord {
  /** `[a-z0-9][a-z0-9.-]{0,62}`. */
  readonly id: string;
  readonly region: string;
  /** RELAY-START: the relay's start, Unix milliseconds; never lower than its previous one. */
  readonly start: number;
  /** X25519 public key, 32 bytes in standard base64. The directory checks that it is the id's. */
  readonly publicKey: string;
  /** Where peers reach it, as advertised. */
  readonly serviceAddresses: readonly TransportAddress[];
  /** Where other relays reach it, as advertised. */
  readonly trunkAddresses: readonly TransportAddress[];
  /** Every address and port it sends trunk traffic from, at most 64. */
  readonly trunkSources: readonly TransportAddress[];
  /** The most records it accepts in one trunk datagram. */
  readonly recordsMax: number;
}

/** How busy a relay is; sent with each beat. */
export interface RelayLoad {
  readonly legs: number;
  readonly legsMax: number;
  /** Share of the relay's processors in use, 0 to 1. */
  readonly cpu: number;
  readonly packetsPerSecond: number;
}

/** The registry as a directory hands it to relays. */
export interface Registry {
  /** Changes whenever `relays` does; opaque but for equality. */
  readonly version: string;
  readonly relays: readonly RelayRecord[];
}
