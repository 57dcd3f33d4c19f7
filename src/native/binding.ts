/**
 * The addon as native/binding defines it: numbers, typed arrays and status codes, no objects on hot
 * calls. Only this folder uses it; everything else uses `DataPlane`. After a change here
 * `npm run build:interface` gives the addon another contract number.
 */

import type { XdpFindingKind } from './xdp-finding.js';

/** What the constructor of a native plane throws: an Error with these. */
export interface NativeFailure {
  readonly message: string;
  readonly status: number;
  /** The system's errno, or 0. */
  readonly errorNumber: number;
  /** `host:port`, or empty. */
  readonly address: string;
}

/** Memory and sizes that a native plane is made with. */
export interface NativeOptions {
  /** TRANSPORT_ADDRESS for each address. */
  readonly clientAddresses: Uint8Array;
  readonly trunkAddresses: Uint8Array;
  readonly workers: number;
  readonly clientFlowsMax: number;
  readonly sessionsMax: number;
  readonly trunkPeersMax: number;
  readonly puntQueueBytes: number;
  readonly socketBufferBytes: number;
  readonly trunkMtuBytes: number;
  readonly coalescingUs: number;
  readonly busyPollUs: number;
  readonly closedIndicationsPerSecond: number;
  readonly cpus: readonly number[];
  /** Devices of the fast path, and whether the kernel's emulation of XDP will do. */
  readonly xdpInterfaces: readonly string[];
  readonly xdpGeneric: boolean;
  readonly xdpStrict: boolean;
  /** Shared memory that the workers count in. */
  readonly counters: BigUint64Array;
  readonly traffic: BigUint64Array;
  readonly legFlows: BigUint64Array;
  readonly legSessions: BigUint64Array;
  /** Where 5-tuples and relays stand that the next call is about. */
  readonly scratch: Uint8Array;
  /** Called on the opening thread when something waits to be drained. */
  readonly notify: () => void;
}

/** What the fast path found in the host's rules; `Finding` in native/xdp/host/findings.h. */
export interface NativeFinding {
  readonly kind: XdpFindingKind;
  readonly what: string;
  /** Bits: the addresses for clients from 0 on, those for the trunk from 16 on. */
  readonly sockets: number;
  /** A device's name, or empty. */
  readonly device: string;
  readonly leavesOut: boolean;
}

/**
 * One native data plane. Methods return a status; their 5-tuples are in the scratch memory. A
 * lifetime is in seconds, and 0 is for ever.
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
  refreshClientFlow(worker: number, channel: number, lifetimeSeconds: number): number;
  removeClientFlow(worker: number, channel: number): number;
  /** The number of a flow's entry in its worker, or -1. */
  flowNumber(worker: number, channel: number): number;
  /** One of LegField, of the flow with that number. */
  flowCounter(worker: number, number: number, field: number): number;
  putSession(
    sessionIndex: number,
    relayIndex: number,
    channel: number,
    lifetimeSeconds: number,
  ): number;
  refreshSession(sessionIndex: number, lifetimeSeconds: number): number;
  removeSession(sessionIndex: number): number;
  putTrunkPeer(relayIndex: number): number;
  removeTrunkPeer(relayIndex: number): number;
  /** Takes TRANSPORT_ADDRESS for each address. */
  setRelayHosts(hosts: Uint8Array): number;
  /** By the way in the scratch memory, where `bytes` are given; of those 0 is a plain probe. */
  probe(relayIndex: number, number: number, bytes?: number, worker?: number): number;
  send(side: number, data: Uint8Array): number;
  /** From here to `release` workers are not woken for each command and datagram. */
  hold(): number;
  release(): number;
  /** The peer's requests go before strangers'. */
  putKnownClient(worker: number): number;
  removeKnownClient(worker: number): number;
  /**
   * Opens what the scratch memory describes. The answer comes by `drain`.
   * @returns the endpoint's handle, or a status as a negative number
   */
  openEndpoint(): number;
  /** Closes an endpoint with its entries; QueueFull: call again. The answer comes by `drain`. */
  closeEndpoint(handle: number): number;
  /** Asks each worker for a sign of life; how long each has owed one, or [] when closed. */
  workersSilentMs(): number[];
  /**
   * Copies ENDPOINT_REPORTs into `buffer`, or, where there is none, punted records: relays', proven
   * peers', strangers'. Returns the bytes.
   */
  drain(buffer: Uint8Array, relaysMax: number, provenMax: number, strangersMax: number): number;
  /** Ports bound on a side, in the order of its addresses. */
  ports(side: number): number[];
  /** Ports that trunk data leaves from, of one trunk address. */
  lanePorts(trunkAddress: number): number[];
  /** How the fast path runs. */
  xdpMode(): 'off' | 'native' | 'generic';
  /** Why it does not although it was asked for, or empty. */
  xdpReason(): string;
  /** The devices that it runs on now. */
  xdpAttached(): string[];
  /** What the host's rules do to packets. */
  xdpFindings(): NativeFinding[];
  /** 64-bit cells before the first counter. */
  counterOffset(): number;
  close(): Promise<void>;
}

/** The addon's exports. */
export interface NativeBinding {
  readonly DataPlane: new (options: NativeOptions) => NativePlane;
  /** `kBindingContract` of native/base/interface.h. */
  readonly contract: number;
}
