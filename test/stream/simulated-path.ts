import type { Clock } from '../../src/clock.js';
import { ByteStream } from '../../src/stream/byte-stream.js';
import { seededRandom } from '../setup/seeded-random.js';

/** The faults of a path. */
export interface PathFaults {
  /** Shares of messages, 0 to 1. */
  readonly loss: number;
  readonly duplication: number;
  /** Messages take 10 ms and up to this much more, so they overtake each other. */
  readonly jitterMs: number;
  readonly seed: number;
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Virtual time: runs events in order without waiting. */
export class VirtualTime {
  /** Its monotonic time advances between two readings, as that of a real clock. */
  readonly clock: Clock = {
    now: () => this.nowMs,
    monotonic: () => {
      this.#readings++;
      return this.nowMs + this.#readings * 1e-6;
    },
  };
  nowMs = 1_000;
  #readings = 0;
  #order = 0;
  #events: Event[] = [];

  at(atMs: number, run: () => void): void {
    const event = { atMs: Math.max(atMs, this.nowMs + 1e-3), order: this.#order++, run };
    let index = this.#events.length;
    while (index > 0 && (this.#events[index - 1]?.atMs ?? 0) > event.atMs) index--;
    this.#events.splice(index, 0, event);
  }

  /** Runs the next event. @returns false if there is none */
  step(): boolean {
    const event = this.#events.shift();
    if (event === undefined) return false;
    this.nowMs = event.atMs;
    event.run();
    return true;
  }
}

export const MESSAGE_BYTES_MAX = 200;

/** One end of a simulated pair: writes its input, and reads its output while `reading` is set. */
class SimulatedEnd {
  readonly stream: ByteStream;
  readonly received: Uint8Array[] = [];
  readonly #time: VirtualTime;
  readonly #input: Uint8Array;
  #written = 0;
  #timerMs: number | undefined;
  /** If false, nothing is read, so the other side must stop. */
  reading = true;

  constructor(time: VirtualTime, input: Uint8Array, transmit: (message: Uint8Array) => void) {
    this.#time = time;
    this.#input = input;
    this.stream = new ByteStream({
      clock: time.clock,
      messageBytesMax: MESSAGE_BYTES_MAX,
      transmit,
    });
  }

  get output(): Buffer {
    return Buffer.concat(this.received);
  }

  pump(): void {
    while (this.#written < this.#input.length && this.stream.writable) {
      this.stream.write(this.#input.subarray(this.#written, this.#written + 10_000));
      this.#written += 10_000;
    }
    if (this.#written >= this.#input.length) this.stream.end();
    if (this.reading) {
      for (let bytes = this.stream.read(); bytes; bytes = this.stream.read()) {
        this.received.push(Uint8Array.from(bytes));
      }
    }
    this.stream.poll();
    this.#arm();
  }

  #arm(): void {
    const deadlineMs = this.stream.deadlineMs;
    if (deadlineMs === undefined || (this.#timerMs ?? Number.POSITIVE_INFINITY) <= deadlineMs) {
      return;
    }
    this.#timerMs = deadlineMs;
    this.#time.at(deadlineMs, () => {
      if (this.#timerMs !== deadlineMs) return;
      this.#timerMs = undefined;
      this.pump();
    });
  }
}

/** Two byte streams over a path with faults. */
export class SimulatedPair {
  readonly time = new VirtualTime();
  readonly a: SimulatedEnd;
  readonly b: SimulatedEnd;
  readonly #faults: PathFaults;
  readonly #random: () => number;
  /** The number of the connection; messages of an earlier one are lost. */
  #connection = 0;
  messages = 0;

  constructor(inputs: { readonly a: Uint8Array; readonly b: Uint8Array }, faults: PathFaults) {
    this.#faults = faults;
    this.#random = seededRandom(faults.seed);
    this.a = new SimulatedEnd(this.time, inputs.a, (message) => this.#carry(message, () => this.b));
    this.b = new SimulatedEnd(this.time, inputs.b, (message) => this.#carry(message, () => this.a));
  }

  /** Replaces the path; messages in flight on the old one are lost. */
  connect(): void {
    this.#connection++;
    for (const end of [this.a, this.b]) {
      end.stream.attach();
      end.pump();
    }
  }

  disconnect(): void {
    this.#connection++;
    for (const end of [this.a, this.b]) end.stream.detach();
  }

  get complete(): boolean {
    return this.a.stream.complete && this.b.stream.complete;
  }

  /** Runs until `done`. @returns false if that takes longer in simulated time */
  run(done: () => boolean, timeMs: number): boolean {
    const endMs = this.time.nowMs + timeMs;
    while (!done()) {
      if (this.time.nowMs > endMs || !this.time.step()) return false;
    }
    return true;
  }

  #carry(message: Uint8Array, to: () => SimulatedEnd): void {
    const connection = this.#connection;
    this.messages++;
    const copies = this.#random() < this.#faults.loss ? 0 : 1;
    const twice = this.#random() < this.#faults.duplication ? 1 : 0;
    for (let copy = 0; copy < copies + twice; copy++) {
      const delayMs = 10 + this.#random() * this.#faults.jitterMs;
      this.time.at(this.time.nowMs + delayMs, () => {
        if (connection !== this.#connection) return;
        to().stream.receive(Uint8Array.from(message));
        to().pump();
      });
    }
  }
}
