import { endianness } from 'node:os';
import { DATA_PLANE_LIMITS, LEG_TRAFFIC, LegField } from './interface.js';
import type { LegTraffic } from './types.js';

const WORD_BYTES = 8;
/** 64-bit words of a cell. */
const CELL_WORDS = LEG_TRAFFIC.bytes / WORD_BYTES;
const PAYLOAD_BYTES_WORD = LEG_TRAFFIC.at.payloadBytes / WORD_BYTES;
const PACKETS_BITS = BigInt(DATA_PLANE_LIMITS.legPacketsBits);
const PACKETS_MASK = (1n << PACKETS_BITS) - 1n;
const SECONDS_MODULUS = 2 ** (64 - DATA_PLANE_LIMITS.legPacketsBits);

/** Index of the low half of a 64-bit word in a 32-bit view. */
const LOW_HALF = endianness() === 'LE' ? 0 : 1;

/** Reads a counter of a worker's flow entry, by the entry's number and a field. */
type FlowCounter = (worker: number, number: number, field: number) => number;

/** Sizes that determine the memory. */
export interface LegCountersOptions {
  readonly workers: number;
  readonly clientFlowsMax: number;
  readonly sessionsMax: number;
  /** Whether a fast path counts too. */
  readonly fastPath: boolean;
}

/**
 * Traffic of legs. A worker counts traffic from a peer in the flow's entry, which the addon reads.
 * Any worker may send traffic to a peer, so each worker has a cell for each session in shared
 * memory, which this class reads. The fast path has a further cell for each flow and each session.
 */
export class LegCounters {
  /** Cells of the fast path, by flow. */
  readonly flows: BigUint64Array;
  /** Cells of each worker and then of the fast path, by session. */
  readonly sessions: BigUint64Array;
  readonly #flowHalves: Uint32Array;
  readonly #sessionHalves: Uint32Array;
  /** Cells from a worker's session to the next worker's. */
  readonly #slots: number;
  readonly #clientFlowsMax: number;
  readonly #fastPath: boolean;

  constructor({ workers, clientFlowsMax, sessionsMax, fastPath }: LegCountersOptions) {
    const words = (cells: number) =>
      new BigUint64Array(new SharedArrayBuffer(Math.max(cells, 1) * CELL_WORDS * WORD_BYTES));
    this.#clientFlowsMax = clientFlowsMax;
    this.#slots = 2 ** Math.ceil(Math.log2(sessionsMax));
    this.#fastPath = fastPath;
    this.flows = words(fastPath ? workers * clientFlowsMax : 0);
    this.sessions = words((workers + (fastPath ? 1 : 0)) * this.#slots);
    this.#flowHalves = new Uint32Array(this.flows.buffer);
    this.#sessionHalves = new Uint32Array(this.sessions.buffer);
  }

  /** Returns the meter of a worker's flow entry. */
  meterOf(worker: number, number: number): number {
    return worker * this.#clientFlowsMax + number;
  }

  /** Returns the packets of a flow so far, modulo 2^32. */
  flowPackets(meter: number, counter: FlowCounter): number {
    const beside = this.#fastPath ? packetsAt(this.#flowHalves, meter) : 0;
    return (this.flowCounter(meter, counter, LegField.Packets) + beside) >>> 0;
  }

  /** Returns the packets of a session so far, modulo 2^32. */
  sessionPackets(sessionIndex: number): number {
    const halves = this.#sessionHalves;
    const stride = this.#slots;
    let sum = 0;
    const first = sessionIndex % stride;
    for (let cell = first; cell * CELL_WORDS * 2 < halves.length; cell += stride) {
      sum += packetsAt(halves, cell);
    }
    return sum >>> 0;
  }

  /** Returns the traffic of a flow. @param nowSeconds - CLOCK_MONOTONIC, s */
  flowTraffic(meter: number, counter: FlowCounter, nowSeconds: number): LegTraffic {
    const sum = new Sum(nowSeconds);
    sum.add(
      this.flowCounter(meter, counter, LegField.Packets),
      this.flowCounter(meter, counter, LegField.PayloadBytes),
      this.flowCounter(meter, counter, LegField.LastSecond),
    );
    if (this.#fastPath) sum.addCell(this.flows, meter);
    return sum.traffic();
  }

  /** Returns the traffic of a session. @param nowSeconds - CLOCK_MONOTONIC, s */
  sessionTraffic(sessionIndex: number, nowSeconds: number): LegTraffic {
    const sum = new Sum(nowSeconds);
    const cells = this.sessions.length / CELL_WORDS;
    for (let cell = sessionIndex % this.#slots; cell < cells; cell += this.#slots) {
      sum.addCell(this.sessions, cell);
    }
    return sum.traffic();
  }

  /** Returns a counter (`LegField`) of a worker's flow entry. */
  flowCounter(meter: number, counter: FlowCounter, field: number): number {
    const number = meter % this.#clientFlowsMax;
    return counter((meter - number) / this.#clientFlowsMax, number, field);
  }
}

/** Reads CLOCK_MONOTONIC in seconds, the workers' clock. */
export function monotonicSeconds(): number {
  return process.hrtime()[0];
}

/** Returns the sum of the traffic of a flow's entries; undefined without an entry. */
export function trafficTogether(each: readonly LegTraffic[]): LegTraffic | undefined {
  if (each.length === 0) return undefined;
  const idle = each.flatMap(({ idleSeconds }) => idleSeconds ?? []);
  return {
    packets: each.reduce((sum, { packets }) => sum + packets, 0),
    payloadBytes: each.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0),
    idleSeconds: idle.length === 0 ? undefined : Math.min(...idle),
  };
}

function packetsAt(halves: Uint32Array, cell: number): number {
  return halves[cell * CELL_WORDS * 2 + LOW_HALF] as number;
}

/** Sums the traffic of a leg over all counters. */
class Sum {
  readonly #nowSeconds: number;
  #packets = 0;
  #payloadBytes = 0;
  #idleSeconds: number | undefined;

  constructor(nowSeconds: number) {
    this.#nowSeconds = nowSeconds;
  }

  add(packets: number, payloadBytes: number, lastSecond: number): void {
    if (packets === 0) return;
    this.#packets += packets;
    this.#payloadBytes += payloadBytes;
    const ago = (this.#nowSeconds - lastSecond) % SECONDS_MODULUS;
    const idle = ago < 0 ? ago + SECONDS_MODULUS : ago;
    // The worker has read its clock after this thread did.
    const since = idle === SECONDS_MODULUS - 1 ? 0 : idle;
    this.#idleSeconds = Math.min(since, this.#idleSeconds ?? since);
  }

  addCell(words: BigUint64Array, cell: number): void {
    const counted = Atomics.load(words, cell * CELL_WORDS);
    const payloadBytes = Number(Atomics.load(words, cell * CELL_WORDS + PAYLOAD_BYTES_WORD));
    this.add(Number(counted & PACKETS_MASK), payloadBytes, Number(counted >> PACKETS_BITS));
  }

  traffic(): LegTraffic {
    const [packets, payloadBytes] = [this.#packets, this.#payloadBytes];
    return { packets, payloadBytes, idleSeconds: this.#idleSeconds };
  }
}
