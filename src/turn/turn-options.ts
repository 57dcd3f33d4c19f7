import type { TransportAddress } from '../address.js';
import type { TurnPrincipal } from '../auth/turn-principal.js';
import type { Clock } from '../clock.js';
import type { DataPlane } from '../native/types.js';
import type { RandomBytes } from '../random.js';
import type { AuthenticatorOptions } from '../stun-server/authenticator.js';
import type { ServerContext } from '../stun-server/server-context.js';
import type { ControlMessage } from '../trunk/control-message.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { SessionIndexPool } from '../trunk/session-index-pool.js';
import type { AllocationEvent } from './allocation-events.js';
import type { BindStats } from './bind-stats.js';
import type { TurnLog } from './turn-log.js';

/** The methods of the data plane that allocations use. */
export type TurnPlane = Pick<
  DataPlane,
  | 'send'
  | 'openEndpoint'
  | 'closeEndpoint'
  | 'putAllocation'
  | 'removeAllocation'
  | 'allocationTraffic'
  | 'putClientFlow'
  | 'refreshClientFlow'
  | 'removeClientFlow'
  | 'channelTraffic'
  | 'putPeerFlow'
  | 'removePeerFlow'
  | 'peerFlowTraffic'
  | 'setBandwidth'
  | 'putMovedClient'
  | 'removeMovedClient'
  | 'putTrunkRoute'
  | 'removeTrunkRoute'
  | 'putSession'
  | 'removeSession'
  | 'clientAddresses'
  | 'trunkAddresses'
  | 'trunkLanePorts'
>;

/** The trunk to other relays, as TURN uses it. */
export interface PeerTrunk {
  /** Returns the only other relay that has registered an IP address. */
  relayAt(address: string): RemoteRelay | undefined;
  /** As `Trunk#send`. */
  send(remote: RemoteRelay, control: ControlMessage, before: number): number;
  /** The session indexes for what other relays' clients send here. */
  readonly indexes: SessionIndexPool;
  /** Counts refused and failed requests to bind. */
  readonly stats: BindStats;
}

/** An IP address of this server whose ports are relayed transport addresses. */
export interface RelayedAddress {
  /** Canonical address to bind. */
  readonly address: string;
  /** Canonical address that clients and peers see: another one behind a NAT. */
  readonly advertised: string;
}

/** The ports of relayed transport addresses, both inclusive. */
export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/** Decides which peers clients may exchange data with. */
export interface PeerRules {
  /** @param address - canonical IP address */
  check(address: string): 'allowed' | 'denied';
  /**
   * Returns the only ports that peers at an allowed address may have; undefined for all. Default:
   * all of every address.
   * @param address - canonical IP address
   */
  portsOf?(address: string): PortRange | undefined;
}

/** The family of the relayed address for a request that names none; `defaultFamilyOf`. */
export type DefaultFamily = 'ipv4' | 'ipv6' | 'client';

/** Bounds of allocations. */
export interface TurnLimits {
  /** Maximum relayed transport addresses, those that are being opened and reserved included. */
  readonly allocationsMax: number;
  /** Maximum allocations of one user, reservations included. */
  readonly userQuota: number;
  /** Maximum permissions of one allocation. */
  readonly permissionsMax: number;
  /** Maximum channels of one allocation, those that rest after their expiry included. */
  readonly channelsMax: number;
  /** Maximum entries of allocations in the table of each worker; default no bound. */
  readonly entriesMax?: number;
  /** Maximum LIFETIME, s; default `TURN_LIMITS.lifetimeSecondsMax`. */
  readonly lifetimeSecondsMax?: number;
}

/** What a client has said of itself in its Allocate request. */
export interface ClientDescription {
  /** SOFTWARE. */
  readonly software: string | undefined;
  /** Whether the request has DONT-FRAGMENT. */
  readonly dontFragment: boolean;
  /**
   * Whether the request has an attribute that only RFC 8489 or RFC 8656 has: USERHASH,
   * PASSWORD-ALGORITHM, MESSAGE-INTEGRITY-SHA256 or ADDITIONAL-ADDRESS-FAMILY.
   */
  readonly isOfRfc8656: boolean;
}

/** Dependencies of `Turn`. */
export interface TurnOptions extends AuthenticatorOptions<TurnPrincipal> {
  readonly plane: TurnPlane;
  /** What TURN shares with other usages of the client port. */
  readonly server: ServerContext;
  /** At least one. */
  readonly relayedAddresses: readonly RelayedAddress[];
  readonly ports: PortRange;
  readonly policy: PeerRules;
  readonly limits: TurnLimits;
  /** Bytes per second of each user, payloads of both directions; default 0: no bound. */
  readonly userBandwidth?: number;
  /** The family that requests get which name none; default IPv4, as RFC 8656 section 7.2 says. */
  readonly defaultFamily?: DefaultFamily;
  /** Whether clients may move an allocation to another 5-tuple (RFC 8016); default false. */
  readonly mobility?: boolean;
  /** Whether signed responses to Allocate and Refresh have SOFTWARE; default false. */
  readonly softwareAttribute?: boolean;
  /** Whether it answers Binding requests of users (RFC 8489 section 12); default false. */
  readonly authenticatesBinding?: boolean;
  /** Returns whether new allocations are refused; default never. */
  readonly isDraining?: () => boolean;
  /** Servers that clients are sent to while new allocations are refused; default none. */
  readonly alternateServers?: readonly TransportAddress[];
  /**
   * Returns whether another usage of the client port holds a 5-tuple, which then gets no
   * allocation; default never.
   * @param tupleKey - as the function of that name returns it
   */
  readonly isHeldElsewhere?: (tupleKey: string) => boolean;
  /**
   * Returns whether a client is told of ICMP errors (RFC 8656 section 11.5). Some clients of RFC
   * 5766, such as pion's, leave their receive loop at a Data indication without DATA, and say
   * nothing of themselves. Default: clients that ask for DONT-FRAGMENT or are of RFC 8656.
   */
  readonly tellsIcmpErrors?: (client: ClientDescription) => boolean;
  /** Called for each event of an allocation. Must not throw. */
  readonly onEvent?: (event: AllocationEvent) => void;
  /**
   * Runs what is done later than its request, and contains an internal error there, which no caller
   * would catch. Default: runs it.
   */
  readonly contain?: (action: () => void) => void;
  /** Reaches peers at other relays; default: as any peers. */
  readonly trunk?: PeerTrunk | undefined;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly log: TurnLog;
}
