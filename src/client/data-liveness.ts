import type { Cancel, Scheduler } from './scheduler.js';

/** Silence of a relay after which it is asked while data flows. */
export const RELAY_QUIET_MS = 2_000;

/**
 * The peer's LIVENESS (PROTOCOL.md section 2): maximum interval of its signs of life while it
 * receives data.
 */
export const LIVENESS_MS = 1_000;

/** Time for which a peer sends signs of life after the last received data. */
export const SIGNS_AFTER_DATA_MS = 3_000;

/** Interval of signs of life in the second after a relay's reminder. */
export const REMINDED_SIGN_MS = 250;

export interface DataLivenessOptions {
  readonly scheduler: Scheduler;
  /**
   * Called when traffic has been without a sign of life of the relay for RELAY_QUIET_MS.
   * @param sinceMs - monotonic time at which that began, ms
   */
  readonly onQuiet: (sinceMs: number) => void;
  /**
   * Called when a datagram to the relay is due: data came, and nothing was sent for LIVENESS_MS.
   */
  readonly onSignDue: () => void;
}

/**
 * Watches a leg while data flows:
 *
 * - After data was sent or received, the relay must be heard within `RELAY_QUIET_MS`; otherwise it
 *   is asked. A peer that only sends asks from time to time, one that only receives asks once when
 *   the data stops, and an idle leg asks nothing.
 * - After data was received, the relay must hear this peer (LIVENESS, PROTOCOL.md section 2). The
 *   peer sends something each second until `SIGNS_AFTER_DATA_MS` after the last data, because some
 *   may be lost.
 *
 * At most two timers run, however many packets there are, and none on an idle leg.
 */
export class DataLiveness {
  readonly #options: DataLivenessOptions;
  #owedSinceMs: number | undefined;
  #dataAtMs = Number.NEGATIVE_INFINITY;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #remindedAtMs = Number.NEGATIVE_INFINITY;
  #cancelQuiet: Cancel | undefined;
  #cancelSign: Cancel | undefined;
  #stopped = false;

  constructor(options: DataLivenessOptions) {
    this.#options = options;
  }

  /**
   * Monotonic time since which traffic has been without a sign of life of the relay, ms; undefined
   * if it has not.
   */
  get owedSinceMs(): number | undefined {
    return this.#owedSinceMs;
  }

  /** Notes any sent datagram. Cheap enough to call for every packet. */
  noteSent(): void {
    this.#sentAtMs = this.#options.scheduler.monotonic();
  }

  /** Notes sent data. Cheap enough to call for every packet. */
  noteDataSent(): void {
    this.noteSent();
    if (this.#owedSinceMs === undefined) this.#owed(this.#sentAtMs);
  }

  /** Notes received data: the relay is alive, and more data is expected. */
  noteDataReceived(): void {
    this.#dataAtMs = this.#options.scheduler.monotonic();
    this.#owed(this.#dataAtMs);
    if (this.#cancelSign === undefined && !this.#stopped) this.#armSign(LIVENESS_MS);
  }

  /**
   * Takes the relay's reminder: it has not heard this peer, because signs were lost. For a while
   * they are sent every `REMINDED_SIGN_MS`, and not faster, because anybody can forge a reminder.
   */
  noteReminder(): void {
    if (this.#stopped) return;
    this.#remindedAtMs = this.#options.scheduler.monotonic();
    this.#dataAtMs = this.#remindedAtMs;
    this.#cancelSign?.();
    this.#checkSign();
  }

  /** Notes a response of the relay: nothing is owed until the next traffic. */
  noteAnswered(): void {
    this.#owedSinceMs = undefined;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelQuiet?.();
    this.#cancelSign?.();
    this.#cancelQuiet = undefined;
    this.#cancelSign = undefined;
  }

  #owed(sinceMs: number): void {
    this.#owedSinceMs = sinceMs;
    if (this.#cancelQuiet === undefined && !this.#stopped) this.#armQuiet(RELAY_QUIET_MS);
  }

  #armQuiet(delayMs: number): void {
    this.#cancelQuiet = this.#options.scheduler.after(delayMs, () => this.#checkQuiet());
  }

  #checkQuiet(): void {
    this.#cancelQuiet = undefined;
    const sinceMs = this.#owedSinceMs;
    if (sinceMs === undefined) return;
    const quietMs = this.#options.scheduler.monotonic() - sinceMs;
    // Rounded up to whole ms, since a timer with a fraction would fire early and spin.
    if (quietMs < RELAY_QUIET_MS) this.#armQuiet(Math.ceil(RELAY_QUIET_MS - quietMs));
    else this.#options.onQuiet(sinceMs);
  }

  #armSign(delayMs: number): void {
    this.#cancelSign = this.#options.scheduler.after(delayMs, () => this.#checkSign());
  }

  #checkSign(): void {
    this.#cancelSign = undefined;
    const nowMs = this.#options.scheduler.monotonic();
    const isReminded = nowMs - this.#remindedAtMs < LIVENESS_MS;
    const intervalMs = isReminded ? REMINDED_SIGN_MS : LIVENESS_MS;
    if (nowMs - this.#sentAtMs >= intervalMs) this.#options.onSignDue();
    if (nowMs - this.#dataAtMs >= SIGNS_AFTER_DATA_MS) return;
    const waitMs = intervalMs - (nowMs - this.#sentAtMs);
    this.#armSign(Math.min(intervalMs, Math.max(1, Math.ceil(waitMs))));
  }
}
