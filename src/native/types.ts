import type { AddressInput, TransportAddress } from '../address.js';
import type { OneOrMore } from '../options/option-spec.js';
import type { Counters } from './counters.js';
import type { Endpoint, EndpointSpec } from './endpoints.js';
import type { DataPlaneEvent } from './events.js';
import type { TransportHandle } from './transport-handle.js';
import type { XdpFinding } from './xdp-finding.js';

/** The side of a relay that a socket belongs to. */
export type SocketSide = 'client' | 'trunk';

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

/**
 * A datagram that the data plane punts to TypeScript: STUN, and on the trunk side, for diagnosis,
 * at most 10 trunk datagrams per second and worker from an unregistered port of a relay's IP. The
 * latter are counted as `trunk_unknown_source`.
 */
export interface PuntedDatagram {
  readonly side: SocketSide;
  /**
   * Whether the worker knows its sender: a relay, a host of `setRelayHosts`, or a peer of
   * `putKnownClient`. A batch has relays' datagrams first, then those of known peers. Relays, known
   * peers and strangers have separate queues, in which each sender is limited to a share.
   */
  readonly known: boolean;
  /** The worker that received it: entries for this 5-tuple belong there. */
  readonly worker: number;
  readonly tuple: FiveTuple;
  /**
   * The UDP payload, at most 2,048 bytes. It stays valid after the callback returns, but it is a
   * view of memory shared by its batch of up to 64 datagrams. Keeping a view keeps the whole batch
   * in memory, so copy what is kept.
   */
  readonly data: Uint8Array;
}

/** A datagram to send unchanged. */
export interface OutgoingDatagram {
  readonly side: SocketSide;
  readonly tuple: FiveTuple;
  readonly data: Uint8Array;
}

/** Whether a relay's own probes are answered: unknown, yes, no. */
export type Heard = 'unknown' | 'answered' | 'unanswered';

/** One batch handed to the `onBatch` callback. */
export interface DataPlaneBatch {
  readonly datagrams: readonly PuntedDatagram[];
  readonly events: readonly DataPlaneEvent[];
}

/** A trunk key (PROTOCOL.md section 4) and its day. */
export interface TrunkKey {
  /** Whole days since 2026-01-01 UTC, 0 to 65535. */
  readonly epoch: number;
  /** 16 bytes. */
  readonly key: Uint8Array;
}

/** Another relay in the data plane. The caller chooses its index. */
export interface TrunkPeer {
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
  /** What probes that come by a path are told; default none: `unknown` by all. At most 16. */
  readonly paths?: readonly TrunkPath[];
}

/** A path to a relay: one of our trunk sockets and one of its trunk addresses, of one family. */
export interface TrunkPath {
  readonly socket: number;
  readonly remote: TransportAddress;
  /** Whether this relay's own probes on the path are answered, as told to the relay. */
  readonly heard: Heard;
}

/** The path by which a probe leaves. */
export interface ProbePath {
  /** A local trunk socket, and one of the relay's trunk addresses. */
  readonly tuple: FiveTuple;
  /** The worker from whose port in `trunkLanePorts` it leaves; default: the trunk address. */
  readonly worker?: number;
  /**
   * UDP payload of a path probe in bytes, 36 to 65,527, never fragmented; default: a plain probe.
   */
  readonly bytes?: number;
}

/** How a peer's ChannelData is forwarded. */
export type ClientAction =
  | {
      /** To another relay: a trunk record with its `sessionIndex`. */
      readonly type: 'trunk';
      readonly relayIndex: number;
      readonly sessionIndex: number;
    }
  | {
      /** To a peer of this same relay: ChannelData on that peer's channel. */
      readonly type: 'client';
      readonly tuple: FiveTuple;
      readonly channel: number;
    };

/** Matches a peer's ChannelData. */
export interface ClientFlow {
  /**
   * The worker that receives this 5-tuple, as in the punted datagram. `any` puts the entry into
   * every worker, for a peer that has sent nothing yet; it uses a place in each table. Remove an
   * entry with the same value.
   */
  readonly worker: number | 'any';
  readonly tuple: FiveTuple;
  /** 0x4000 to 0x4FFF. */
  readonly channel: number;
}

/** How a trunk record is forwarded. */
export interface SessionAction {
  /** The only relay that may use the index. */
  readonly relayIndex: number;
  readonly tuple: FiveTuple;
  readonly channel: number;
}

export interface DataPlaneOptions {
  /** Addresses for peers, 1 to 16; port 0 selects a free one. */
  readonly clientAddresses: OneOrMore<AddressInput>;
  /** Addresses for other relays, at most 16; default none. */
  readonly trunkAddresses?: OneOrMore<AddressInput> | undefined;
  /** Number of forwarding threads, 1 to 16; default one per CPU, up to 4. */
  readonly workers?: number | undefined;
  /** Maximum client flows of each worker; default 262,144. */
  readonly clientFlowsMax?: number | undefined;
  /**
   * Places for sessions; default 262,144. An index is a place (0 … n-1) plus a multiple of the
   * smallest power of two that is at least n, so that each use of a place can have its own index.
   */
  readonly sessionsMax?: number | undefined;
  /** Maximum number of other relays; default 1,024. */
  readonly trunkPeersMax?: number | undefined;
  /** Size of each worker's queue of punted datagrams, in bytes; default 1 MiB. */
  readonly puntQueueBytes?: number | undefined;
  /** Size of each socket buffer, in bytes; default 4 MiB. The kernel limits it. */
  readonly socketBufferBytes?: number | undefined;
  /** Maximum UDP payload of a trunk datagram that bundles records, in bytes; default 1,452. */
  readonly trunkMtuBytes?: number | undefined;
  /**
   * Maximum batching delay in µs, only under load, 0 to 1,000; default 50. 0: none. An idle data
   * plane adds no delay.
   */
  readonly coalescingUs?: number | undefined;
  /**
   * Time in µs for which an idle worker polls its sockets before it sleeps; default 0. Saves
   * wake-up latency, and costs up to a whole CPU per worker.
   */
  readonly busyPollUs?: number | undefined;
  /**
   * Maximum bare Closed indications per second to sources of ChannelData that matches no entry
   * (PROTOCOL.md section 2), over all workers; default 0: none. A source gets at most 10 per second
   * from each worker, the addresses given to `setRelayHosts` get none, and no datagram under 20
   * bytes is answered.
   */
  readonly closedIndicationsPerSecond?: number | undefined;
  /** CPUs that the workers are pinned to, in turn; default none: the scheduler chooses. */
  readonly cpus?: readonly number[] | undefined;
  /**
   * Network devices in whose drivers packets are forwarded before they reach a socket (XDP);
   * default none. Needs CAP_BPF and CAP_NET_ADMIN. If it is unavailable, `xdp` of the open data
   * plane tells why and the workers forward everything.
   */
  readonly xdp?: {
    /** At least one, each once. */
    readonly interfaces: readonly string[];
    /**
     * Allows the kernel's generic XDP, which is slower, if a driver has no XDP support; default
     * false.
     */
    readonly generic?: boolean;
    /**
     * Leaves packets to the sockets also if host rules can only drop or delay them (packet filters,
     * limits); default false: such rules are reported and bypassed.
     */
    readonly strict?: boolean;
  };
  /** Called on the opening thread with a punted batch. Must not throw. */
  readonly onBatch: (batch: DataPlaneBatch) => void;
}

/** The state of the fast path. */
export interface XdpStatus {
  /** `off` also if none was requested. */
  readonly mode: 'off' | 'native' | 'generic';
  /** The requested devices. */
  readonly interfaces: readonly string[];
  /** Devices that have the program now. A device that is removed and added again gets it again. */
  readonly attached: readonly string[];
  /** Host rules that keep packets out of the fast path now. */
  readonly leftOut: readonly XdpFinding[];
  /** Host rules that the fast path bypasses and that may drop or delay packets. */
  readonly passedBy: readonly XdpFinding[];
  /** Why a requested fast path is off: one line for the operator. */
  readonly reason?: string;
}

/** Traffic with one relay, read from shared memory. */
export interface TrunkPeerTraffic {
  readonly recordsSent: number;
  readonly recordsReceived: number;
  /** Records lost on the way to this relay, according to session sequences. */
  readonly recordsLost: number;
}

/**
 * Traffic of one direction of a leg since its entry was added, over all workers and the fast path,
 * whose part is up to 0.1 s old. Counted on forwarding; drops and send failures are in
 * `counters()`.
 */
export interface LegTraffic {
  readonly packets: number;
  /** Bytes of payload, without headers. */
  readonly payloadBytes: number;
  /** Whole seconds since the newest packet; undefined before the first. */
  readonly idleSeconds: number | undefined;
}

/**
 * The native forwarder. It owns the sockets and threads, forwards by the entries it is given, and
 * punts everything else. Puts, refreshes and removes are queued to the workers in order. A datagram
 * given to `send` afterwards leaves only when every worker has executed the commands queued before
 * it, so a response never precedes an entry that it announces.
 */
export interface DataPlane {
  /** The bound addresses in the given order, with the actual ports. */
  readonly clientAddresses: readonly TransportAddress[];
  readonly trunkAddresses: readonly TransportAddress[];
  /**
   * For each trunk address the additional source ports of trunk data: one per worker if there are
   * several, so that the other relay's receive queues share the load.
   */
  readonly trunkLanePorts: readonly (readonly number[])[];
  readonly workers: number;
  /** The current state. */
  readonly xdp: XdpStatus;

  /**
   * Adds or replaces an entry.
   * @param flow - what it matches
   * @param action - what becomes of that
   * @param lifetimeSeconds - how long it forwards from now on, 1 to 1,000,000,000: so long at
   *   least, and about a second more at most; default for ever. One that has expired keeps its
   *   place until it is removed, and forwards again once it is refreshed.
   * @throws TurnpikeError ERR_TURNPIKE_LIMIT when the table is full, ERR_TURNPIKE_QUEUE_FULL when
   *   a worker's command queue is, ERR_TURNPIKE_UNKNOWN_RELAY where there is no relay of that
   *   index, ERR_TURNPIKE_ADDRESS, ERR_TURNPIKE_ARGUMENT; nothing has changed then, in any worker
   */
  putClientFlow(flow: ClientFlow, action: ClientAction, lifetimeSeconds?: number): void;
  /**
   * Sets the lifetime of an entry, counted from now; its sequences and counters continue. Does
   * nothing if there is no entry. Throws as putClientFlow.
   */
  refreshClientFlow(flow: ClientFlow, lifetimeSeconds: number): void;
  /** Removes an entry; does nothing if there is none. Waits if a queue is full. */
  removeClientFlow(flow: ClientFlow): void;
  /** Binds a session index in every worker. Lifetime and errors as of putClientFlow. */
  putSession(sessionIndex: number, action: SessionAction, lifetimeSeconds?: number): void;
  /** As refreshClientFlow. */
  refreshSession(sessionIndex: number, lifetimeSeconds: number): void;
  /** Unbinds a session index; as removeClientFlow. */
  removeSession(sessionIndex: number): void;
  /** Adds or replaces a relay. A replaced relay keeps its replay windows and sequences. */
  putTrunkPeer(relayIndex: number, peer: TrunkPeer): void;
  /** Removes a relay. Remove its sessions first. */
  removeTrunkPeer(relayIndex: number): void;
  /**
   * Sets the addresses that relays send from or listen on; none of them is sent a bare Closed
   * indication. Port 0 stands for every port of its IP. Replaces the previous list. With more than
   * 32,768 addresses no indication is sent at all.
   * @throws TurnpikeError ERR_TURNPIKE_ADDRESS
   */
  setRelayHosts(hosts: readonly TransportAddress[]): void;
  /**
   * Serves a peer's requests before strangers', in the worker that receives its 5-tuple. Waits if a
   * queue is full. A peer that does not fit the worker's table (`clientFlowsMax` + 8,192) stays a
   * stranger.
   */
  putKnownClient(worker: number, tuple: FiveTuple): void;
  /** Reverts putKnownClient; does nothing if the peer is not known. */
  removeKnownClient(worker: number, tuple: FiveTuple): void;
  /**
   * Asks each worker for a sign of life. Call about once per second.
   * @returns for how many milliseconds each has owed one; empty when the plane is closed
   */
  workersSilentMs(): readonly number[];
  /** The open endpoints, by handle. */
  readonly endpoints: ReadonlyMap<TransportHandle, Endpoint>;
  /**
   * Opens an endpoint. Its handle is used in 5-tuples of its side like a listener's. A flow of
   * peers at an endpoint belongs to the endpoint's worker.
   * @returns the endpoint with its handle and real port, before anything that arrives by it
   * @throws TurnpikeError ERR_TURNPIKE_BIND with `errno` and `address` where the socket cannot be
   *   had, ERR_TURNPIKE_LIMIT where the worker has 16,384, ERR_TURNPIKE_QUEUE_FULL where 1,024
   *   calls about endpoints of the worker are not answered, ERR_TURNPIKE_CLOSED,
   *   ERR_TURNPIKE_ADDRESS, ERR_TURNPIKE_ARGUMENT
   */
  openEndpoint(spec: EndpointSpec): Promise<Endpoint>;
  /**
   * Closes an endpoint and removes the flows and known clients received by it. After the call the
   * handle accepts no datagrams or entries; those queued before are executed. Entries that send by
   * it stay until they are removed, and what they match is dropped (`endpoint_gone`).
   * @returns when nothing leaves through the socket any more, and nothing that came by it is handed
   *   up; at once where the handle names nothing, such as an endpoint that is closed already
   * @throws TurnpikeError ERR_TURNPIKE_ARGUMENT for the handle of an address given at open,
   *   ERR_TURNPIKE_ADDRESS for what is no handle, ERR_TURNPIKE_CLOSED
   */
  closeEndpoint(handle: TransportHandle): Promise<void>;
  /**
   * Sends one trunk probe. The reply arrives as a `probe-reply` or `path-probe-reply` event.
   * @param relayIndex - of the relay
   * @param number - comes back with the answer
   * @param path - default: a plain probe to the relay's `destination`, from `socket`
   * @throws TurnpikeError ERR_TURNPIKE_ARGUMENT or ERR_TURNPIKE_ADDRESS for a path that cannot be
   */
  probe(relayIndex: number, number: number, path?: ProbePath): void;
  /** Sends datagrams. What the kernel refuses is counted and lost, as with UDP. */
  send(datagrams: readonly OutgoingDatagram[]): void;

  /** Totals over all workers, by counter name. Cheap; reads shared memory. */
  counters(): Counters;
  trunkPeerTraffic(relayIndex: number): TrunkPeerTraffic;
  /** Returns what a peer's entry has forwarded; undefined without one. Reads shared memory. */
  flowTraffic(flow: ClientFlow): LegTraffic | undefined;
  /**
   * Returns what was sent to a peer on a session index, for the newest use of the index's place.
   */
  sessionTraffic(sessionIndex: number): LegTraffic;
  /**
   * Returns a meter, a number for repeated reads of the entry's packet count; undefined without an
   * entry, and for an entry in every worker.
   */
  flowMeter(flow: ClientFlow): number | undefined;
  /** Returns the packets of a meter's entry, modulo 2^32. Cheap: a few loads. */
  flowPackets(meter: number): number;
  /** As `flowPackets`, for what was sent to a peer on a session index. */
  sessionPackets(sessionIndex: number): number;

  /** Stops the threads and closes the sockets. Idempotent; resolves when both are done. */
  close(): Promise<void>;
}
