import { COUNTERS, type CounterName, type Counters } from './counters.js';
import { TRUNK_TRAFFIC } from './interface.js';
import type { RemoteRelayTraffic } from './types.js';

/** The first row starts on a cache line, up to seven cells after the start of the memory. */
const ALIGNMENT_CELLS = 7;
/** Cells of one relay: records sent, received and lost. */
const TRAFFIC_CELLS = TRUNK_TRAFFIC.bytes / 8;
const NAMES = Object.keys(COUNTERS) as readonly CounterName[];
/** Cells of a row: whole cache lines. */
const ROW_CELLS = Math.ceil(NAMES.length / 8) * 8;

/** Sizes that determine the shared memory. */
export interface SharedCountersOptions {
  readonly workers: number;
  readonly remoteRelaysMax: number;
}

/**
 * Counters in memory that workers write and JavaScript reads: a row for each worker, one for the
 * controlling thread and one for the fast path; and the traffic with each relay, counted by each
 * worker and the fast path.
 */
export class SharedCounters {
  readonly counters: BigUint64Array;
  readonly traffic: BigUint64Array;
  /** Cells before the first row, as the addon reports it. */
  offset = 0;
  readonly #options: SharedCountersOptions;
  /** Counts of an index at the time its present relay was added. */
  readonly #baselines = new Map<number, readonly number[]>();

  constructor(options: SharedCountersOptions) {
    const { workers, remoteRelaysMax } = options;
    this.#options = options;
    const cells = (count: number) => new BigUint64Array(new SharedArrayBuffer(count * 8));
    this.counters = cells((workers + 2) * ROW_CELLS + ALIGNMENT_CELLS);
    this.traffic = cells((workers + 1) * remoteRelaysMax * TRAFFIC_CELLS);
  }

  /** Returns the totals over all rows, by counter name. */
  totals(): Counters {
    const totals: Record<string, bigint> = {};
    for (const [column, name] of NAMES.entries()) {
      let total = 0n;
      for (let row = 0; row < this.#options.workers + 2; row++) {
        total += Atomics.load(this.counters, this.offset + row * ROW_CELLS + column);
      }
      totals[name] = total;
    }
    return totals as Counters;
  }

  /** Starts the traffic counts of an index's new relay at 0. */
  startTraffic(relayIndex: number): void {
    this.#baselines.set(relayIndex, this.#sums(relayIndex));
  }

  /** Returns the traffic with the present relay of an index. */
  trafficOf(relayIndex: number): RemoteRelayTraffic {
    const baseline = this.#baselines.get(relayIndex);
    // A late record reduces the loss count, so a sum may be slightly below its baseline.
    const [recordsSent = 0, recordsReceived = 0, recordsLost = 0] = this.#sums(relayIndex).map(
      (sum, column) => Math.max(0, sum - (baseline?.[column] ?? 0)),
    );
    return { recordsSent, recordsReceived, recordsLost };
  }

  #sums(relayIndex: number): number[] {
    const { workers, remoteRelaysMax } = this.#options;
    const sums = new Array<number>(TRAFFIC_CELLS).fill(0);
    for (let worker = 0; worker <= workers; worker++) {
      const first = (worker * remoteRelaysMax + relayIndex) * TRAFFIC_CELLS;
      for (let column = 0; column < TRAFFIC_CELLS; column++) {
        sums[column] = (sums[column] ?? 0) + Number(Atomics.load(this.traffic, first + column));
      }
    }
    return sums;
  }
}
