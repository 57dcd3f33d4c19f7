/**
 * The addon's interface as native/binding defines it: numbers, typed arrays and status codes, and
 * no objects in frequent calls. Used only in this folder; other code uses `DataPlane`. After a
 * change here, `npm run build:interface` updates the addon's contract number.
 */

import type { XdpFarEnd, XdpFindingKind } from './xdp-finding.js';

/** Fields of the Error that the constructor of a native plane throws. */
export interface NativeFailure {
  readonly message: string;
  readonly status: number;
  /** errno of the system call, or 0. */
  readonly errorNumber: number;
  /** `host:port`, or empty. */
  readonly address: string;
}

/** Options of a native plane: memory and sizes. */
export interface NativeOptions {
  /** TRANSPORT_ADDRESS for each address. */
  readonly clientAddresses: Uint8Array;
  readonly trunkAddresses: Uint8Array;
  /** Pairs of addresses of relayed endpoints: as bound, as advertised. */
  readonly relayedIps: Uint8Array;
  /** Whether ports of these are steered to shared sockets, if that is possible. */
  readonly steering: boolean;
  readonly workers: number;
  readonly clientFlowsMax: number;
  readonly sessionsMax: number;
  readonly remoteRelaysMax: number;
  readonly puntQueueBytes: number;
  readonly socketBufferBytes: number;
  readonly trunkMtuBytes: number;
  readonly coalescingUs: number;
  readonly busyPollUs: number;
  readonly closedIndicationsPerSecond: number;
  readonly cpus: readonly number[];
  /** Devices of the fast path, and whether generic XDP is allowed. */
  readonly xdpInterfaces: readonly string[];
  readonly xdpGeneric: boolean;
  readonly xdpStrict: boolean;
  /** Shared memory for the workers' counters. */
  readonly counters: BigUint64Array;
  readonly traffic: BigUint64Array;
  readonly legFlows: BigUint64Array;
  readonly legSessions: BigUint64Array;
  /** Scratch memory that holds the 5-tuples or relay of the next call. */
  readonly scratch: Uint8Array;
  /** Called on the opening thread when records wait to be drained. */
  readonly notify: () => void;
}

/** A finding in the host's rules; `Finding` in native/xdp/host/findings.h. */
export interface NativeFinding {
  readonly kind: XdpFindingKind;
  readonly what: string;
  /** Bit set: client addresses from bit 0 on, trunk addresses from bit 16 on. */
  readonly sockets: number;
  /** A device's name, or empty. */
  readonly device: string;
  readonly leavesOut: boolean;
}

/**
 * One native data plane. Methods return a status and read their 5-tuples from the scratch memory.
 * Lifetimes are in seconds; 0 means never.
 */
export interface NativePlane {
  putClientFlowToTrunk(
    worker: number,
    channel: number,
    relayIndex: number,
    sessionIndex: number,
    lifetimeSeconds: number,
  ): number;
  putClientFlowToClient(
    worker: number,
    channel: number,
    toChannel: number,
    lifetimeSeconds: number,
  ): number;
  /** The scratch memory's second 5-tuple is the relayed endpoint's with the peer. */
  putClientFlowToPeer(
    worker: number,
    channel: number,
    bucket: number,
    lifetimeSeconds: number,
  ): number;
  /** Of the second 5-tuple only the handle is read. */
  putAllocation(worker: number, channel: number, bucket: number, lifetimeSeconds: number): number;
  /** The first 5-tuple is the relayed endpoint's with the peer, the second the client's. */
  putPeerFlow(
    worker: number,
    toChannel: number,
    portMin: number,
    portMax: number,
    bucket: number,
    lifetimeSeconds: number,
  ): number;
  /** The 5-tuple is the relayed endpoint's with the peer. */
  putTrunkRoute(
    worker: number,
    relayIndex: number,
    sessionIndex: number,
    lifetimeSeconds: number,
  ): number;
  /** The first 5-tuple is the client's, the second the one from which it has moved. */
  putMovedClient(worker: number, toWorker: number, number: number): number;
  /** Sets the rate of a bucket; 0 takes its bound away and fills it. */
  setBandwidth(bucket: number, bytesPerSecond: number): number;
  refreshClientFlow(worker: number, channel: number, lifetimeSeconds: number): number;
  removeClientFlow(worker: number, channel: number): number;
  /** Returns the number of a flow's entry in its worker, or -1. */
  flowNumber(worker: number, channel: number): number;
  /** Returns the counter `LegField` of the flow with that number. */
  flowCounter(worker: number, number: number, field: number): number;
  putSession(
    sessionIndex: number,
    relayIndex: number,
    channel: number,
    lifetimeSeconds: number,
  ): number;
  refreshSession(sessionIndex: number, lifetimeSeconds: number): number;
  removeSession(sessionIndex: number): number;
  putRemoteRelay(relayIndex: number): number;
  removeRemoteRelay(relayIndex: number): number;
  /** Takes TRANSPORT_ADDRESS for each address. */
  setRelayHosts(hosts: Uint8Array): number;
  /**
   * Sends a probe. Without `bytes` it is a plain probe to the relay's destination; otherwise it
   * takes the path in the scratch memory, and 0 bytes selects a plain probe.
   */
  probe(relayIndex: number, number: number, bytes?: number, worker?: number): number;
  /** Takes a worker or `EVERY_WORKER`: one that the destination decides. */
  send(side: number, data: Uint8Array, worker: number): number;
  /** Until `release`, commands and datagrams are queued without waking the workers. */
  hold(): number;
  release(): number;
  /** Serves the peer's requests before strangers'. */
  putKnownClient(worker: number): number;
  removeKnownClient(worker: number): number;
  /**
   * Opens the endpoint in the scratch memory. The response arrives by `drain`.
   * @returns the endpoint's handle, or a status as a negative number
   */
  openEndpoint(): number;
  /**
   * Closes an endpoint and its entries. QueueFull means call again. The response arrives by
   * `drain`.
   */
  closeEndpoint(handle: number): number;
  /**
   * Queues a command without effect to each worker. Returns for each how many ms its oldest such
   * command has waited, 0 if none waits; [] when closed.
   */
  workersSilentMs(): number[];
  /**
   * Copies ENDPOINT_REPORTs into `buffer`, or, if there are none, punted records: of relays, proven
   * peers, strangers. Returns the number of bytes.
   */
  drain(buffer: Uint8Array, relaysMax: number, provenMax: number, strangersMax: number): number;
  /** Returns the bound ports of a side, in the order of its addresses. */
  ports(side: number): number[];
  /** Returns the source ports of trunk data of a trunk address. */
  lanePorts(trunkAddress: number): number[];
  /** Returns whether ports are steered now. */
  steers(): boolean;
  /** Returns why ports that were to be steered are not, or an empty text. */
  steeringReason(): string;
  /** Returns the mode of the fast path. */
  xdpMode(): 'off' | 'native' | 'generic';
  /** Returns why a requested fast path does not run, or an empty text. */
  xdpReason(): string;
  /** Returns the devices that it runs on now. */
  xdpAttached(): string[];
  /** Returns the findings in the host's rules. */
  xdpFindings(): NativeFinding[];
  /** Returns the devices whose other ends may take nothing. */
  xdpFarEnds(): XdpFarEnd[];
  /** Returns the number of 64-bit cells before the first counter. */
  counterOffset(): number;
  close(): Promise<void>;
}

/** The addon's exports. */
export interface NativeBinding {
  readonly DataPlane: new (options: NativeOptions) => NativePlane;
  /** `kBindingContract` of native/base/interface.h. */
  readonly contract: number;
}
