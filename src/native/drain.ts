import type { NativePlane } from './binding.js';
import { decodeBatch } from './codec.js';
import type { EndpointReport } from './endpoints.js';
import type { DataPlaneEvent } from './events.js';
import { DATA_PLANE_LIMITS, PUNTED_DATAGRAM } from './interface.js';
import type { DataPlaneBatch } from './types.js';

/** Maximum records of relays, events included, handed up in one turn of the event loop. */
const RELAYS_PER_TURN_MAX = 32;

/** Maximum datagrams of known peers handed up in one turn of the event loop. */
const PROVEN_PER_TURN_MAX = 64;

/** Maximum datagrams of strangers handed up in one turn of the event loop. */
export const STRANGERS_PER_TURN_MAX = 32;

export interface DrainOptions {
  readonly native: NativePlane;
  readonly onBatch: (batch: DataPlaneBatch) => void;
  /** Takes the reports about endpoints, and returns the events among them. */
  readonly takeReports: (reports: readonly EndpointReport[]) => readonly DataPlaneEvent[];
}

/** Takes what the workers hand up, a bounded batch in a turn of the event loop. */
export class Drain {
  readonly #options: DrainOptions;
  readonly #drained = new Uint8Array(
    (RELAYS_PER_TURN_MAX + PROVEN_PER_TURN_MAX + STRANGERS_PER_TURN_MAX) *
      (PUNTED_DATAGRAM.bytes + DATA_PLANE_LIMITS.puntBytesMax),
  );
  #nextTurn: NodeJS.Immediate | undefined;
  #stopped = false;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  /**
   * Called when a worker notifies. Drains in a later phase of the event loop. If it drained at
   * once, workers would notify again meanwhile, and Node runs up to 1,000 such callbacks before
   * timers and other I/O.
   */
  onNotify(): void {
    this.#nextTurn ??= setImmediate(() => this.#drain());
  }

  /** Hands up no further batch. */
  stop(): void {
    this.#stopped = true;
    clearImmediate(this.#nextTurn);
  }

  #drain(): void {
    this.#nextTurn = undefined;
    if (this.#stopped) return;
    const { native, onBatch, takeReports } = this.#options;
    const bytes = native.drain(
      this.#drained,
      RELAYS_PER_TURN_MAX,
      PROVEN_PER_TURN_MAX,
      STRANGERS_PER_TURN_MAX,
    );
    if (bytes === 0) return;
    const { batch, known, strangers, reports } = decodeBatch(this.#drained.subarray(0, bytes));
    if (
      reports.length > 0 ||
      known >= Math.min(RELAYS_PER_TURN_MAX, PROVEN_PER_TURN_MAX) ||
      strangers >= STRANGERS_PER_TURN_MAX
    ) {
      // More records may wait. They are drained after timers and I/O.
      this.#nextTurn = setImmediate(() => this.#drain());
    }
    native.hold();
    try {
      const events = [...batch.events, ...takeReports(reports)];
      if (batch.datagrams.length > 0 || events.length > 0) {
        onBatch({ datagrams: batch.datagrams, events });
      }
    } finally {
      // What waited for reports goes on in microtasks. It wakes workers once, not at each step.
      if (reports.length === 0) native.release();
      else queueMicrotask(() => process.nextTick(() => native.release()));
    }
  }
}
