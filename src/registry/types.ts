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
  /** Ids of those whose addresses others claimed as well, and who proved to be there. */
  readonly proved?: readonly string[] | undefined;
}

/** Something that a relay cannot reach now, and why it thinks so: `no-answer` and the like. */
export interface Unreached {
  readonly id: string;
  readonly reason: string;
}

/** What a relay cannot reach; sent with each registration and beat. */
export interface ReachabilityReport {
  /** Relays that it does not reach over the trunk in both directions. */
  readonly trunk: readonly Unreached[];
  /** Service addresses that it was appointed to check and that do not answer. */
  readonly service: readonly (Unreached & {
    /** `IP:PORT` or `[IPv6]:PORT`. */
    readonly address: string;
  })[];
}

/** A service address of another relay that the directory wants checked. */
export interface ServiceCheck {
  readonly id: string;
  /** `IP:PORT` or `[IPv6]:PORT`. */
  readonly address: string;
}

/** A relay's key that the directory wants challenged at an address (PROTOCOL.md section 3). */
export interface ClaimChallenge {
  readonly id: string;
  /** X25519 public key, 32 bytes in standard base64. */
  readonly publicKey: string;
  /** `IP:PORT` or `[IPv6]:PORT`. */
  readonly address: string;
}

/** What became of a challenge. */
export interface ClaimResult {
  readonly id: string;
  /** `IP:PORT` or `[IPv6]:PORT`. */
  readonly address: string;
  /** Whether the relay's key answered there. */
  readonly proved: boolean;
}

/**
 * The reason of a relay that got no answer, but also none from anything else of that address
 * family: it says more about that relay than about the one that it names.
 */
export const NOTHING_ANSWERS = 'nothing-answers';
/** What a reason is shown as that is no word of at most 32 characters. */
export const UNKNOWN_REASON = 'unknown';
/** The reason of a relay that has no trunk address of a family that the other has: no fault. */
export const NO_COMMON_FAMILY = 'no-common-family';
