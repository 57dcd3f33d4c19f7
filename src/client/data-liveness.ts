import type { Cancel, Scheduler } from './scheduler.js';

/** With data under way, a relay that was not heard for this long is asked. */
export const RELAY_QUIET_MS = 2_000;

/** LIVENESS of PROTOCOL.md section 2: the longest time between two signs of life under data. */
export const LIVENESS_MS = 1_000;

/** A peer sends signs of life until this long after data came. */
export const SIGNS_AFTER_DATA_MS = 3_000;

/** Signs of life are this far apart in the second after a relay's reminder. */
export const REMINDED_SIGN_MS = 250;

export interface DataLivenessOptions {
  readonly scheduler: Scheduler;
  /**
   * Traffic has been without a sign of the relay's life for RELAY_QUIET_MS: time to ask.
   * @param sinceMs - monotonic time at which that began
   */
  readonly onQuiet: (sinceMs: number) => void;
  /** A datagram to the relay is due: data came, and nothing was sent for LIVENESS_MS. */
  readonly onSignDue: () => void;
}

/**
 * Watches a leg while data flows, in both directions:
 *
 * - After data is sent, or stops coming, the relay must be heard within `RELAY_QUIET_MS`; otherwise
 *   it is asked. A peer that only sends asks from time to time, one that only receives asks once
 *   when the data stops, and an idle leg asks nothing.
 * - After data comes, the relay must hear this peer (LIVENESS, PROTOCOL.md section 2): it sends
 *   something each second until `SIGNS_AFTER_DATA_MS` after the last of it, as some may be lost.
 *
 * Two timers at most run, however many packets there are, and none on an idle leg.
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

  /** Since when traffic has been without a sign of the relay's life; undefined when it has not. */
  get owedSinceMs(): number | undefined {
    return this.#owedSinceMs;
  }

  /** Anything was sent. Cheap: called for every packet. */
  noteSent(): void {
    this.#sentAtMs = this.#options.scheduler.monotonic();
  }

  /** Data was sent. Cheap, as all of these. */
  noteDataSent(): void {
    this.noteSent();
    if (this.#owedSinceMs === undefined) this.#owed(this.#sentAtMs);
  }

  /** Data came: the relay lives, and more is expected. */
  noteDataReceived(): void {
    this.#dataAtMs = this.#options.scheduler.monotonic();
    this.#owed(this.#dataAtMs);
    if (this.#cancelSign === undefined && !this.#stopped) this.#armSign(LIVENESS_MS);
  }

  /**
   * The relay has not heard this peer: signs were lost. They are sent every `REMINDED_SIGN_MS` for
   * a while, and no faster, because anybody can forge a reminder.
   */
  noteReminder(): void {
    if (this.#stopped) return;
    this.#remindedAtMs = this.#options.scheduler.monotonic();
    this.#dataAtMs = this.#remindedAtMs;
    this.#cancelSign?.();
    this.#checkSign();
  }

  /** The relay answered a request: nothing is owed until there is traffic again. */
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
    // Whole milliseconds: a timer cannot wait for less, and rounding must not make it spin.
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
