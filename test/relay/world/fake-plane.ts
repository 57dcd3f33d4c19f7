import { formatAddress, type TransportAddress } from '../../../src/address.js';
import { TurnpikeError } from '../../../src/errors.js';
import { COUNTERS, type Counters } from '../../../src/native/counters.js';
import type { Endpoint, EndpointSpec } from '../../../src/native/endpoints.js';
import type {
  ClientAction,
  ClientFlow,
  DataPlane,
  FiveTuple,
  LegTraffic,
  OutgoingDatagram,
  PeerFlow,
  ProbePath,
  RemoteRelayEntry,
  SessionAction,
  TrunkRoute,
  XdpStatus,
} from '../../../src/native/types.js';
import { tupleKey } from '../../../src/stun-server/origin.js';

/** A data plane that records what is put into it, for tests of the rules above it. */
export class FakePlane implements DataPlane {
  readonly clientAddresses: readonly TransportAddress[];
  readonly trunkAddresses: readonly TransportAddress[];
  trunkLanePorts: readonly (readonly number[])[] = [[]];
  readonly workers = 2;
  readonly steering = { mode: 'off' } as const;
  xdp: XdpStatus = {
    mode: 'off',
    interfaces: [],
    attached: [],
    leftOut: [],
    passedBy: [],
    farEnds: [],
  };
  readonly clientFlows = new Map<string, ClientAction>();
  readonly sessions = new Map<number, SessionAction>();
  /** Lifetimes in seconds as last given, by flow (`flowKey`) and by session index. */
  readonly flowLifetimes = new Map<string, number | undefined>();
  readonly sessionLifetimes = new Map<number, number | undefined>();
  /** Ways over the trunk, by `peerKey`. */
  readonly trunkPeers = new Map<string, TrunkRoute & { readonly lifetimeSeconds: number }>();
  readonly remoteRelays = new Map<number, RemoteRelayEntry>();
  readonly remoteRelaysRemoved: number[] = [];
  readonly probes: { relayIndex: number; number: number; path?: ProbePath | undefined }[] = [];
  /** Counts of records sent and received, by relay index; set by tests. */
  readonly recordsSent = new Map<number, number>();
  readonly recordsReceived = new Map<number, number>();
  readonly knownClients = new Set<string>();
  /** Silence of each worker, ms; set by tests. */
  silentMs: number[] = [0, 0];
  /** Counts of packets forwarded, by flow (`flowKey`) and by session index; set by tests. */
  readonly packetsFrom = new Map<string, number>();
  readonly packetsTo = new Map<number, number>();
  readonly #meters: string[] = [];
  /** Called for each probe. */
  onProbe: (probe: { relayIndex: number; number: number; path?: ProbePath | undefined }) => void =
    () => {};
  /** Makes every put and refresh throw, as if the tables were full. */
  full = false;
  /** Returns whether the entry of a relay is refused. */
  refuses: (entry: RemoteRelayEntry) => boolean = () => false;
  readonly #onSend: (datagram: OutgoingDatagram) => void;

  constructor(
    addresses: { client: readonly TransportAddress[]; trunk: readonly TransportAddress[] },
    onSend: (datagram: OutgoingDatagram) => void,
  ) {
    this.clientAddresses = addresses.client;
    this.trunkAddresses = addresses.trunk;
    this.#onSend = onSend;
  }

  putClientFlow(flow: ClientFlow, action: ClientAction, lifetimeSeconds?: number): void {
    this.#checkRoom();
    this.clientFlows.set(flowKey(flow), action);
    this.flowLifetimes.set(flowKey(flow), lifetimeSeconds);
  }

  refreshClientFlow(flow: ClientFlow, lifetimeSeconds: number): void {
    this.#checkRoom();
    if (this.clientFlows.has(flowKey(flow))) this.flowLifetimes.set(flowKey(flow), lifetimeSeconds);
  }

  removeClientFlow(flow: ClientFlow): void {
    this.clientFlows.delete(flowKey(flow));
  }

  // An overlay has no allocations.
  putAllocation(): void {}
  removeAllocation(): void {}
  allocationTraffic(): undefined {}
  putPeerFlow(): void {}
  removePeerFlow(): void {}
  peerFlowTraffic(): undefined {}
  channelTraffic(): undefined {}
  setBandwidth(): void {}
  putMovedClient(): void {}
  removeMovedClient(): void {}

  putTrunkRoute(flow: PeerFlow, action: TrunkRoute, lifetimeSeconds: number): void {
    this.#checkRoom();
    this.trunkPeers.set(peerKey(flow), { ...action, lifetimeSeconds });
  }

  removeTrunkRoute(flow: PeerFlow): void {
    this.trunkPeers.delete(peerKey(flow));
  }

  putSession(sessionIndex: number, action: SessionAction, lifetimeSeconds?: number): void {
    this.#checkRoom();
    this.sessions.set(sessionIndex, action);
    this.sessionLifetimes.set(sessionIndex, lifetimeSeconds);
  }

  refreshSession(sessionIndex: number, lifetimeSeconds: number): void {
    this.#checkRoom();
    if (this.sessions.has(sessionIndex)) this.sessionLifetimes.set(sessionIndex, lifetimeSeconds);
  }

  removeSession(sessionIndex: number): void {
    this.sessions.delete(sessionIndex);
  }

  putRemoteRelay(relayIndex: number, entry: RemoteRelayEntry): void {
    if (this.refuses(entry)) throw new TurnpikeError('ERR_TURNPIKE_ADDRESS', 'refused');
    this.remoteRelays.set(relayIndex, entry);
  }

  removeRemoteRelay(relayIndex: number): void {
    if (this.remoteRelays.delete(relayIndex)) this.remoteRelaysRemoved.push(relayIndex);
  }

  setRelayHosts(): void {}

  putKnownClient(worker: number, tuple: FiveTuple): void {
    this.knownClients.add(`${worker} ${tupleKey(tuple)}`);
  }

  removeKnownClient(worker: number, tuple: FiveTuple): void {
    this.knownClients.delete(`${worker} ${tupleKey(tuple)}`);
  }

  readonly endpoints = new Map();

  /** Opens endpoints; set by tests of TURN. */
  onOpen: (spec: EndpointSpec) => Promise<Endpoint> = async () => {
    throw new TurnpikeError('ERR_TURNPIKE_LIMIT', 'this plane has no endpoints');
  };

  openEndpoint(spec: EndpointSpec): Promise<Endpoint> {
    return this.onOpen(spec);
  }

  async closeEndpoint(): Promise<void> {}

  workersSilentMs(): readonly number[] {
    return this.silentMs;
  }

  probe(relayIndex: number, number: number, path?: ProbePath): void {
    if (!this.remoteRelays.has(relayIndex)) {
      throw new TurnpikeError('ERR_TURNPIKE_UNKNOWN_RELAY', `no relay ${relayIndex}`);
    }
    const probe = { relayIndex, number, path };
    this.probes.push(probe);
    this.onProbe(probe);
  }

  send(datagrams: readonly OutgoingDatagram[]): void {
    for (const datagram of datagrams) this.#onSend(datagram);
  }

  counters(): Counters {
    return Object.fromEntries(Object.keys(COUNTERS).map((name) => [name, 0n])) as Counters;
  }

  remoteRelayTraffic(relayIndex: number) {
    return {
      recordsSent: this.recordsSent.get(relayIndex) ?? 0,
      recordsReceived: this.recordsReceived.get(relayIndex) ?? 0,
      recordsLost: 0,
    };
  }

  flowTraffic(flow: ClientFlow): LegTraffic | undefined {
    const packets = this.flowMeter(flow);
    return packets === undefined ? undefined : trafficOf(this.flowPackets(packets));
  }

  sessionTraffic(sessionIndex: number): LegTraffic {
    return trafficOf(this.sessionPackets(sessionIndex));
  }

  /** Returns the index of the flow among those that were metered. */
  flowMeter(flow: ClientFlow): number | undefined {
    const key = flowKey(flow);
    if (!this.clientFlows.has(key)) return undefined;
    if (!this.#meters.includes(key)) this.#meters.push(key);
    return this.#meters.indexOf(key);
  }

  flowPackets(meter: number): number {
    return this.packetsFrom.get(this.#meters[meter] ?? '') ?? 0;
  }

  sessionPackets(sessionIndex: number): number {
    return this.packetsTo.get(sessionIndex) ?? 0;
  }

  async close(): Promise<void> {}

  #checkRoom(): void {
    if (this.full) throw new TurnpikeError('ERR_TURNPIKE_LIMIT', 'the table is full');
  }
}

function trafficOf(packets: number): LegTraffic {
  return { packets, payloadBytes: 100 * packets, idleSeconds: packets === 0 ? undefined : 0 };
}

/** Returns a key of the maps for a flow. */
export function flowKey({ worker, tuple, channel }: ClientFlow): string {
  return `${worker} ${tupleKey(tuple)} ${channel}`;
}

/** Returns a key of the map for a peer of a relayed endpoint. */
export function peerKey({ relayed, peer }: PeerFlow): string {
  return `${relayed} ${formatAddress(peer)}`;
}
