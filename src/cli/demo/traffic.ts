import type { Clock } from '../../clock.js';
import type { TrafficCounts } from './events.js';

/** What the demo sends in each direction: enough to see, little enough for a laptop. */
export const DEMO_TRAFFIC = {
  packetsPerSecond: 2_000,
  payloadBytes: 1_200,
  pingIntervalMs: 50,
} as const;

/** First byte of a payload: what the packet is. */
const KIND = { data: 1, ping: 2, pong: 3 } as const;

/** Kind, three bytes of padding, sequence number, the pinger's clock. */
const HEADER_BYTES = 16;

/** How often `tick` wants to be called: timers are no finer than this. */
export const TICK_MS = 2;

/** After a pause of the process, packets due beyond this are skipped, so that no burst is sent. */
const PACKETS_PER_TICK_MAX = 64;

export interface TrafficOptions {
  readonly packetsPerSecond: number;
  /** At least 16. */
  readonly payloadBytes: number;
  readonly pingIntervalMs: number;
  readonly clock: Clock;
  /**
   * Sends one message, whose bytes are never changed afterwards.
   * @returns false when it was dropped here
   */
  readonly send: (message: Uint8Array) => boolean;
}

/**
 * One peer's half of the demo's traffic: numbered packets at a fixed rate, and pings that the other
 * side answers at once. The numbers tell the receiver what is missing. Packets begin when the first
 * message of the other side arrives, as before that it may not be ready to take any. It has no
 * timers: whoever owns it calls `tick` as long as it is to send.
 */
export class Traffic {
  readonly #options: TrafficOptions;
  readonly #startMs: number;
  #hasHeard = false;
  #pingDueMs: number;
  #roundTripsMs: number[] = [];
  #pacedFromMs: number;
  /** Packets that were due since `#pacedFromMs` when last looked at. */
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

  /** Packets that left, pings and pongs not counted. */
  get sentPackets(): number {
    return this.#sentPackets;
  }

  /** Sends what has become due. */
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

  /** Takes a message from the other side. Anything that is not the demo's is ignored. */
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

  /** Totals so far; the round trip is that of the time since the last call. */
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
    // A number is used up only by a packet that left: what is missing was lost on the way.
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
