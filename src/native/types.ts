import type { AddressInput, TransportAddress } from '../address.js';
import type { OneOrMore } from '../options/option-spec.js';
import type { Counters } from './counters.js';
import type { Endpoint, EndpointSpec } from './endpoints.js';
import type {
  Allocation,
  ClientAction,
  ClientFlow,
  FiveTuple,
  MovedClient,
  MovedClientAction,
  PeerFlow,
  PeerFlowAction,
  ProbePath,
  RemoteRelayEntry,
  SessionAction,
  TrunkRoute,
} from './entries.js';
import type { DataPlaneEvent } from './events.js';
import type { TransportHandle } from './transport-handle.js';
import type { XdpFarEnd, XdpFinding } from './xdp-finding.js';

export type * from './entries.js';

/** The side of a relay that a socket belongs to. */
export type SocketSide = 'client' | 'trunk';

/**
 * A datagram that the data plane punts to TypeScript: STUN; and on the trunk side, for diagnosis,
 * trunk datagrams from an unregistered port of a relay's IP, at most 10 per second and worker. The
 * latter count as `trunk_unknown_source`.
 */
export interface PuntedDatagram {
  readonly side: SocketSide;
  /**
   * Whether its sender is a relay, a host of `setRelayHosts`, or a peer of `putKnownClient`. A
   * batch has relays' datagrams first, then those of known peers. Relays, known peers and strangers
   * have separate queues, in which each sender is limited to a share.
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
  /**
   * The worker that it leaves by, if its socket is none of one worker alone; default: one that the
   * destination decides. Give a response the worker of its request, which then learns that it is
   * answered: it holds early data of an allocation until then.
   */
  readonly worker?: number;
}

/** One batch handed to the `onBatch` callback. */
export interface DataPlaneBatch {
  readonly datagrams: readonly PuntedDatagram[];
  readonly events: readonly DataPlaneEvent[];
}

/** An IP address of relayed endpoints. */
export interface RelayedIp {
  /** The address that they are bound to. */
  readonly address: string;
  /** The address that clients and peers see; default `address`. */
  readonly advertised?: string | undefined;
}

/** Options of `openDataPlane`. */
export interface DataPlaneOptions {
  /** Addresses for peers, 1 to 16; port 0 selects a free one. */
  readonly clientAddresses: OneOrMore<AddressInput>;
  /** Addresses for other relays, at most 16; default none. */
  readonly trunkAddresses?: OneOrMore<AddressInput> | undefined;
  /**
   * IP addresses of endpoints of kind `relayed`, at most 64; default none. What one such endpoint
   * sends to another one's address is delivered without the kernel, also to the address that a
   * one-to-one NAT shows, and comes from `advertised`. A port without an endpoint gets nothing.
   */
  readonly relayedAddresses?: OneOrMore<RelayedIp> | undefined;
  /**
   * Whether each worker receives for all its endpoints of `relayedAddresses` by one socket for each
   * address family, to which a BPF program steers their ports. `auto`, the default: where the
   * kernel (5.14) and the rights (CAP_BPF, CAP_NET_ADMIN, CAP_NET_RAW) allow it. `off`, and else:
   * each endpoint receives by its own socket.
   */
  readonly steering?: 'auto' | 'off' | undefined;
  /** Number of forwarding threads, 1 to 16; default one per CPU, up to 4. */
  readonly workers?: number | undefined;
  /** Maximum client flows of each worker; default 262,144. */
  readonly clientFlowsMax?: number | undefined;
  /**
   * Slots for sessions; default 262,144. An index is a slot (0 … n-1) plus a multiple of the
   * smallest power of two that is at least n, so that each use of a slot can have its own index.
   */
  readonly sessionsMax?: number | undefined;
  /** Maximum number of other relays; default 1,024. */
  readonly remoteRelaysMax?: number | undefined;
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
   * default none. Needs CAP_BPF and CAP_NET_ADMIN. If XDP is unavailable, `xdp` of the open data
   * plane has the reason, and the workers forward everything.
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

/** Whether the ports of relayed endpoints are steered to shared sockets. */
export interface SteeringStatus {
  /** `off` also without `relayedAddresses`. */
  readonly mode: 'on' | 'off';
  /** Why it is off although it was to be on: one line for the operator. */
  readonly reason?: string;
}

/** The state of the fast path. */
export interface XdpStatus {
  /** `off` also if none was requested. */
  readonly mode: 'off' | 'native' | 'generic';
  /** The requested devices. */
  readonly interfaces: readonly string[];
  /** Devices with the program. A device that is removed and added again gets it again. */
  readonly attached: readonly string[];
  /** Host rules that keep packets out of the fast path now. */
  readonly leftOut: readonly XdpFinding[];
  /** Host rules that the fast path bypasses and that may drop or delay packets. */
  readonly passedBy: readonly XdpFinding[];
  /** Devices through which it sends although their other ends take nothing, as far as known. */
  readonly farEnds: readonly XdpFarEnd[];
  /** Why a requested fast path is off: one line for the operator. */
  readonly reason?: string;
}

/** Traffic with one relay, read from shared memory. */
export interface RemoteRelayTraffic {
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

/** Traffic of an allocation's entry. */
export interface AllocationFlowTraffic extends LegTraffic {
  /** Datagrams that were dropped because the entry's bucket had too few bytes (`setBandwidth`). */
  readonly overBandwidth: number;
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
  /** The current states. */
  readonly steering: SteeringStatus;
  readonly xdp: XdpStatus;

  /**
   * Adds or replaces an entry.
   * @param flow - the datagrams that it matches
   * @param action - how they are forwarded
   * @param lifetimeSeconds - time for which it forwards, counted from now: 1 to 1,000,000,000 s,
   *   and up to about one second more; default: for ever. An expired entry keeps its slot in the
   *   table until it is removed, and forwards again after a refresh.
   * @throws TurnpikeError ERR_TURNPIKE_LIMIT when the table is full and no removal waits,
   *   ERR_TURNPIKE_QUEUE_FULL when a worker's command queue is full or a removal waits for it,
   *   ERR_TURNPIKE_UNKNOWN_RELAY if no relay has the index, ERR_TURNPIKE_CLOSED,
   *   ERR_TURNPIKE_ADDRESS, ERR_TURNPIKE_ARGUMENT; no worker has changed then
   */
  putClientFlow(flow: ClientFlow, action: ClientAction, lifetimeSeconds?: number): void;
  /**
   * Sets the lifetime of an entry, counted from now; its sequences and counters continue. Does
   * nothing if there is no entry. Throws as putClientFlow.
   */
  refreshClientFlow(flow: ClientFlow, lifetimeSeconds: number): void;
  /** Removes an entry; does nothing if there is none. Waits if a queue is full. */
  removeClientFlow(flow: ClientFlow): void;
  /**
   * Puts or prolongs an allocation. Lifetime and errors are those of putClientFlow. Its entry
   * counts among those of `clientFlowsMax`, as those of peer flows do.
   */
  putAllocation(allocation: Allocation, lifetimeSeconds: number): void;
  /** As removeClientFlow. Leaves the peer flows of its endpoint, which `closeEndpoint` removes. */
  removeAllocation(allocation: Allocation): void;
  /** Returns the traffic of the allocation's Send indications; undefined without an entry. */
  allocationTraffic(allocation: Allocation): AllocationFlowTraffic | undefined;
  /** Returns the traffic of a client flow to a `peer`; undefined without an entry. */
  channelTraffic(flow: ClientFlow): AllocationFlowTraffic | undefined;
  /**
   * Puts or prolongs a permission, or the way back of a channel, in the worker of the endpoint.
   * Lifetime and errors are those of putClientFlow.
   */
  putPeerFlow(flow: PeerFlow, action: PeerFlowAction, lifetimeSeconds: number): void;
  /** As removeClientFlow. */
  removePeerFlow(flow: PeerFlow): void;
  /** Returns the traffic of a peer flow; undefined without an entry. */
  peerFlowTraffic(flow: PeerFlow): AllocationFlowTraffic | undefined;
  /**
   * Puts or prolongs the way over the trunk of what clients send to a peer by a relayed endpoint.
   * Without it, after its lifetime, where its relay is gone, and where a payload exceeds the
   * relay's `bundleBytesMax` by itself, the data leaves as bare UDP. Lifetime and errors are those
   * of putClientFlow.
   * @param flow - a peer with a port; it also needs a permission or a channel
   */
  putTrunkRoute(flow: PeerFlow, action: TrunkRoute, lifetimeSeconds: number): void;
  /** As removeClientFlow. */
  removeTrunkRoute(flow: PeerFlow): void;
  /**
   * Has what comes from a client's new 5-tuple and meets no entry there handled by the worker of
   * the client's entries, as from the 5-tuple of those. The first data that they forward so is
   * reported (`client-moved`). STUN requests are passed to that worker, and handed up with the new
   * 5-tuple. It lasts until it is removed, and counts among the entries of `clientFlowsMax`. Errors
   * are those of putClientFlow.
   */
  putMovedClient(client: MovedClient, action: MovedClientAction): void;
  /** As removeClientFlow. */
  removeMovedClient(client: MovedClient): void;
  /**
   * Bounds what the entries with a bucket forward together, in all workers and both directions: a
   * token bucket of payload bytes, which holds what it gains in a second, but at least 65,536
   * bytes. What exceeds it is dropped and counted (`over_bandwidth`). Takes effect at once.
   * @param bucket - 1 to 1,048,576; the caller decides which entries have it
   * @param bytesPerSecond - 0 to 100,000,000,000; 0: no bound, as at the start, and a full bucket
   * @throws TurnpikeError ERR_TURNPIKE_ARGUMENT, ERR_TURNPIKE_CLOSED
   */
  setBandwidth(bucket: number, bytesPerSecond: number): void;
  /** Binds a session index in every worker. Lifetime and errors are those of putClientFlow. */
  putSession(sessionIndex: number, action: SessionAction, lifetimeSeconds?: number): void;
  /** As refreshClientFlow. */
  refreshSession(sessionIndex: number, lifetimeSeconds: number): void;
  /** Unbinds a session index; as removeClientFlow. */
  removeSession(sessionIndex: number): void;
  /**
   * Adds or replaces a relay. A replaced relay keeps its replay windows and sequences. Waits if a
   * queue is full.
   * @throws TurnpikeError ERR_TURNPIKE_ARGUMENT, ERR_TURNPIKE_ADDRESS, ERR_TURNPIKE_CLOSED
   */
  putRemoteRelay(relayIndex: number, entry: RemoteRelayEntry): void;
  /** Removes a relay. Remove its sessions first. */
  removeRemoteRelay(relayIndex: number): void;
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
   * Checks that the workers run, by a command without effect to each. Call it about once a second.
   * @returns for each worker how many milliseconds its oldest such command has waited, 0 if none
   *   waits; empty when the plane is closed
   */
  workersSilentMs(): readonly number[];
  /** The open endpoints, by handle. */
  readonly endpoints: ReadonlyMap<TransportHandle, Endpoint>;
  /**
   * Opens an endpoint. Its handle is used in 5-tuples of its side like a listener's. A flow of
   * peers at an endpoint belongs to the endpoint's worker.
   * @returns the endpoint with its handle and bound port; resolves before the first batch with a
   *   datagram that it received
   * @throws TurnpikeError ERR_TURNPIKE_BIND with `errno` and `address` if the socket cannot be
   *   opened, ERR_TURNPIKE_LIMIT if the worker has 16,384 endpoints, ERR_TURNPIKE_QUEUE_FULL if
   *   one of these is being closed or 1,024 endpoint commands of the worker wait for a response,
   *   ERR_TURNPIKE_CLOSED, ERR_TURNPIKE_ADDRESS, ERR_TURNPIKE_ARGUMENT
   */
  openEndpoint(spec: EndpointSpec): Promise<Endpoint>;
  /**
   * Closes an endpoint and removes the flows and known clients received by it. After the call the
   * handle accepts no datagrams or entries; those queued before are executed. Entries that send
   * through it stay until they are removed, and what they match is dropped (`endpoint_gone`).
   * @returns resolves when the socket sends nothing more and none of its datagrams is still to be
   *   handed up; at once if the handle names no open endpoint
   * @throws TurnpikeError ERR_TURNPIKE_ARGUMENT for the handle of an address given at open,
   *   ERR_TURNPIKE_ADDRESS for any other value, ERR_TURNPIKE_CLOSED
   */
  closeEndpoint(handle: TransportHandle): Promise<void>;
  /**
   * Sends one trunk probe. The reply arrives as a `probe-reply` or `path-probe-reply` event. If a
   * queue is full, the probe is lost.
   * @param number - any 32-bit number; the event has it
   * @param path - default: a plain probe to the relay's `destination`, from its `socket`
   * @throws TurnpikeError ERR_TURNPIKE_UNKNOWN_RELAY, ERR_TURNPIKE_CLOSED; ERR_TURNPIKE_ARGUMENT or
   *   ERR_TURNPIKE_ADDRESS for an invalid path
   */
  probe(relayIndex: number, number: number, path?: ProbePath): void;
  /**
   * Sends datagrams. One that the kernel refuses is lost and counted.
   * @throws TurnpikeError ERR_TURNPIKE_ARGUMENT, ERR_TURNPIKE_ADDRESS, ERR_TURNPIKE_CLOSED
   */
  send(datagrams: readonly OutgoingDatagram[]): void;

  /** Returns the totals over all workers and the fast path, by counter name; a read of memory. */
  counters(): Counters;
  /** Returns the traffic with a relay since it was added. */
  remoteRelayTraffic(relayIndex: number): RemoteRelayTraffic;
  /** Returns the traffic that a flow's entry has forwarded; undefined without an entry. */
  flowTraffic(flow: ClientFlow): LegTraffic | undefined;
  /**
   * Returns the traffic sent to a peer on a session index, since the newest session at the index's
   * slot was added.
   */
  sessionTraffic(sessionIndex: number): LegTraffic;
  /**
   * Returns a meter, a number for repeated reads of the entry's packet count; undefined without an
   * entry, and for an entry in every worker.
   */
  flowMeter(flow: ClientFlow): number | undefined;
  /** Returns the packets of a meter's entry, modulo 2^32: a few loads. */
  flowPackets(meter: number): number;
  /** Returns the packets sent to a peer on a session index, modulo 2^32. */
  sessionPackets(sessionIndex: number): number;

  /** Stops the threads and closes the sockets. Idempotent; resolves when both are done. */
  close(): Promise<void>;
}
