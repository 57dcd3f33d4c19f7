import type { TransportAddress } from '../address.js';
import type { FlowCalls } from './client-flows.js';
import { encodeAddresses } from './codec.js';
import { entryName } from './command-backlog.js';
import { checkStatus } from './failures.js';
import { Status } from './interface.js';
import type { SharedCounters } from './shared-counters.js';
import type { ProbePath, RemoteRelayEntry, RemoteRelayTraffic } from './types.js';

/** The calls of a data plane about other relays; `DataPlane` describes them. */
export class RemoteRelayEntries {
  readonly #calls: FlowCalls;
  readonly #counters: SharedCounters;
  readonly #indexes = new Set<number>();

  /** @param counters - those of the plane, which have the traffic of each relay */
  constructor(calls: FlowCalls, counters: SharedCounters) {
    this.#calls = calls;
    this.#counters = counters;
  }

  put(relayIndex: number, entry: RemoteRelayEntry): void {
    const { native, scratch, check, backlog } = this.#calls;
    check.relayIndex(relayIndex);
    check.remoteRelay(entry);
    backlog.give({
      call: 'putRemoteRelay',
      encode: () => scratch.remoteRelay(entry),
      entry: () => entryName.relay(relayIndex),
      queue: () => native.putRemoteRelay(relayIndex),
    });
    if (this.#indexes.has(relayIndex)) return;
    this.#indexes.add(relayIndex);
    this.#counters.startTraffic(relayIndex);
  }

  remove(relayIndex: number): void {
    const { native, check, backlog } = this.#calls;
    check.relayIndex(relayIndex);
    backlog.give({
      call: 'removeRemoteRelay',
      entry: () => entryName.relay(relayIndex),
      queue: () => native.removeRemoteRelay(relayIndex),
    });
    this.#indexes.delete(relayIndex);
  }

  setHosts(hosts: readonly TransportAddress[]): void {
    checkStatus('setRelayHosts', this.#calls.native.setRelayHosts(encodeAddresses(hosts)));
  }

  probe(relayIndex: number, number: number, path?: ProbePath): void {
    const { check, backlog } = this.#calls;
    check.relayIndex(relayIndex);
    check.u32('number', number);
    // A probe that cannot be queued counts as lost.
    if (backlog.has(entryName.relay(relayIndex))) return;
    const status = this.#probe(relayIndex, number, path);
    if (status !== Status.QueueFull) checkStatus('probe', status);
  }

  #probe(relayIndex: number, number: number, path: ProbePath | undefined): number {
    const { native, scratch, check } = this.#calls;
    if (path === undefined) return native.probe(relayIndex, number);
    const { tuple, bytes, worker } = path;
    check.probeBytes(bytes);
    if (worker !== undefined) check.worker(worker);
    scratch.tuple(tuple);
    return native.probe(relayIndex, number, bytes ?? 0, worker);
  }

  traffic(relayIndex: number): RemoteRelayTraffic {
    this.#calls.check.relayIndex(relayIndex);
    return this.#counters.trafficOf(relayIndex);
  }
}
