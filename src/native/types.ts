import type { AddressInput, TransportAddress } from '../address.js';
import type { OneOrMore } from '../options/option-spec.js';
import type { Counters } from './counters.js';
import type { Endpoint, EndpointSpec } from './endpoints.js';
import type { DataPlaneEvent } from './events.js';
import type { TransportHandle } from './transport-handle.js';
import type { XdpFinding } from './xdp-finding.js';

/** Which of the two faces of a relay a socket belongs to. */
export type SocketSide = 'client' | 'trunk';

/**
 * The 5-tuple of a datagram. `handle` names the socket that it came by, and so our address and the
 * transport (`transportOf`). `local` is the local IP that the datagram came to, present only where
 * that socket is bound to a wildcard address; answers leave from it.
 */
export interface FiveTuple {
  readonly handle: TransportHandle;
  readonly remote: TransportAddress;
  readonly local?: string;
}

/**
 * A datagram that the data plane handed up because TypeScript answers it: STUN; and on the trunk
 * side, for diagnosis, at most 10 trunk datagrams a second and worker that came from a port that no
 * relay has listed, but from the IP of one. Those are counted as `trunk_unknown_source`.
 */
export interface PuntedDatagram {
  readonly side: SocketSide;
  /**
   * Whether its sender is one that the worker knows: a relay, a host of `setRelayHosts`,
   * a peer of `putKnownClient`. A batch has relays' first, then those of known peers; relays, known
   * peers and strangers have a queue each, in which no sender holds more than a share.
   */
  readonly known: boolean;
  /** The worker that received it: entries for this 5-tuple belong there. */
  readonly worker: number;
  readonly tuple: FiveTuple;
  /**
   * The UDP payload, at most 2,048 bytes. Valid after the callback returns, but a view of memory
   * that its whole batch shares, up to 64 datagrams: whoever keeps a datagram, or any view of it,
   * keeps them all. Copy what is to be kept.
   */
  readonly data: Uint8Array;
}

/** A datagram to send as it is. */
export interface OutgoingDatagram {
  readonly side: SocketSide;
  readonly tuple: FiveTuple;
  readonly data: Uint8Array;
}

/** What a relay says of the answers to its own probes: not known, got, missed. */
export type Heard = 'unknown' | 'answered' | 'unanswered';

/** One batch handed to the `onBatch` callback. */
export interface DataPlaneBatch {
  readonly datagrams: readonly PuntedDatagram[];
  readonly events: readonly DataPlaneEvent[];
}

/** A key of PROTOCOL.md section 4 and the day it belongs to. */
export interface TrunkKey {
  /** Whole days since 2026-01-01 UTC, 0 to 65535. */
  readonly epoch: number;
  /** 16 bytes. */
  readonly key: Uint8Array;
}

/** Another relay as the data plane sees it; the caller chooses its index. */
export interface TrunkPeer {
  /** Every address and port that the relay may send from, at most 64. */
  readonly sources: readonly TransportAddress[];
  /** The trunk socket to send from, an index into `trunkAddresses`. */
  readonly socket: number;
  /** Where to send trunk data. */
  readonly destination: TransportAddress;
  /** Local source IP where `socket` is a wildcard and one must be chosen; else left out. */
  readonly local?: string;
  /** Keys for what we send; the one of the newest epoch that is not in the future is used. */
  readonly sendKeys: readonly TrunkKey[];
  /** Keys for what we receive, at most 3. */
  readonly receiveKeys: readonly TrunkKey[];
  /** The most records that the relay accepts in one datagram, 1 or more. */
  readonly recordsMax: number;
  /** The longest bundle's UDP payload in bytes; default and most: the plane's `trunkMtuBytes`. */
  readonly bundleBytesMax?: number;
  /**
   * Worker n numbers its datagrams to the relay in lane n + 16 × this, 0 to 6; default 0. Another
   * one after a change of `destination` keeps what is still under way to the old one from being
   * dropped as too old.
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
  /** What the relay is told about our own probes by this path. */
  readonly heard: Heard;
}

/** The path by which a probe leaves. */
export interface ProbePath {
  /** One of our trunk sockets, and one of the relay's trunk addresses. */
  readonly tuple: FiveTuple;
  /** From this worker's port in `trunkLanePorts`; default from the trunk address. */
  readonly worker?: number;
  /**
   * A path probe of so many bytes of UDP payload, 36 to 65,527, never fragmented; default a plain
   * probe.
   */
  readonly bytes?: number;
}

/** What becomes of a peer's ChannelData. */
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
   * The worker that receives this 5-tuple, as the punted datagram said. `any` puts the entry into
   * every worker, where it has to be there before the peer has sent anything: it takes a place in
   * the table of each. An entry is removed as it was put.
   */
  readonly worker: number | 'any';
  readonly tuple: FiveTuple;
  /** 0x4000 to 0x4FFF. */
  readonly channel: number;
}

/** What becomes of a trunk record. */
export interface SessionAction {
  /** The only relay that may use the index. */
  readonly relayIndex: number;
  readonly tuple: FiveTuple;
  readonly channel: number;
}

export interface DataPlaneOptions {
  /** Addresses for peers, at least one; port 0 takes a free one. At most 16. */
  readonly clientAddresses: OneOrMore<AddressInput>;
  /** Addresses for other relays, at most 16; default none. */
  readonly trunkAddresses?: OneOrMore<AddressInput> | undefined;
  /** Number of forwarding threads, 1 to 16; default one per CPU, up to 4. */
  readonly workers?: number | undefined;
  /** Maximum client flows of each worker; default 262,144. */
  readonly clientFlowsMax?: number | undefined;
  /**
   * Places for sessions; default 262,144. An index is a place (0 … n-1) plus any multiple of the
   * power of two that n does not exceed, so that each use of a place can have an index of its own.
   */
  readonly sessionsMax?: number | undefined;
  /** Maximum number of other relays; default 1,024. */
  readonly trunkPeersMax?: number | undefined;
  /** Size of each worker's queue of punted datagrams, in bytes; default 1 MiB. */
  readonly puntQueueBytes?: number | undefined;
  /** Size of each socket buffer, in bytes; default 4 MiB. The kernel clamps it. */
  readonly socketBufferBytes?: number | undefined;
  /** Maximum UDP payload of a trunk datagram that bundles records, in bytes; default 1,452. */
  readonly trunkMtuBytes?: number | undefined;
  /**
   * Maximum batching delay in µs, only under load, 0 to 1,000; default 50. 0: none. An idle data
   * plane adds no delay.
   */
  readonly coalescingUs?: number | undefined;
  /**
   * Time that an idle worker polls its sockets before it sleeps, in µs; default 0. Saves the time
   * of waking up, and costs up to a whole CPU for each worker.
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
   * default none. Needs CAP_BPF and CAP_NET_ADMIN; where it cannot be had, `xdp` of the open data
   * plane says why and the workers do all the work.
   */
  readonly xdp?: {
    /** At least one, each once. */
    readonly interfaces: readonly string[];
    /** Uses the kernel's generic XDP, which is slow, where a driver has none; default false. */
    readonly generic?: boolean;
    /**
     * Leaves packets to the sockets also where the host has rules that may only drop or delay
     * them (packet filters, limits); default false: such rules are named, and passed by.
     */
    readonly strict?: boolean;
  };
  /** Called on the opening thread with what the workers handed up. Must not throw. */
  readonly onBatch: (batch: DataPlaneBatch) => void;
}

/** Whether the fast path that was asked for runs. */
export interface XdpStatus {
  /** `off` also where none was asked for. */
  readonly mode: 'off' | 'native' | 'generic';
  /** Those that were asked for. */
  readonly interfaces: readonly string[];
  /** Those that have the program now. A device that goes and comes back gets it again. */
  readonly attached: readonly string[];
  /** What keeps packets out of it now: rules of the host that they must meet. */
  readonly leftOut: readonly XdpFinding[];
  /** Rules of the host that packets pass by in it, and which may drop or delay them. */
  readonly passedBy: readonly XdpFinding[];
  /** Why it is off although it was asked for: one line for the operator. */
  readonly reason?: string;
}

/** Traffic with one relay, read from shared memory. */
export interface TrunkPeerTraffic {
  readonly recordsSent: number;
  readonly recordsReceived: number;
  /** Records that the session sequences show as lost on the way here. */
  readonly recordsLost: number;
}

/**
 * What one direction of a leg has carried since its entry was added, by all workers and the fast
 * path, whose share is up to a tenth of a second old. Counted when it is forwarded: what is
 * dropped, or lost on the way out, has its counters in `counters()`.
 */
export interface LegTraffic {
  readonly packets: number;
  /** Bytes of the application's payloads, without any header. */
  readonly payloadBytes: number;
  /** Whole seconds since the newest packet; undefined before the first. */
  readonly idleSeconds: number | undefined;
}

/**
 * The native forwarder: owns the sockets and threads, forwards by the entries it is given, hands
 * up everything it does not forward. Every put, refresh and remove is queued to the workers in
 * order; a datagram given to `send` afterwards leaves only when every worker has carried out what
 * was queued before it, so an answer never runs ahead of the entry it announces.
 */
export interface DataPlane {
  /** The addresses bound, in the order given, with real ports. */
  readonly clientAddresses: readonly TransportAddress[];
  readonly trunkAddresses: readonly TransportAddress[];
  /**
   * For each trunk address the further ports that trunk data leaves from: one for each worker where
   * there are several, so that the other relay's receive queues share the load.
   */
  readonly trunkLanePorts: readonly (readonly number[])[];
  readonly workers: number;
  /** As it is now. */
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
   * Lets an entry last so many seconds from now on, be that longer or shorter than it had; its
   * sequences and counters go on. Harmless when it is not there. Throws as putClientFlow.
   */
  refreshClientFlow(flow: ClientFlow, lifetimeSeconds: number): void;
  /** Removes an entry; harmless when it is not there. Waits its turn where a queue is full. */
  removeClientFlow(flow: ClientFlow): void;
  /** Binds a session index in every worker. Lifetime and errors as of putClientFlow. */
  putSession(sessionIndex: number, action: SessionAction, lifetimeSeconds?: number): void;
  /** As refreshClientFlow. */
  refreshSession(sessionIndex: number, lifetimeSeconds: number): void;
  /** Unbinds a session index; as removeClientFlow. */
  removeSession(sessionIndex: number): void;
  /** Adds or replaces a relay; its replay windows and sequences go on when it was there. */
  putTrunkPeer(relayIndex: number, peer: TrunkPeer): void;
  /** Removes a relay; its sessions must have been removed before. */
  removeTrunkPeer(relayIndex: number): void;
  /**
   * The addresses that relays send from or listen at, none of which ever gets a bare Closed
   * indication; port 0 stands for every port of its IP. Replaces those before. Beyond 32,768 of
   * them none is sent to anyone.
   * @throws TurnpikeError ERR_TURNPIKE_ADDRESS
   */
  setRelayHosts(hosts: readonly TransportAddress[]): void;
  /**
   * Lets the requests of a peer go before those of strangers, in the worker that receives its
   * 5-tuple. Waits its turn where a queue is full; a peer that does not fit the worker's table
   * (`clientFlowsMax`, and 8,192 more) stays a stranger.
   */
  putKnownClient(worker: number, tuple: FiveTuple): void;
  /** Ends that; harmless when it is not there. */
  removeKnownClient(worker: number, tuple: FiveTuple): void;
  /**
   * Asks each worker for a sign of life, to be called every second or so.
   * @returns for how many milliseconds each has owed one; empty when the plane is closed
   */
  workersSilentMs(): readonly number[];
  /** The endpoints that are open now, by handle. */
  readonly endpoints: ReadonlyMap<TransportHandle, Endpoint>;
  /**
   * Opens an endpoint. Its handle serves in 5-tuples as a listener's does, on its own side. A flow
   * of peers at an endpoint belongs to the endpoint's worker.
   * @returns the endpoint with its handle and real port, before anything that arrives by it
   * @throws TurnpikeError ERR_TURNPIKE_BIND with `errno` and `address` where the socket cannot be
   *   had, ERR_TURNPIKE_LIMIT where the worker has 16,384, ERR_TURNPIKE_QUEUE_FULL where 1,024
   *   calls about endpoints of the worker are not answered, ERR_TURNPIKE_CLOSED,
   *   ERR_TURNPIKE_ADDRESS, ERR_TURNPIKE_ARGUMENT
   */
  openEndpoint(spec: EndpointSpec): Promise<Endpoint>;
  /**
   * Closes an endpoint and removes the flows and known clients that came by it. From the call on
   * nothing can be sent by the handle or put for it, but for what was queued before. Entries that
   * lead to it stay until they are removed, and what they match is dropped (`endpoint_gone`).
   * @returns when nothing leaves through the socket any more, and nothing that came by it is handed
   *   up; at once where the handle names nothing, such as an endpoint that is closed already
   * @throws TurnpikeError ERR_TURNPIKE_ARGUMENT for the handle of an address given at open,
   *   ERR_TURNPIKE_ADDRESS for what is no handle, ERR_TURNPIKE_CLOSED
   */
  closeEndpoint(handle: TransportHandle): Promise<void>;
  /**
   * Sends one trunk probe; the answer arrives as a `probe-reply` or `path-probe-reply` event.
   * @param relayIndex - of the relay
   * @param number - comes back with the answer
   * @param path - default: a plain probe to the relay's `destination`, from `socket`
   * @throws TurnpikeError ERR_TURNPIKE_ARGUMENT or ERR_TURNPIKE_ADDRESS for a path that cannot be
   */
  probe(relayIndex: number, number: number, path?: ProbePath): void;
  /** Sends datagrams; what the kernel refuses is counted, as UDP would lose it. */
  send(datagrams: readonly OutgoingDatagram[]): void;

  /** Totals over all workers, by counter name. Cheap; reads shared memory. */
  counters(): Counters;
  trunkPeerTraffic(relayIndex: number): TrunkPeerTraffic;
  /** What a peer's entry has forwarded; undefined when there is none. Reads shared memory. */
  flowTraffic(flow: ClientFlow): LegTraffic | undefined;
  /** What has left to a peer on a session index: of the newest use of the index's place. */
  sessionTraffic(sessionIndex: number): LegTraffic;
  /**
   * A number that the entry's packets are read by as often as one likes; undefined without one, and
   * for an entry in every worker.
   */
  flowMeter(flow: ClientFlow): number | undefined;
  /** Packets that the entry of a meter has forwarded, modulo 2^32. Cheap: a few loads. */
  flowPackets(meter: number): number;
  /** As `flowPackets`, for what has left to a peer on a session index. */
  sessionPackets(sessionIndex: number): number;

  /** Stops the threads and closes the sockets. Idempotent; resolves when both are gone. */
  close(): Promise<void>;
}
