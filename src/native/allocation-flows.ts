import { type FlowCalls, type FlowKey, meterOf, trafficOf } from './client-flows.js';
import { entryName } from './command-backlog.js';
import { checkStatus } from './failures.js';
import { FlowChannel } from './interface.js';
import type { Allocation, FiveTuple, LegTraffic, PeerFlow, PeerFlowAction } from './types.js';

const ALL_PORTS = { min: 0, max: 0xffff };

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
    check.lifetimeSeconds(lifetimeSeconds);
    scratch.tuple(tuple);
    backlog.checkOrder('putAllocation', () => entryName.flow(channel, scratch.tupleKey));
    scratch.secondTuple({ handle: allocation.relayed, remote: NO_ADDRESS });
    const status = statusOfPut(native.putAllocation(worker, channel, lifetimeSeconds), worker);
    checkStatus('putAllocation', status);
  }

  remove(allocation: Allocation): void {
    this.#remove('removeAllocation', this.#sendKey(allocation));
  }

  traffic(allocation: Allocation): LegTraffic | undefined {
    return this.#traffic(this.#sendKey(allocation));
  }

  putPeer(flow: PeerFlow, action: PeerFlowAction, lifetimeSeconds: number): void {
    const { tuple, channel, ports: { min, max } = ALL_PORTS } = action;
    const { native, check, scratch, backlog, statusOfPut } = this.#calls;
    const key = this.#peerKey(flow);
    if (channel !== undefined) check.channel(channel);
    check.ports(min, max);
    check.lifetimeSeconds(lifetimeSeconds);
    scratch.tuple(key.tuple);
    backlog.checkOrder('putPeerFlow', () => entryName.flow(FlowChannel.None, scratch.tupleKey));
    scratch.secondTuple(tuple);
    const to = channel ?? FlowChannel.None;
    const status = native.putPeerFlow(key.worker, to, min, max, lifetimeSeconds);
    checkStatus('putPeerFlow', statusOfPut(status, key.worker));
  }

  removePeer(flow: PeerFlow): void {
    this.#remove('removePeerFlow', this.#peerKey(flow));
  }

  peerTraffic(flow: PeerFlow): LegTraffic | undefined {
    return this.#traffic(this.#peerKey(flow));
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

  #traffic(key: FlowKey): LegTraffic | undefined {
    const meter = meterOf(this.#calls, key);
    return meter === undefined ? undefined : trafficOf(this.#calls, meter);
  }

  #sendKey({ worker, tuple, relayed, family }: Allocation): FlowKey {
    const { check } = this.#calls;
    check.family(family);
    check.workerOfTuple(worker, tuple);
    check.workerOfEndpoint(worker, relayed);
    const channel = family === 4 ? FlowChannel.SendToIpv4 : FlowChannel.SendToIpv6;
    return { worker, tuple, channel };
  }

  #peerKey({ relayed, peer }: PeerFlow): FlowKey {
    const tuple: FiveTuple = { handle: relayed, remote: peer };
    const worker = this.#calls.check.ownerOf(relayed);
    return { worker, tuple, channel: FlowChannel.None };
  }
}
