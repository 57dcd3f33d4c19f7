import { type FlowCalls, type FlowKey, meterOf, trafficOf } from './client-flows.js';
import { entryName } from './command-backlog.js';
import { checkStatus } from './failures.js';
import { FlowChannel, LegField } from './interface.js';
import type {
  Allocation,
  AllocationFlowTraffic,
  ClientFlow,
  FiveTuple,
  MovedClient,
  MovedClientAction,
  PeerFlow,
  PeerFlowAction,
  TrunkRoute,
} from './types.js';

const ALL_PORTS = { min: 0, max: 0xffff };

/** The bucket of entries without a bound. */
const NO_BUCKET = 0;

/** The remote address of a 5-tuple of which only the handle is read. */
const NO_ADDRESS = { address: '0.0.0.0', port: 0 };

/** The calls of a data plane about allocations (RFC 8656); `DataPlane` describes them. */
export class AllocationFlows {
  readonly #calls: FlowCalls;

  constructor(calls: FlowCalls) {
    this.#calls = calls;
  }

  put(allocation: Allocation, lifetimeSeconds: number): void {
    const { native, check, scratch, backlog, statusOfPut } = this.#calls;
    const { worker, tuple, channel } = this.#sendKey(allocation);
    const { bucket = NO_BUCKET } = allocation;
    check.lifetimeSeconds(lifetimeSeconds);
    check.bucket(bucket, 0);
    scratch.tuple(tuple);
    backlog.checkOrder('putAllocation', () => entryName.flow(channel, scratch.tupleKey));
    scratch.secondTuple({ handle: allocation.relayed, remote: NO_ADDRESS });
    const status = native.putAllocation(worker, channel, bucket, lifetimeSeconds);
    checkStatus('putAllocation', statusOfPut(status, worker));
  }

  remove(allocation: Allocation): void {
    this.#remove('removeAllocation', this.#sendKey(allocation));
  }

  traffic(allocation: Allocation): AllocationFlowTraffic | undefined {
    return this.#traffic(this.#sendKey(allocation));
  }

  channelTraffic({ worker, tuple, channel }: ClientFlow): AllocationFlowTraffic | undefined {
    const { check } = this.#calls;
    check.channel(channel);
    if (worker === 'any') return undefined;
    check.worker(worker);
    return this.#traffic({ worker, tuple, channel });
  }

  putPeer(flow: PeerFlow, action: PeerFlowAction, lifetimeSeconds: number): void {
    const { tuple, channel, ports: { min, max } = ALL_PORTS, bucket = NO_BUCKET } = action;
    const { native, check, scratch, backlog, statusOfPut } = this.#calls;
    const key = this.#peerKey(flow);
    if (channel !== undefined) check.channel(channel);
    check.ports(min, max);
    check.bucket(bucket, 0);
    check.lifetimeSeconds(lifetimeSeconds);
    scratch.tuple(key.tuple);
    backlog.checkOrder('putPeerFlow', () => entryName.flow(FlowChannel.None, scratch.tupleKey));
    scratch.secondTuple(tuple);
    const to = channel ?? FlowChannel.None;
    const status = native.putPeerFlow(key.worker, to, min, max, bucket, lifetimeSeconds);
    checkStatus('putPeerFlow', statusOfPut(status, key.worker));
  }

  removePeer(flow: PeerFlow): void {
    this.#remove('removePeerFlow', this.#peerKey(flow));
  }

  peerTraffic(flow: PeerFlow): AllocationFlowTraffic | undefined {
    return this.#traffic(this.#peerKey(flow));
  }

  putTrunkRoute(
    { relayed, peer }: PeerFlow,
    { relayIndex, sessionIndex }: TrunkRoute,
    lifetimeSeconds: number,
  ): void {
    const { native, check, scratch, backlog, statusOfPut } = this.#calls;
    const { worker, tuple, channel } = this.#trunkRouteKey({ relayed, peer });
    check.relayIndex(relayIndex);
    check.u32('sessionIndex', sessionIndex);
    check.lifetimeSeconds(lifetimeSeconds);
    scratch.tuple(tuple);
    backlog.checkOrder('putTrunkRoute', () => entryName.flow(channel, scratch.tupleKey));
    backlog.checkOrder('putTrunkRoute', () => entryName.relay(relayIndex));
    const status = native.putTrunkRoute(worker, relayIndex, sessionIndex, lifetimeSeconds);
    checkStatus('putTrunkRoute', statusOfPut(status, worker));
  }

  removeTrunkRoute(flow: PeerFlow): void {
    this.#remove('removeTrunkRoute', this.#trunkRouteKey(flow));
  }

  putMovedClient({ worker, tuple }: MovedClient, action: MovedClientAction): void {
    const { native, check, scratch, backlog, statusOfPut } = this.#calls;
    check.workerOfTuple(worker, tuple);
    check.worker(action.worker);
    check.u32('number', action.number);
    scratch.tuple(tuple);
    backlog.checkOrder('putMovedClient', () => entryName.flow(FlowChannel.Moved, scratch.tupleKey));
    scratch.secondTuple(action.tuple);
    const status = native.putMovedClient(worker, action.worker, action.number);
    checkStatus('putMovedClient', statusOfPut(status, worker));
  }

  removeMovedClient({ worker, tuple }: MovedClient): void {
    this.#calls.check.workerOfTuple(worker, tuple);
    this.#remove('removeMovedClient', { worker, tuple, channel: FlowChannel.Moved });
  }

  setBandwidth(bucket: number, bytesPerSecond: number): void {
    const { native, check } = this.#calls;
    check.bucket(bucket, 1);
    check.bytesPerSecond(bytesPerSecond);
    checkStatus('setBandwidth', native.setBandwidth(bucket, bytesPerSecond));
  }

  #remove(call: string, { worker, tuple, channel }: FlowKey): void {
    const { native, scratch, backlog } = this.#calls;
    backlog.give({
      call,
      encode: () => scratch.tuple(tuple),
      entry: () => entryName.flow(channel, scratch.tupleKey),
      worker,
      queue: () => native.removeClientFlow(worker, channel),
    });
  }

  #traffic(key: FlowKey): AllocationFlowTraffic | undefined {
    const meter = meterOf(this.#calls, key);
    if (meter === undefined) return undefined;
    const { legs, counter } = this.#calls;
    const overBandwidth = legs.flowCounter(meter, counter, LegField.OverBandwidth);
    return { ...trafficOf(this.#calls, meter), overBandwidth };
  }

  #sendKey({ worker, tuple, relayed, family }: Allocation): FlowKey {
    const { check } = this.#calls;
    check.family(family);
    check.workerOfTuple(worker, tuple);
    check.workerOfEndpoint(worker, relayed);
    const channel = family === 4 ? FlowChannel.SendToIpv4 : FlowChannel.SendToIpv6;
    return { worker, tuple, channel };
  }

  #trunkRouteKey(flow: PeerFlow): FlowKey {
    return { ...this.#peerKey(flow), channel: FlowChannel.ToTrunk };
  }

  #peerKey({ relayed, peer }: PeerFlow): FlowKey {
    const tuple: FiveTuple = { handle: relayed, remote: peer };
    const worker = this.#calls.check.ownerOf(relayed);
    return { worker, tuple, channel: FlowChannel.None };
  }
}
