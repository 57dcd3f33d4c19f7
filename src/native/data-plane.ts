import type { TransportAddress } from '../address.js';
import { AllocationFlows } from './allocation-flows.js';
import { ArgumentChecks } from './arguments.js';
import type { NativeBinding, NativePlane } from './binding.js';
import { ClientFlows } from './client-flows.js';
import { encodeAddresses, encodeRelayedAddresses, Scratch } from './codec.js';
import { CommandBacklog, entryName } from './command-backlog.js';
import type { Counters } from './counters.js';
import { Drain } from './drain.js';
import { type Endpoint, type EndpointSpec, Endpoints } from './endpoints.js';
import { checkStatus, openFailure } from './failures.js';
import { EVERY_WORKER, SIDE_NUMBERS, Status } from './interface.js';
import { LegCounters } from './leg-counters.js';
import { checkedOptions } from './options.js';
import { RemoteRelayEntries } from './remote-relay-entries.js';
import { SessionEntries } from './session-entries.js';
import { SharedCounters } from './shared-counters.js';
import type { TransportHandle } from './transport-handle.js';
import type {
  Allocation,
  AllocationFlowTraffic,
  ClientAction,
  ClientFlow,
  DataPlane,
  DataPlaneOptions,
  FiveTuple,
  LegTraffic,
  MovedClient,
  MovedClientAction,
  OutgoingDatagram,
  PeerFlow,
  PeerFlowAction,
  ProbePath,
  RemoteRelayEntry,
  RemoteRelayTraffic,
  SessionAction,
  SteeringStatus,
  TrunkRoute,
  XdpStatus,
} from './types.js';
import { xdpFinding } from './xdp-finding.js';

/** The data plane on top of the addon. Its users are `openPlane` and `openDataPlane`. */
export class NativeDataPlane implements DataPlane {
  readonly clientAddresses: readonly TransportAddress[];
  readonly trunkAddresses: readonly TransportAddress[];
  readonly trunkLanePorts: readonly (readonly number[])[];
  readonly workers: number;
  readonly #xdp: Omit<XdpStatus, 'attached' | 'leftOut' | 'passedBy' | 'farEnds'>;
  /** Why relayed ports are not steered although they could be; otherwise empty. */
  readonly #noSteering: string;
  readonly #relayedIps: readonly string[];
  readonly #native: NativePlane;
  readonly #scratch: Scratch;
  readonly #counters: SharedCounters;
  readonly #flows: ClientFlows;
  readonly #allocations: AllocationFlows;
  readonly #sessions: SessionEntries;
  readonly #relays: RemoteRelayEntries;
  readonly #check: ArgumentChecks;
  readonly #backlog = new CommandBacklog();
  readonly #endpoints: Endpoints;
  readonly #drain: Drain;
  #closed: Promise<void> | undefined;

  /**
   * Opens sockets and threads.
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG, ERR_TURNPIKE_ADDRESS, ERR_TURNPIKE_BIND (with
   *   `errno` and `address`) or ERR_TURNPIKE_NATIVE; nothing stays open then
   */
  constructor(binding: NativeBinding, options: DataPlaneOptions) {
    const checked = checkedOptions(options);
    this.#check = new ArgumentChecks(checked);
    this.#scratch = new Scratch();
    this.#counters = new SharedCounters(checked);
    const legs = new LegCounters({ ...checked, fastPath: checked.xdpInterfaces.length > 0 });
    const nativeOptions = {
      ...checked,
      clientAddresses: encodeAddresses(checked.clientAddresses),
      trunkAddresses: encodeAddresses(checked.trunkAddresses),
      relayedIps: encodeRelayedAddresses(checked.relayedAddresses),
      steering: checked.steering === 'auto',
      counters: this.#counters.counters,
      traffic: this.#counters.traffic,
      legFlows: legs.flows,
      legSessions: legs.sessions,
      scratch: this.#scratch.bytes,
      notify: () => this.#drain.onNotify(),
    };
    try {
      this.#native = new binding.DataPlane(nativeOptions);
    } catch (error) {
      throw openFailure(error);
    }
    this.#counters.offset = this.#native.counterOffset();
    this.workers = checked.workers;
    this.#endpoints = new Endpoints((each) => this.#native.closeEndpoint(each));
    this.#drain = new Drain({
      native: this.#native,
      onBatch: checked.onBatch,
      takeReports: (reports) => this.#endpoints.take(reports),
    });
    const calls = {
      native: this.#native,
      scratch: this.#scratch,
      check: this.#check,
      backlog: this.#backlog,
      legs,
      counter: (worker: number, number: number, field: number) =>
        this.#native.flowCounter(worker, number, field),
      statusOfPut: (status: number, worker: number) =>
        this.#endpoints.statusOfPut(this.#backlog.statusOfPut(status, worker), worker),
      workers: this.workers,
    };
    this.#flows = new ClientFlows(calls);
    this.#allocations = new AllocationFlows(calls);
    this.#sessions = new SessionEntries(calls);
    this.#relays = new RemoteRelayEntries(calls, this.#counters);
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
    const wouldSteer = checked.steering === 'auto' && checked.relayedAddresses.length > 0;
    this.#noSteering = wouldSteer && checked.xdpInterfaces.length > 0 ? 'XDP is asked for' : '';
    this.#relayedIps = checked.relayedAddresses.map(({ address }) => address);
    this.trunkAddresses = bound(checked.trunkAddresses, SIDE_NUMBERS.trunk);
    this.trunkLanePorts = this.trunkAddresses.map((_, index) => this.#native.lanePorts(index));
  }

  get steering(): SteeringStatus {
    if (this.#native.steers()) return { mode: 'on' };
    const reason = this.#native.steeringReason() || this.#noSteering;
    return { mode: 'off', ...(reason !== '' && { reason }) };
  }

  get xdp(): XdpStatus {
    const findings = this.#native.xdpFindings();
    const those = (leavesOut: boolean) =>
      findings
        .filter((finding) => finding.leavesOut === leavesOut)
        .map((finding) =>
          xdpFinding(finding, this.clientAddresses, this.trunkAddresses, this.#relayedIps),
        );
    return {
      ...this.#xdp,
      attached: this.#native.xdpAttached(),
      leftOut: those(true),
      passedBy: those(false),
      farEnds: this.#native.xdpFarEnds(),
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

  putTrunkRoute(flow: PeerFlow, action: TrunkRoute, lifetimeSeconds: number): void {
    this.#allocations.putTrunkRoute(flow, action, lifetimeSeconds);
  }

  removeTrunkRoute(flow: PeerFlow): void {
    this.#allocations.removeTrunkRoute(flow);
  }

  putMovedClient(client: MovedClient, action: MovedClientAction): void {
    this.#allocations.putMovedClient(client, action);
  }

  removeMovedClient(client: MovedClient): void {
    this.#allocations.removeMovedClient(client);
  }

  setBandwidth(bucket: number, bytesPerSecond: number): void {
    this.#allocations.setBandwidth(bucket, bytesPerSecond);
  }

  putSession(sessionIndex: number, action: SessionAction, lifetimeSeconds?: number): void {
    this.#sessions.put(sessionIndex, action, lifetimeSeconds);
  }

  refreshSession(sessionIndex: number, lifetimeSeconds: number): void {
    this.#sessions.refresh(sessionIndex, lifetimeSeconds);
  }

  removeSession(sessionIndex: number): void {
    this.#sessions.remove(sessionIndex);
  }

  putRemoteRelay(relayIndex: number, entry: RemoteRelayEntry): void {
    this.#relays.put(relayIndex, entry);
  }

  removeRemoteRelay(relayIndex: number): void {
    this.#relays.remove(relayIndex);
  }

  setRelayHosts(hosts: readonly TransportAddress[]): void {
    this.#relays.setHosts(hosts);
  }

  probe(relayIndex: number, number: number, path?: ProbePath): void {
    this.#relays.probe(relayIndex, number, path);
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
    return this.#relays.traffic(relayIndex);
  }

  flowTraffic(flow: ClientFlow): LegTraffic | undefined {
    return this.#flows.traffic(flow);
  }

  sessionTraffic(sessionIndex: number): LegTraffic {
    return this.#sessions.traffic(sessionIndex);
  }

  flowMeter(flow: ClientFlow): number | undefined {
    return this.#flows.meter(flow);
  }

  flowPackets(meter: number): number {
    return this.#flows.packets(meter);
  }

  sessionPackets(sessionIndex: number): number {
    return this.#sessions.packets(sessionIndex);
  }

  close(): Promise<void> {
    if (this.#closed === undefined) {
      this.#drain.stop();
      this.#backlog.clear();
      this.#closed = this.#native.close();
      this.#endpoints.abandon(this.#closed);
    }
    return this.#closed;
  }
}
