import { endianness } from 'node:os';
import type { LegTraffic } from './types.js';

/** 64-bit words of a cell: packets (40 bits) and the second of the newest (24), payload bytes. */
const CELL_WORDS = 2;
const PACKETS_BITS = 40n;
const PACKETS_MASK = (1n << PACKETS_BITS) - 1n;
const SECONDS_MODULUS = 2 ** 24;

/** Where the low half of a 64-bit word is, among halves. */
const LOW_HALF = endianness() === 'LE' ? 0 : 1;

/** Sizes that the memory follows from. */
export interface LegCountersOptions {
  readonly workers: number;
  readonly clientFlowsMax: number;
  readonly sessionsMax: number;
  /** Whether a fast path counts beside the workers. */
  readonly fastPath: boolean;
}

/**
 * Memory that the workers count each leg's packets in, read here: a cell for each flow entry of
 * each worker, and for each session a cell of every worker, as any of them may receive it. A fast
 * path has as many again for flows, and one more for each session. The layout is that of
 * native/table/leg_traffic.h.
 */
export class LegCounters {
  readonly flows: BigUint64Array;
  readonly sessions: BigUint64Array;
  readonly #flowHalves: Uint32Array;
  readonly #sessionHalves: Uint32Array;
  /** Cells from a worker's flow, and from a worker's session, to the next one of the same entry. */
  readonly #flowStride: number;
  readonly #sessionStride: number;
  readonly #clientFlowsMax: number;

  constructor({ workers, clientFlowsMax, sessionsMax, fastPath }: LegCountersOptions) {
    const places = 2 ** Math.ceil(Math.log2(sessionsMax));
    const words = (cells: number) =>
      new BigUint64Array(new SharedArrayBuffer(cells * CELL_WORDS * 8));
    this.#clientFlowsMax = clientFlowsMax;
    this.#flowStride = workers * clientFlowsMax;
    this.#sessionStride = places;
    this.flows = words((fastPath ? 2 : 1) * this.#flowStride);
    this.sessions = words((workers + (fastPath ? 1 : 0)) * places);
    this.#flowHalves = new Uint32Array(this.flows.buffer);
    this.#sessionHalves = new Uint32Array(this.sessions.buffer);
  }

  /** The meter of a worker's flow entry: its first cell. */
  meterOf(worker: number, number: number): number {
    return worker * this.#clientFlowsMax + number;
  }

  /** Packets of a flow so far, modulo 2^32. */
  flowPackets(meter: number): number {
    return packets(this.#flowHalves, meter, this.#flowStride);
  }

  /** Packets of a session so far, modulo 2^32. */
  sessionPackets(sessionIndex: number): number {
    return packets(this.#sessionHalves, this.#placeOf(sessionIndex), this.#sessionStride);
  }

  flowTraffic(meter: number, nowSeconds: number): LegTraffic {
    return traffic(this.flows, meter, this.#flowStride, nowSeconds);
  }

  sessionTraffic(sessionIndex: number, nowSeconds: number): LegTraffic {
    return traffic(this.sessions, this.#placeOf(sessionIndex), this.#sessionStride, nowSeconds);
  }

  #placeOf(sessionIndex: number): number {
    return sessionIndex % this.#sessionStride;
  }
}

function packets(halves: Uint32Array, first: number, stride: number): number {
  let sum = 0;
  for (let cell = first; cell * CELL_WORDS * 2 < halves.length; cell += stride) {
    sum += halves[cell * CELL_WORDS * 2 + LOW_HALF] as number;
  }
  return sum >>> 0;
}

function traffic(
  words: BigUint64Array,
  first: number,
  stride: number,
  nowSeconds: number,
): LegTraffic {
  let [packetCount, payloadBytes] = [0, 0];
  let idleSeconds: number | undefined;
  for (let word = first * CELL_WORDS; word < words.length; word += stride * CELL_WORDS) {
    const counted = Atomics.load(words, word);
    const count = Number(counted & PACKETS_MASK);
    if (count === 0) continue;
    packetCount += count;
    payloadBytes += Number(Atomics.load(words, word + 1));
    const ago = (nowSeconds - Number(counted >> PACKETS_BITS)) % SECONDS_MODULUS;
    const idle = ago < 0 ? ago + SECONDS_MODULUS : ago;
    // A packet of this second was counted by a clock that was read later.
    const since = idle === SECONDS_MODULUS - 1 ? 0 : idle;
    idleSeconds = Math.min(since, idleSeconds ?? since);
  }
  return { packets: packetCount, payloadBytes, idleSeconds };
}
