import type { Clock } from '../../clock.js';
import type { TrafficCounts } from './events.js';

/** The demo's traffic in each direction. A payload has at least `HEADER_BYTES`. */
export const DEMO_TRAFFIC = {
  packetsPerSecond: 2_000,
  payloadBytes: 1_200,
  pingIntervalMs: 50,
} as const;

/** First byte of a payload. */
const KIND = { data: 1, ping: 2, pong: 3 } as const;

/** Kind, three bytes of padding, sequence number, the sender's clock. */
const HEADER_BYTES = 16;

/** Interval of calls of `tick`, about the resolution of timers. */
export const TICK_MS = 2;

/** Maximum packets of a tick: more are skipped, so that a pause of the process makes no burst. */
const PACKETS_PER_TICK_MAX = 64;

export interface TrafficOptions extends Readonly<Record<keyof typeof DEMO_TRAFFIC, number>> {
  readonly clock: Clock;
  /**
   * Sends one message, whose bytes never change afterwards.
   * @returns false if the message was dropped on this host
   */
  readonly send: (message: Uint8Array) => boolean;
}

/**
 * One peer's half of the demo's traffic: numbered packets at a fixed rate, and pings that the other
 * side answers at once. The receiver finds lost packets by the numbers. Packets begin when the
 * first message of the other side arrives: before, that side may not be ready. It has no timer:
 * call `tick` every `TICK_MS` to send.
 */
export class Traffic {
  readonly #options: TrafficOptions;
  readonly #startMs: number;
  #hasHeard = false;
  #pingDueMs: number;
  #roundTripsMs: number[] = [];
  #pacedFromMs: number;
  /** Packets that were due between `#pacedFromMs` and the last tick. */
  #paced = 0;
  #sentPackets = 0;
  #receivedPackets = 0;
  #receivedBytes = 0;
  #sequenceMax = -1;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#startMs = options.clock.monotonic();
    this.#pingDueMs = this.#startMs;
    this.#pacedFromMs = this.#startMs;
  }

  /** Number of packets sent, without pings and pongs. */
  get sentPackets(): number {
    return this.#sentPackets;
  }

  /** Sends everything that is due. */
  tick(): void {
    const now = this.#options.clock.monotonic();
    if (now >= this.#pingDueMs) {
      this.#pingDueMs = now + this.#options.pingIntervalMs;
      this.#options.send(this.#message(KIND.ping, HEADER_BYTES));
    }
    if (!this.#hasHeard) return;
    const due = Math.floor(((now - this.#pacedFromMs) * this.#options.packetsPerSecond) / 1_000);
    const owed = due - this.#paced;
    for (let i = Math.min(owed, PACKETS_PER_TICK_MAX); i > 0; i--) this.#sendData();
    this.#paced += owed;
  }

  /** Takes a message of the other side. Unknown messages are ignored. */
  receive(message: Uint8Array): void {
    if (message.length < HEADER_BYTES) return;
    if (!this.#hasHeard) this.#pacedFromMs = this.#options.clock.monotonic();
    this.#hasHeard = true;
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    switch (message[0]) {
      case KIND.data:
        this.#receivedPackets++;
        this.#receivedBytes += message.length;
        this.#sequenceMax = Math.max(this.#sequenceMax, view.getUint32(4));
        return;
      case KIND.ping: {
        const pong = Uint8Array.from(message.subarray(0, HEADER_BYTES));
        pong[0] = KIND.pong;
        this.#options.send(pong);
        return;
      }
      case KIND.pong:
        this.#roundTripsMs.push(this.#options.clock.monotonic() - view.getFloat64(8));
        return;
    }
  }

  /** Returns the totals, and the median round trip since the last call. */
  counts(): TrafficCounts {
    const sorted = this.#roundTripsMs.sort((a, b) => a - b);
    this.#roundTripsMs = [];
    return {
      elapsedMs: this.#options.clock.monotonic() - this.#startMs,
      sentPackets: this.#sentPackets,
      receivedPackets: this.#receivedPackets,
      receivedBytes: this.#receivedBytes,
      missingPackets: Math.max(0, this.#sequenceMax + 1 - this.#receivedPackets),
      rttMs: sorted[Math.floor(sorted.length / 2)] ?? null,
    };
  }

  #sendData(): void {
    const message = this.#message(KIND.data, this.#options.payloadBytes);
    // A packet that was dropped here uses no number, so that only the path's losses count.
    if (this.#options.send(message)) this.#sentPackets++;
  }

  #message(kind: number, bytes: number): Uint8Array {
    const message = new Uint8Array(bytes);
    const view = new DataView(message.buffer);
    message[0] = kind;
    view.setUint32(4, this.#sentPackets);
    view.setFloat64(8, this.#options.clock.monotonic());
    return message;
  }
}
