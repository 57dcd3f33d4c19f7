import type { ArgumentChecks } from './arguments.js';
import type { NativePlane } from './binding.js';
import type { Scratch } from './codec.js';
import { type CommandBacklog, entryName } from './command-backlog.js';
import { checkStatus } from './failures.js';
import { type LegCounters, monotonicSeconds, trafficTogether } from './leg-counters.js';
import type { ClientAction, ClientFlow, FiveTuple, LegTraffic } from './types.js';

/** The lifetime, for the addon, of an entry that never expires. */
export const LIFETIME_FOR_EVER = 0;

/** What the calls about flows share with the data plane that they are of. */
export interface FlowCalls {
  readonly native: NativePlane;
  readonly scratch: Scratch;
  readonly check: ArgumentChecks;
  readonly backlog: CommandBacklog;
  readonly legs: LegCounters;
  /** Reads a counter of a worker's entry, by the entry's number and a `LegField`. */
  readonly counter: (worker: number, number: number, field: number) => number;
  /** Returns the status of a put: QueueFull in place of Limit while removals wait. */
  readonly statusOfPut: (status: number, worker: number) => number;
  /** Number of workers. */
  readonly workers: number;
}

/** A flow's key in the addon: a channel number, or a `FlowChannel`. */
export interface FlowKey {
  readonly worker: number;
  readonly tuple: FiveTuple;
  readonly channel: number;
}

/** Returns the meter of a flow's entry; undefined without an entry. */
export function meterOf({ native, scratch, legs }: FlowCalls, key: FlowKey): number | undefined {
  scratch.tuple(key.tuple);
  const number = native.flowNumber(key.worker, key.channel);
  return number < 0 ? undefined : legs.meterOf(key.worker, number);
}

/** Returns the traffic of the entry of a meter. */
export function trafficOf({ legs, counter }: FlowCalls, meter: number): LegTraffic {
  return legs.flowTraffic(meter, counter, monotonicSeconds());
}

/** The calls of a data plane about flows of clients; `DataPlane` describes them. */
export class ClientFlows {
  readonly #calls: FlowCalls;

  constructor(calls: FlowCalls) {
    this.#calls = calls;
  }

  put(flow: ClientFlow, action: ClientAction, lifetimeSeconds?: number): void {
    const { check, scratch, backlog, statusOfPut } = this.#calls;
    const { tuple, channel } = flow;
    const worker = check.flowWorker(flow);
    check.channel(channel);
    if (lifetimeSeconds !== undefined) check.lifetimeSeconds(lifetimeSeconds);
    const lifetime = lifetimeSeconds ?? LIFETIME_FOR_EVER;
    scratch.tuple(tuple);
    backlog.checkOrder('putClientFlow', () => entryName.flow(channel, scratch.tupleKey));
    const status = statusOfPut(this.#put(worker, channel, action, lifetime), worker);
    checkStatus('putClientFlow', status);
  }

  #put(worker: number, channel: number, action: ClientAction, lifetime: number): number {
    const { native, check, scratch, backlog } = this.#calls;
    switch (action.type) {
      case 'trunk': {
        const { relayIndex, sessionIndex } = action;
        check.relayIndex(relayIndex);
        check.sessionIndex(sessionIndex);
        backlog.checkOrder('putClientFlow', () => entryName.relay(relayIndex));
        return native.putClientFlowToTrunk(worker, channel, relayIndex, sessionIndex, lifetime);
      }
      case 'peer':
        check.bucket(action.bucket ?? 0, 0);
        scratch.secondTuple({ handle: action.relayed, remote: action.peer });
        return native.putClientFlowToPeer(worker, channel, action.bucket ?? 0, lifetime);
      default:
        check.channel(action.channel);
        scratch.secondTuple(action.tuple);
        return native.putClientFlowToClient(worker, channel, action.channel, lifetime);
    }
  }

  refresh(flow: ClientFlow, lifetimeSeconds: number): void {
    const { native, check, scratch, backlog } = this.#calls;
    const { tuple, channel } = flow;
    const worker = check.flowWorker(flow);
    check.channel(channel);
    check.lifetimeSeconds(lifetimeSeconds);
    scratch.tuple(tuple);
    backlog.checkOrder('refreshClientFlow', () => entryName.flow(channel, scratch.tupleKey));
    checkStatus('refreshClientFlow', native.refreshClientFlow(worker, channel, lifetimeSeconds));
  }

  remove(flow: ClientFlow): void {
    const { native, check, scratch, backlog } = this.#calls;
    const { tuple, channel } = flow;
    const worker = check.flowWorker(flow);
    check.channel(channel);
    backlog.give({
      call: 'removeClientFlow',
      encode: () => scratch.tuple(tuple),
      entry: () => entryName.flow(channel, scratch.tupleKey),
      worker,
      queue: () => native.removeClientFlow(worker, channel),
    });
  }

  traffic(flow: ClientFlow): LegTraffic | undefined {
    if (flow.worker === 'any') {
      const each = Array.from({ length: this.#calls.workers }, (_, worker) => ({
        ...flow,
        worker,
      }));
      return trafficTogether(each.flatMap((one) => this.traffic(one) ?? []));
    }
    const meter = this.meter(flow);
    return meter === undefined ? undefined : trafficOf(this.#calls, meter);
  }

  meter({ worker, tuple, channel }: ClientFlow): number | undefined {
    if (worker === 'any') return undefined;
    this.#calls.check.worker(worker);
    this.#calls.check.channel(channel);
    return meterOf(this.#calls, { worker, tuple, channel });
  }

  packets(meter: number): number {
    return this.#calls.legs.flowPackets(meter, this.#calls.counter);
  }
}
