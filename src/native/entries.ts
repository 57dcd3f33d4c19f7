import type { AddressFamily, TransportAddress } from '../address.js';
import type { TransportHandle } from './transport-handle.js';

/**
 * The 5-tuple of a datagram. `handle` names the socket, and with it the local address and the
 * transport (`transportOf`). `local` is the local IP, present only if the socket is bound to a
 * wildcard address; responses are sent from it.
 */
export interface FiveTuple {
  readonly handle: TransportHandle;
  readonly remote: TransportAddress;
  readonly local?: string;
}

/** Whether the probes of the relay that reports it are answered on a path. */
export type Heard = 'unknown' | 'answered' | 'unanswered';

/** A trunk key (PROTOCOL.md section 4) and its day. */
export interface TrunkKey {
  /** Whole days since 2026-01-01 UTC, 0 to 65535. */
  readonly epoch: number;
  /** 16 bytes. */
  readonly key: Uint8Array;
}

/** Another relay in the data plane. The caller chooses its index. */
export interface RemoteRelayEntry {
  /** Source addresses of the relay, at most 64. */
  readonly sources: readonly TransportAddress[];
  /** The trunk socket to send from, an index into `trunkAddresses`. */
  readonly socket: number;
  /** Destination of trunk data. */
  readonly destination: TransportAddress;
  /** Local source IP, if `socket` is bound to a wildcard address and one must be chosen. */
  readonly local?: string;
  /** Send keys. The newest one that is not of a future day is used. */
  readonly sendKeys: readonly TrunkKey[];
  /** Receive keys, at most 3. */
  readonly receiveKeys: readonly TrunkKey[];
  /** Maximum number of records that the relay accepts in one datagram, 1 or more. */
  readonly recordsMax: number;
  /**
   * Maximum UDP payload of a bundle in bytes; the default and maximum is the plane's
   * `trunkMtuBytes`.
   */
  readonly bundleBytesMax?: number;
  /**
   * Worker n sends to the relay in lane n + 16 × this, 0 to 6; default 0. After a change of
   * `destination` another value keeps datagrams that are still on the old path from being dropped
   * as too old.
   */
  readonly laneSet?: number;
  /** Workers that send from the trunk address instead of their own lane port; default none. */
  readonly lanesClosed?: readonly number[];
  /** Paths with their `heard`, at most 16; default none. On other paths it is `unknown`. */
  readonly paths?: readonly TrunkPath[];
}

/** A path to a relay: a local trunk socket and a trunk address of the relay, of one family. */
export interface TrunkPath {
  /** Index into `trunkAddresses`. */
  readonly socket: number;
  readonly remote: TransportAddress;
  /** Whether this relay's own probes are answered on the path; its path probes report it. */
  readonly heard: Heard;
}

/** The path by which a probe leaves. */
export interface ProbePath {
  /** A local trunk socket and a trunk address of the relay. */
  readonly tuple: FiveTuple;
  /** The worker from whose port in `trunkLanePorts` it leaves; default: the trunk address. */
  readonly worker?: number;
  /**
   * UDP payload of a path probe in bytes, 36 to 65,527, never fragmented; default: a plain probe.
   */
  readonly bytes?: number;
}

/** How a client's ChannelData is forwarded. */
export type ClientAction =
  | {
      /** To another relay: a trunk record with its `sessionIndex`. */
      readonly type: 'trunk';
      readonly relayIndex: number;
      readonly sessionIndex: number;
    }
  | {
      /** To another peer of this data plane: ChannelData on that peer's channel. */
      readonly type: 'client';
      readonly tuple: FiveTuple;
      readonly channel: number;
    }
  | {
      /** To a peer of an allocation (RFC 8656): the bare payload, from the relayed address. */
      readonly type: 'peer';
      /** The allocation's endpoint, of kind `relayed`. */
      readonly relayed: TransportHandle;
      readonly peer: TransportAddress;
      /** The bucket that bounds its bandwidth (`setBandwidth`); default none. */
      readonly bucket?: number;
    };

/** Matches a peer's ChannelData. */
export interface ClientFlow {
  /**
   * The worker that receives this 5-tuple, as in the punted datagram. `any` puts the entry into
   * every worker's table, for a peer that has sent nothing yet. Remove an entry with the same
   * value.
   */
  readonly worker: number | 'any';
  readonly tuple: FiveTuple;
  /** 0x4000 to 0x7FFF. */
  readonly channel: number;
}

/**
 * Matches a client's Send indications (RFC 8656 section 11). They leave by `relayed`, to the
 * addresses that have a `PeerFlow` there.
 */
export interface Allocation {
  /** The worker that receives the 5-tuple; `relayed` is an endpoint of the same worker. */
  readonly worker: number;
  /** The client's. */
  readonly tuple: FiveTuple;
  /** The endpoint of the relayed transport address. */
  readonly relayed: TransportHandle;
  /**
   * The family of that address. Send indications to peers of this family leave by it; a client has
   * one relayed transport address of each family at most.
   */
  readonly family: AddressFamily;
  /** The bucket that bounds its bandwidth (`setBandwidth`); default none. */
  readonly bucket?: number;
}

/** Matches datagrams that a relayed endpoint receives. */
export interface PeerFlow {
  readonly relayed: TransportHandle;
  /**
   * With port 0: every port of the IP address, which is a permission (RFC 8656 section 9). With a
   * port: one transport address, which has a channel. The latter is matched first.
   */
  readonly peer: TransportAddress;
}

/** How a datagram of a peer is forwarded. */
export interface PeerFlowAction {
  /** The client's. */
  readonly tuple: FiveTuple;
  /** As ChannelData on this channel; without it as a Data indication (RFC 8656 section 11). */
  readonly channel?: number;
  /** The ports of a permission's IP address that it holds for, both included; default all. */
  readonly ports?: { readonly min: number; readonly max: number };
  /** The bucket that bounds its bandwidth (`setBandwidth`); default none. */
  readonly bucket?: number;
}

/** Where a client's data to a peer behind another relay goes: trunk records of this session. */
export interface TrunkRoute {
  readonly relayIndex: number;
  /** In the numbering of that relay. */
  readonly sessionIndex: number;
}

/** A client's 5-tuple that meets no other entry, since the client has moved to it. */
export interface MovedClient {
  /** The worker that receives the 5-tuple. */
  readonly worker: number;
  readonly tuple: FiveTuple;
}

/** Where the entries of a client are that has moved to another 5-tuple. */
export interface MovedClientAction {
  /** The worker that has them: another one passes the client's datagrams to it. */
  readonly worker: number;
  /** The 5-tuple of the entries: in that worker, data that meets no entry counts as its own. */
  readonly tuple: FiveTuple;
  /** A number that the event `client-moved` has, 0 to 4,294,967,295. */
  readonly number: number;
}

/** How a trunk record is forwarded. */
export interface SessionAction {
  /** The only relay that may use the index. */
  readonly relayIndex: number;
  /**
   * The client that gets it on the channel. Without a channel: an endpoint of kind `relayed` and
   * the peer that the record comes from, as if the endpoint had received it.
   */
  readonly tuple: FiveTuple;
  readonly channel?: number;
}
