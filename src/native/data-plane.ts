import type { TransportAddress } from '../address.js';
import { AllocationFlows } from './allocation-flows.js';
import { ArgumentChecks } from './arguments.js';
import type { NativeBinding, NativePlane } from './binding.js';
import { ClientFlows, LIFETIME_FOR_EVER } from './client-flows.js';
import { decodeBatch, encodeAddresses, encodeRelayedAddresses, Scratch } from './codec.js';
import { CommandBacklog, entryName } from './command-backlog.js';
import type { Counters } from './counters.js';
import { type Endpoint, type EndpointSpec, Endpoints } from './endpoints.js';
import { checkStatus, openFailure } from './failures.js';
import {
  DATA_PLANE_LIMITS,
  EVERY_WORKER,
  PUNTED_DATAGRAM,
  SIDE_NUMBERS,
  Status,
} from './interface.js';
import { LegCounters, monotonicSeconds } from './leg-counters.js';
import { checkedOptions } from './options.js';
import { SharedCounters } from './shared-counters.js';
import type { TransportHandle } from './transport-handle.js';
import type {
  Allocation,
  AllocationFlowTraffic,
  ClientAction,
  ClientFlow,
  DataPlane,
  DataPlaneBatch,
  DataPlaneOptions,
  FiveTuple,
  LegTraffic,
  OutgoingDatagram,
  PeerFlow,
  PeerFlowAction,
  ProbePath,
  RemoteRelayEntry,
  RemoteRelayTraffic,
  SessionAction,
  XdpStatus,
} from './types.js';
import { xdpFinding } from './xdp-finding.js';

/** Maximum records of relays, events included, handed up in one turn of the event loop. */
const RELAYS_PER_TURN_MAX = 32;

/** Maximum datagrams of known peers handed up in one turn of the event loop. */
const PROVEN_PER_TURN_MAX = 64;

/** Maximum datagrams of strangers handed up in one turn of the event loop. */
export const STRANGERS_PER_TURN_MAX = 32;

/** The data plane on top of the addon. Its users are `openPlane` and `openDataPlane`. */
export class NativeDataPlane implements DataPlane {
  readonly clientAddresses: readonly TransportAddress[];
  readonly trunkAddresses: readonly TransportAddress[];
  readonly trunkLanePorts: readonly (readonly number[])[];
  readonly workers: number;
  readonly #xdp: Omit<XdpStatus, 'attached' | 'leftOut' | 'passedBy'>;
  readonly #native: NativePlane;
  readonly #scratch: Scratch;
  readonly #counters: SharedCounters;
  readonly #legs: LegCounters;
  readonly #flows: ClientFlows;
  readonly #allocations: AllocationFlows;
  readonly #onBatch: (batch: DataPlaneBatch) => void;
  readonly #drained: Uint8Array;
  readonly #check: ArgumentChecks;
  readonly #relays = new Set<number>();
  readonly #backlog = new CommandBacklog();
  readonly #endpoints: Endpoints;
  #nextTurn: NodeJS.Immediate | undefined;
  #closed: Promise<void> | undefined;

  /**
   * Opens sockets and threads.
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG, ERR_TURNPIKE_ADDRESS, ERR_TURNPIKE_BIND (with
   *   `errno` and `address`) or ERR_TURNPIKE_NATIVE; nothing stays open then
   */
  constructor(binding: NativeBinding, options: DataPlaneOptions) {
    const checked = checkedOptions(options);
    this.#check = new ArgumentChecks(checked);
    this.#onBatch = checked.onBatch;
    this.#scratch = new Scratch();
    this.#counters = new SharedCounters(checked);
    this.#legs = new LegCounters({ ...checked, fastPath: checked.xdpInterfaces.length > 0 });
    this.#drained = new Uint8Array(
      (RELAYS_PER_TURN_MAX + PROVEN_PER_TURN_MAX + STRANGERS_PER_TURN_MAX) *
        (PUNTED_DATAGRAM.bytes + DATA_PLANE_LIMITS.puntBytesMax),
    );
    const nativeOptions = {
      ...checked,
      clientAddresses: encodeAddresses(checked.clientAddresses),
      trunkAddresses: encodeAddresses(checked.trunkAddresses),
      relayedIps: encodeRelayedAddresses(checked.relayedAddresses),
      counters: this.#counters.counters,
      traffic: this.#counters.traffic,
      legFlows: this.#legs.flows,
      legSessions: this.#legs.sessions,
      scratch: this.#scratch.bytes,
      notify: () => this.#onNotify(),
    };
    try {
      this.#native = new binding.DataPlane(nativeOptions);
    } catch (error) {
      throw openFailure(error);
    }
    this.#counters.offset = this.#native.counterOffset();
    this.workers = checked.workers;
    this.#endpoints = new Endpoints((each) => this.#native.closeEndpoint(each));
    const calls = {
      native: this.#native,
      scratch: this.#scratch,
      check: this.#check,
      backlog: this.#backlog,
      legs: this.#legs,
      counter: (worker: number, number: number, field: number) =>
        this.#native.flowCounter(worker, number, field),
      statusOfPut: (status: number, worker: number) =>
        this.#endpoints.statusOfPut(this.#backlog.statusOfPut(status, worker), worker),
      workers: this.workers,
    };
    this.#flows = new ClientFlows(calls);
    this.#allocations = new AllocationFlows(calls);
    const reason = this.#native.xdpReason();
    this.#xdp = {
      mode: this.#native.xdpMode(),
      interfaces: checked.xdpInterfaces,
      ...(reason !== '' && { reason }),
    };
    const bound = (addresses: readonly TransportAddress[], side: number) => {
      const ports = this.#native.ports(side);
      return addresses.map(({ address }, index) => ({ address, port: ports[index] ?? 0 }));
    };
    this.clientAddresses = bound(checked.clientAddresses, SIDE_NUMBERS.client);
    this.trunkAddresses = bound(checked.trunkAddresses, SIDE_NUMBERS.trunk);
    this.trunkLanePorts = this.trunkAddresses.map((_, index) => this.#native.lanePorts(index));
  }

  get xdp(): XdpStatus {
    const findings = this.#native.xdpFindings();
    const those = (leavesOut: boolean) =>
      findings
        .filter((finding) => finding.leavesOut === leavesOut)
        .map((finding) => xdpFinding(finding, this.clientAddresses, this.trunkAddresses));
    return {
      ...this.#xdp,
      attached: this.#native.xdpAttached(),
      leftOut: those(true),
      passedBy: those(false),
    };
  }

  putClientFlow(flow: ClientFlow, action: ClientAction, lifetimeSeconds?: number): void {
    this.#flows.put(flow, action, lifetimeSeconds);
  }

  refreshClientFlow(flow: ClientFlow, lifetimeSeconds: number): void {
    this.#flows.refresh(flow, lifetimeSeconds);
  }

  removeClientFlow(flow: ClientFlow): void {
    this.#flows.remove(flow);
  }

  putAllocation(allocation: Allocation, lifetimeSeconds: number): void {
    this.#allocations.put(allocation, lifetimeSeconds);
  }

  removeAllocation(allocation: Allocation): void {
    this.#allocations.remove(allocation);
  }

  allocationTraffic(allocation: Allocation): AllocationFlowTraffic | undefined {
    return this.#allocations.traffic(allocation);
  }

  channelTraffic(flow: ClientFlow): AllocationFlowTraffic | undefined {
    return this.#allocations.channelTraffic(flow);
  }

  putPeerFlow(flow: PeerFlow, action: PeerFlowAction, lifetimeSeconds: number): void {
    this.#allocations.putPeer(flow, action, lifetimeSeconds);
  }

  removePeerFlow(flow: PeerFlow): void {
    this.#allocations.removePeer(flow);
  }

  peerFlowTraffic(flow: PeerFlow): AllocationFlowTraffic | undefined {
    return this.#allocations.peerTraffic(flow);
  }

  setBandwidth(bucket: number, bytesPerSecond: number): void {
    this.#allocations.setBandwidth(bucket, bytesPerSecond);
  }

  putSession(sessionIndex: number, action: SessionAction, lifetimeSeconds?: number): void {
    const { relayIndex, tuple, channel } = action;
    this.#check.sessionIndex(sessionIndex);
    this.#check.relayIndex(relayIndex);
    this.#check.channel(channel);
    if (lifetimeSeconds !== undefined) this.#check.lifetimeSeconds(lifetimeSeconds);
    const lifetime = lifetimeSeconds ?? LIFETIME_FOR_EVER;
    this.#backlog.checkOrder('putSession', () => entryName.session(sessionIndex));
    this.#backlog.checkOrder('putSession', () => entryName.relay(relayIndex));
    this.#scratch.tuple(tuple);
    checkStatus('putSession', this.#native.putSession(sessionIndex, relayIndex, channel, lifetime));
  }

  refreshSession(sessionIndex: number, lifetimeSeconds: number): void {
    this.#check.sessionIndex(sessionIndex);
    this.#check.lifetimeSeconds(lifetimeSeconds);
    this.#backlog.checkOrder('refreshSession', () => entryName.session(sessionIndex));
    checkStatus('refreshSession', this.#native.refreshSession(sessionIndex, lifetimeSeconds));
  }

  removeSession(sessionIndex: number): void {
    this.#check.sessionIndex(sessionIndex);
    this.#backlog.give({
      call: 'removeSession',
      entry: () => entryName.session(sessionIndex),
      queue: () => this.#native.removeSession(sessionIndex),
    });
  }

  putRemoteRelay(relayIndex: number, entry: RemoteRelayEntry): void {
    this.#check.relayIndex(relayIndex);
    this.#check.remoteRelay(entry);
    this.#backlog.give({
      call: 'putRemoteRelay',
      encode: () => this.#scratch.remoteRelay(entry),
      entry: () => entryName.relay(relayIndex),
      queue: () => this.#native.putRemoteRelay(relayIndex),
    });
    if (this.#relays.has(relayIndex)) return;
    this.#relays.add(relayIndex);
    this.#counters.startTraffic(relayIndex);
  }

  removeRemoteRelay(relayIndex: number): void {
    this.#check.relayIndex(relayIndex);
    this.#backlog.give({
      call: 'removeRemoteRelay',
      entry: () => entryName.relay(relayIndex),
      queue: () => this.#native.removeRemoteRelay(relayIndex),
    });
    this.#relays.delete(relayIndex);
  }

  setRelayHosts(hosts: readonly TransportAddress[]): void {
    checkStatus('setRelayHosts', this.#native.setRelayHosts(encodeAddresses(hosts)));
  }

  probe(relayIndex: number, number: number, path?: ProbePath): void {
    this.#check.relayIndex(relayIndex);
    this.#check.probeNumber(number);
    // A probe that cannot be queued counts as lost.
    if (this.#backlog.has(entryName.relay(relayIndex))) return;
    const status = this.#probe(relayIndex, number, path);
    if (status !== Status.QueueFull) checkStatus('probe', status);
  }

  putKnownClient(worker: number, tuple: FiveTuple): void {
    this.#giveKnownClient('putKnownClient', worker, tuple);
  }

  removeKnownClient(worker: number, tuple: FiveTuple): void {
    this.#giveKnownClient('removeKnownClient', worker, tuple);
  }

  #giveKnownClient(call: 'putKnownClient' | 'removeKnownClient', worker: number, tuple: FiveTuple) {
    this.#check.workerOfTuple(worker, tuple);
    this.#backlog.give({
      call,
      encode: () => this.#scratch.tuple(tuple),
      entry: () => entryName.client(this.#scratch.tupleKey),
      worker,
      queue: () => this.#native[call](worker),
    });
  }

  workersSilentMs(): readonly number[] {
    return this.#native.workersSilentMs();
  }

  get endpoints(): ReadonlyMap<TransportHandle, Endpoint> {
    return this.#endpoints.open;
  }

  async openEndpoint(spec: EndpointSpec): Promise<Endpoint> {
    this.#check.endpoint(spec);
    this.#scratch.endpoint(spec);
    return this.#endpoints.answerOf(this.#native.openEndpoint(), spec);
  }

  async closeEndpoint(handle: TransportHandle): Promise<void> {
    this.#check.endpointHandle(handle);
    if (this.#closed !== undefined) checkStatus('closeEndpoint', Status.Closed);
    return this.#endpoints.close(handle);
  }

  #probe(relayIndex: number, number: number, path: ProbePath | undefined): number {
    if (path === undefined) return this.#native.probe(relayIndex, number);
    const { tuple, bytes, worker } = path;
    this.#check.probeBytes(bytes);
    if (worker !== undefined) this.#check.worker(worker);
    this.#scratch.tuple(tuple);
    return this.#native.probe(relayIndex, number, bytes ?? 0, worker);
  }

  send(datagrams: readonly OutgoingDatagram[]): void {
    for (const { side, tuple, data, worker } of datagrams) {
      this.#check.datagram(data);
      if (worker !== undefined) this.#check.worker(worker);
      this.#scratch.tuple(tuple);
      const by = worker ?? EVERY_WORKER;
      checkStatus('send', this.#native.send(SIDE_NUMBERS[side], data, by));
    }
  }

  counters(): Counters {
    return this.#counters.totals();
  }

  remoteRelayTraffic(relayIndex: number): RemoteRelayTraffic {
    this.#check.relayIndex(relayIndex);
    return this.#counters.trafficOf(relayIndex);
  }

  flowTraffic(flow: ClientFlow): LegTraffic | undefined {
    return this.#flows.traffic(flow);
  }

  sessionTraffic(sessionIndex: number): LegTraffic {
    this.#check.sessionIndex(sessionIndex);
    return this.#legs.sessionTraffic(sessionIndex, monotonicSeconds());
  }

  flowMeter(flow: ClientFlow): number | undefined {
    return this.#flows.meter(flow);
  }

  flowPackets(meter: number): number {
    return this.#flows.packets(meter);
  }

  sessionPackets(sessionIndex: number): number {
    return this.#legs.sessionPackets(sessionIndex);
  }

  close(): Promise<void> {
    if (this.#closed === undefined) {
      clearImmediate(this.#nextTurn);
      this.#backlog.clear();
      this.#closed = this.#native.close();
      this.#endpoints.abandon(this.#closed);
    }
    return this.#closed;
  }

  /**
   * Drains in a later phase of the event loop. If it drained at once, workers would notify again
   * meanwhile, and Node runs up to 1,000 such callbacks before timers and other I/O.
   */
  #onNotify(): void {
    this.#nextTurn ??= setImmediate(() => this.#drain());
  }

  #drain(): void {
    this.#nextTurn = undefined;
    if (this.#closed !== undefined) return;
    const bytes = this.#native.drain(
      this.#drained,
      RELAYS_PER_TURN_MAX,
      PROVEN_PER_TURN_MAX,
      STRANGERS_PER_TURN_MAX,
    );
    if (bytes === 0) return;
    const { batch, known, strangers, reports } = decodeBatch(this.#drained.subarray(0, bytes));
    if (
      reports.length > 0 ||
      known >= Math.min(RELAYS_PER_TURN_MAX, PROVEN_PER_TURN_MAX) ||
      strangers >= STRANGERS_PER_TURN_MAX
    ) {
      // More records may wait. They are drained after timers and I/O.
      this.#nextTurn = setImmediate(() => this.#drain());
    }
    const events = [...batch.events, ...this.#endpoints.take(reports)];
    if (batch.datagrams.length === 0 && events.length === 0) return;
    this.#native.hold();
    try {
      this.#onBatch({ datagrams: batch.datagrams, events });
    } finally {
      this.#native.release();
    }
  }
}
