import type { Cancel, Scheduler } from './scheduler.js';

export interface TransactionOptions {
  /** The complete request; retransmissions are identical (RFC 8489 section 6.2.1). */
  readonly bytes: Uint8Array;
  /** The wait after each transmission, ms; there is one transmission for each. */
  readonly waitsMs: readonly number[];
  readonly transmit: (bytes: Uint8Array) => void;
  readonly scheduler: Scheduler;
  /** Called once after the last wait, unless stopped. */
  readonly onTimeout: () => void;
}

/** A STUN transaction: retransmits a request until it is stopped or times out. */
export class Transaction {
  readonly #options: TransactionOptions;
  readonly #startedAtMs: number;
  #transmissions = 0;
  #sentAtMs = 0;
  #cancel: Cancel | undefined;

  /** Sends the request for the first time. */
  constructor(options: TransactionOptions) {
    this.#options = options;
    this.#startedAtMs = options.scheduler.monotonic();
    this.#transmit();
  }

  get transmissions(): number {
    return this.#transmissions;
  }

  get elapsedMs(): number {
    return this.#options.scheduler.monotonic() - this.#startedAtMs;
  }

  /** Time since the last transmission, ms. */
  get sinceLastMs(): number {
    return this.#options.scheduler.monotonic() - this.#sentAtMs;
  }

  /** Stops the retransmissions; `onTimeout` is not called. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #transmit(): void {
    const { bytes, waitsMs, transmit, scheduler, onTimeout } = this.#options;
    const waitMs = waitsMs[this.#transmissions];
    if (waitMs === undefined) {
      this.#cancel = undefined;
      onTimeout();
      return;
    }
    this.#transmissions += 1;
    this.#sentAtMs = scheduler.monotonic();
    this.#cancel = scheduler.after(waitMs, () => this.#transmit());
    transmit(bytes);
  }
}
