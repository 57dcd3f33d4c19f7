import { formatAddress, type TransportAddress } from '../../../src/address.js';
import { TurnpikeError, type TurnpikeErrorCode } from '../../../src/errors.js';
import type { Endpoint, EndpointSpec } from '../../../src/native/endpoints.js';
import type { TransportHandle } from '../../../src/native/transport-handle.js';
import type {
  Allocation,
  AllocationFlowTraffic,
  ClientAction,
  ClientFlow,
  MovedClient,
  MovedClientAction,
  OutgoingDatagram,
  PeerFlow,
  PeerFlowAction,
  SessionAction,
  TrunkRoute,
} from '../../../src/native/types.js';
import { tupleKey } from '../../../src/stun-server/origin.js';
import type { TurnPlane } from '../../../src/turn/index.js';

/** An entry and its lifetime as last given, s. */
interface Put<Action> {
  readonly action: Action;
  readonly seconds: number | undefined;
}

/** Which puts of a method are refused. */
interface Refusal {
  /** Puts that succeed before. */
  readonly after: number;
  /** Puts that are refused then; the rest succeed. */
  readonly times: number;
  readonly code: TurnpikeErrorCode;
}

type PutMethod = 'allocation' | 'moved' | 'client' | 'peer' | 'trunk' | 'session';

/** A data plane that records its entries. It opens and closes endpoints when it is told to. */
export class FakeTurnPlane implements TurnPlane {
  readonly endpoints = new Map<TransportHandle, Endpoint>();
  readonly allocations = new Map<string, Put<Allocation>>();
  readonly clientFlows = new Map<string, Put<ClientAction>>();
  readonly peerFlows = new Map<string, Put<PeerFlowAction>>();
  readonly trunkPeers = new Map<string, Put<TrunkRoute>>();
  /** By `movedKey`. */
  readonly moved = new Map<string, MovedClientAction>();
  readonly sessions = new Map<number, Put<SessionAction>>();
  /** Sockets of the server itself. */
  clientAddresses: readonly TransportAddress[] = [];
  trunkAddresses: readonly TransportAddress[] = [];
  trunkLanePorts: readonly (readonly number[])[] = [];
  /** Every endpoint that was asked for, in order. */
  readonly asked: EndpointSpec[] = [];
  /** Ports that other processes have bound, by `IP:PORT`. */
  readonly bound = new Set<string>();
  /** Traffic by the key of an entry: packets of 100 bytes. */
  readonly packets = new Map<string, number>();
  /** Datagrams dropped beyond the bandwidth, by the key of an entry. */
  readonly overBandwidth = new Map<string, number>();
  /** Bytes per second of each bucket that is bounded. */
  readonly bandwidths = new Map<number, number>();
  /** The error of each send from now on. */
  sendError: TurnpikeErrorCode | undefined;
  /** The error of each open from now on. */
  openError: TurnpikeError | undefined;
  /** The error of each put from now on, by method. */
  readonly putErrors = new Map<PutMethod, TurnpikeErrorCode>();
  readonly #refusals = new Map<PutMethod, Refusal>();
  /** Whether opens wait for `settle`. */
  holdsOpens = false;
  readonly #opens: (() => void)[] = [];
  readonly #onSend: (datagram: OutgoingDatagram) => void;
  #handles = 10_000;

  constructor(onSend: (datagram: OutgoingDatagram) => void) {
    this.#onSend = onSend;
  }

  send(datagrams: readonly OutgoingDatagram[]): void {
    if (this.sendError !== undefined)
      throw new TurnpikeError(this.sendError, 'the fake plane is shut');
    for (const datagram of datagrams) this.#onSend(datagram);
  }

  openEndpoint(spec: EndpointSpec): Promise<Endpoint> {
    this.asked.push(spec);
    return new Promise((resolve, reject) => {
      const open = () => {
        if (this.openError !== undefined) return reject(this.openError);
        if (this.#isBound(spec)) return reject(bindError('EADDRINUSE', spec));
        this.#handles += 1;
        const endpoint = { ...spec, handle: this.#handles as TransportHandle };
        this.endpoints.set(endpoint.handle, endpoint);
        resolve(endpoint);
      };
      this.#opens.push(open);
      if (!this.holdsOpens) queueMicrotask(() => this.settle());
    });
  }

  /** Opens the endpoints that were asked for. */
  settle(): void {
    for (const open of this.#opens.splice(0)) open();
  }

  async closeEndpoint(handle: TransportHandle): Promise<void> {
    this.endpoints.delete(handle);
    for (const key of this.peerFlows.keys()) {
      if (key.startsWith(`${handle} `)) this.peerFlows.delete(key);
    }
  }

  putAllocation(action: Allocation, seconds: number): void {
    this.#fail('allocation');
    this.allocations.set(`${action.relayed}`, { action, seconds });
  }

  removeAllocation(allocation: Allocation): void {
    if (this.#hasAllocation(allocation)) this.allocations.delete(`${allocation.relayed}`);
  }

  allocationTraffic(allocation: Allocation): AllocationFlowTraffic | undefined {
    return this.#hasAllocation(allocation) ? this.#traffic(`${allocation.relayed}`) : undefined;
  }

  #hasAllocation({ relayed, tuple }: Allocation): boolean {
    const known = this.allocations.get(`${relayed}`);
    return known !== undefined && tupleKey(known.action.tuple) === tupleKey(tuple);
  }

  putMovedClient(client: MovedClient, action: MovedClientAction): void {
    this.#fail('moved');
    this.moved.set(movedKey(client), action);
  }

  removeMovedClient(client: MovedClient): void {
    this.moved.delete(movedKey(client));
  }

  putClientFlow(flow: ClientFlow, action: ClientAction, seconds?: number): void {
    this.#fail('client');
    this.clientFlows.set(clientKey(flow), { action, seconds });
  }

  refreshClientFlow(flow: ClientFlow, seconds: number): void {
    this.#fail('client');
    const known = this.clientFlows.get(clientKey(flow));
    if (known) this.clientFlows.set(clientKey(flow), { ...known, seconds });
  }

  removeClientFlow(flow: ClientFlow): void {
    this.clientFlows.delete(clientKey(flow));
  }

  channelTraffic(flow: ClientFlow): AllocationFlowTraffic | undefined {
    const key = clientKey(flow);
    return this.clientFlows.has(key) ? this.#traffic(key) : undefined;
  }

  putPeerFlow(flow: PeerFlow, action: PeerFlowAction, seconds: number): void {
    this.#fail('peer');
    this.peerFlows.set(peerKey(flow), { action, seconds });
  }

  removePeerFlow(flow: PeerFlow): void {
    this.peerFlows.delete(peerKey(flow));
  }

  peerFlowTraffic(flow: PeerFlow): AllocationFlowTraffic | undefined {
    return this.peerFlows.has(peerKey(flow)) ? this.#traffic(peerKey(flow)) : undefined;
  }

  putTrunkRoute(flow: PeerFlow, action: TrunkRoute, seconds: number): void {
    this.#fail('trunk');
    this.trunkPeers.set(peerKey(flow), { action, seconds });
  }

  removeTrunkRoute(flow: PeerFlow): void {
    this.trunkPeers.delete(peerKey(flow));
  }

  putSession(index: number, action: SessionAction, seconds?: number): void {
    this.#fail('session');
    this.sessions.set(index, { action, seconds });
  }

  removeSession(index: number): void {
    this.sessions.delete(index);
  }

  setBandwidth(bucket: number, bytesPerSecond: number): void {
    if (bytesPerSecond === 0) this.bandwidths.delete(bucket);
    else this.bandwidths.set(bucket, bytesPerSecond);
  }

  #traffic(key: string): AllocationFlowTraffic {
    const packets = this.packets.get(key) ?? 0;
    const overBandwidth = this.overBandwidth.get(key) ?? 0;
    return { packets, payloadBytes: 100 * packets, idleSeconds: undefined, overBandwidth };
  }

  /** Refuses puts of a method as `Refusal` says. */
  refuse(method: PutMethod, refusal: Partial<Refusal> = {}): void {
    const code = 'ERR_TURNPIKE_QUEUE_FULL';
    this.#refusals.set(method, { after: 0, times: 1, code, ...refusal });
  }

  #fail(method: PutMethod): void {
    const code = this.putErrors.get(method) ?? this.#refusalOf(method);
    if (code !== undefined) throw new TurnpikeError(code, 'the fake plane refuses');
  }

  #refusalOf(method: PutMethod): TurnpikeErrorCode | undefined {
    const refusal = this.#refusals.get(method);
    if (refusal === undefined) return undefined;
    const { after, times, code } = refusal;
    if (after > 0) this.#refusals.set(method, { ...refusal, after: after - 1 });
    else if (times > 1) this.#refusals.set(method, { ...refusal, times: times - 1 });
    else this.#refusals.delete(method);
    return after > 0 ? undefined : code;
  }

  #isBound({ address }: EndpointSpec): boolean {
    const open = [...this.endpoints.values()].map((each) => formatAddress(each.address));
    return this.bound.has(formatAddress(address)) || open.includes(formatAddress(address));
  }
}

/** Returns the error of a socket that cannot be opened. */
export function bindError(errno: string, { address }: Pick<EndpointSpec, 'address'>) {
  const details = { errno, address: formatAddress(address) };
  return new TurnpikeError('ERR_TURNPIKE_BIND', 'the fake plane cannot bind', details);
}

/** Returns the key of `clientFlows` and `packets`. */
export function clientKey({ worker, tuple, channel }: ClientFlow): string {
  return `${worker} ${tupleKey(tuple)} ${channel}`;
}

/** Returns the key of `moved`. */
export function movedKey({ worker, tuple }: MovedClient): string {
  return `${worker} ${tupleKey(tuple)}`;
}

/** Returns the key of `peerFlows` and `packets`. */
export function peerKey({ relayed, peer }: PeerFlow): string {
  return `${relayed} ${formatAddress(peer)}`;
}
