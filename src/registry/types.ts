import type { TransportAddress } from '../address.js';

/** A relay's registration, known to every relay and directory (PROTOCOL.md section 5). */
export interface RelayRecord {
  /** `[a-z0-9][a-z0-9.-]{0,62}`. */
  readonly id: string;
  readonly region: string;
  /** RELAY-START, Unix ms; never lower than an earlier one of the same id. */
  readonly start: number;
  /**
   * X25519 public key, 32 bytes in standard base64. The directory checks that it belongs to the id.
   */
  readonly publicKey: string;
  /** Advertised addresses for peers. */
  readonly serviceAddresses: readonly TransportAddress[];
  /** Advertised addresses for other relays. */
  readonly trunkAddresses: readonly TransportAddress[];
  /** Every address and port that it sends trunk datagrams from, at most 64. */
  readonly trunkSources: readonly TransportAddress[];
  /** Maximum records that it accepts in one trunk datagram. */
  readonly recordsMax: number;
}

/** A relay's load; part of each beat. */
export interface RelayLoad {
  readonly legs: number;
  readonly legsMax: number;
  /** Share of the host's processors in use, 0 to 1. */
  readonly cpu: number;
  readonly packetsPerSecond: number;
  /**
   * The standard TURN that it serves to tenants' users at its service addresses; absent from a
   * relay that serves none.
   */
  readonly turn?: TurnLoad | undefined;
}

/** How busy a relay's TURN server is. */
export interface TurnLoad {
  readonly allocations: number;
  readonly allocationsMax: number;
}

/** The registry, as a directory gives it to relays. */
export interface Registry {
  /** Digest; changes with `relays` and `proved`, and is opaque to relays but for equality. */
  readonly version: string;
  readonly relays: readonly RelayRecord[];
  /** Ids of the relays that proved to be at their contested addresses. */
  readonly proved?: readonly string[] | undefined;
}

/** What leads from a version of the registry to a newer one. */
export interface RegistryChanges {
  /** The version that it starts from. */
  readonly since: string;
  /** Ids of the relays that are gone. */
  readonly removed: readonly string[];
  /** Records that were added or replaced. */
  readonly relays: readonly RelayRecord[];
  /** Ids of the proved ones of these relays. */
  readonly proved: readonly string[];
}

/** A relay that cannot be reached, and why: `no-answer` and the like. */
export interface Unreached {
  readonly id: string;
  readonly reason: string;
}

/** A report of what a relay cannot reach; part of each registration and beat. */
export interface ReachabilityReport {
  /** The share of other relays whose trunks it watches, as `watchShareOf`; absent for all. */
  readonly watchShare?: number | undefined;
  /** Relays that it does not reach over the trunk in both directions. */
  readonly trunk: readonly Unreached[];
  /** Service addresses that it is appointed to check and that do not answer. */
  readonly service: readonly (Unreached & {
    /** `IP:PORT` or `[IPv6]:PORT`. */
    readonly address: string;
  })[];
}

/** Where a relay is, and whose host it is; part of its registration. */
export interface RelaySite {
  /** A name of the operator's choice, such as that of the company that runs the host. */
  readonly provider?: string | undefined;
  /** Degrees: latitude north, longitude east. */
  readonly location?: readonly [latitude: number, longitude: number] | undefined;
}

/**
 * A relay's measurement of its trunk to another relay since its last report (docs/registration.md).
 * Times are in ms.
 */
export interface TrunkMeasurement {
  /** The other relay's id. */
  readonly relay: string;
  /** Mean round trip of probes. */
  readonly rtt: number;
  /** Mean absolute difference of successive round trips. */
  readonly jitter: number;
  /** Share lost toward the other relay, and from it; null where that cannot be told. */
  readonly loss: readonly [number | null, number | null];
  /** Number of round trips. */
  readonly count: number;
}

/**
 * A relay's measurement of the legs of the peers in one network, since its last report. Times are
 * in ms.
 */
export interface LegMeasurement {
  /** IPv4 prefix of 24 bits or IPv6 prefix of 48, such as `203.0.113.0/24`. */
  readonly network: string;
  /** Mean round trip. */
  readonly rtt: number;
  /** Standard deviation of the round trips among samples. */
  readonly sd: number;
  /** Mean jitter, and mean share lost, as the peers tell; absent where none of them told. */
  readonly jitter?: number | undefined;
  readonly loss?: number | undefined;
  /** Number of samples. */
  readonly count: number;
}

/** What a relay has measured; part of each beat. */
export interface Measurements {
  readonly trunk: readonly TrunkMeasurement[];
  readonly legs: readonly LegMeasurement[];
}

/**
 * What the directory appoints a relay to measure: the trunks to all other regions, in full or at a
 * tenth of the rate, or nothing.
 */
export type MeasuringRole = 'prober' | 'standby' | 'none';

/** A service address that the directory appoints a relay to check. */
export interface ServiceCheck {
  readonly id: string;
  /** `IP:PORT` or `[IPv6]:PORT`. */
  readonly address: string;
}

/** A relay's key that the directory asks to challenge at an address (PROTOCOL.md section 3). */
export interface ClaimChallenge {
  readonly id: string;
  /** X25519 public key, 32 bytes in standard base64. */
  readonly publicKey: string;
  /** `IP:PORT` or `[IPv6]:PORT`. */
  readonly address: string;
}

/** Result of a challenge. */
export interface ClaimResult {
  readonly id: string;
  /** `IP:PORT` or `[IPv6]:PORT`. */
  readonly address: string;
  /** Whether the relay's key answered from there. */
  readonly proved: boolean;
}

/**
 * Reason of a relay that gets no answer from anything of that address family. It points to the
 * reporting relay's own network rather than to the relay that it names.
 */
export const NOTHING_ANSWERS = 'nothing-answers';
/** Shown in place of a reason that is not a word of at most 32 characters. */
export const UNKNOWN_REASON = 'unknown';
/** Reason for a pair without a common trunk address family; not a fault. */
export const NO_COMMON_FAMILY = 'no-common-family';
