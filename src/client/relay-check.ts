import type { StunMessage } from '../stun/message.js';
import type { Cancel, Scheduler } from './scheduler.js';

/** Time for a relay's response to data or a check, after which it is gone. */
export const RELAY_UNRESPONSIVE_MS = 5_000;

/** Time for a relay's response before a connection is established, after which it is given up. */
export const RELAY_ABSENT_MS = 3_000;

/** Minimum interval of checks of a relay. */
export const CHECK_INTERVAL_MS = 1_000;

/** Minimum time after which a relay's response is overdue; else the retransmission timeout. */
export const RELAY_ANSWER_MS = 1_000;

export interface RelayCheckOptions {
  readonly scheduler: Scheduler;
  /** Sends a Refresh until it is answered or the signal aborts. */
  readonly ask: (signal: AbortSignal) => Promise<StunMessage>;
  /** Returns the present retransmission timeout, ms. */
  readonly rtoMs: () => number;
  /** Called when the response to the Refresh is overdue. */
  readonly onUnresponsive: () => void;
  /** Called when the relay is heard again. */
  readonly onResponsive: () => void;
  readonly onAnswered: (answer: StunMessage) => void;
  /** Called when the relay refused, or with undefined when it did not answer in time. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * Checks by a Refresh whether a relay still has the leg, after an event that casts doubt on it:
 * unanswered data, a failed send, a changed network, a Closed indication without integrity (which
 * anybody can forge). One Refresh is under way at a time, and at most one starts each second. When
 * it fails, the connection ends, and ReconnectingPeer asks for other relays.
 */
export class RelayCheck {
  readonly #options: RelayCheckOptions;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #startedAtMs = Number.NEGATIVE_INFINITY;
  #stop: AbortController | undefined;
  #cancelStart: Cancel | undefined;
  #cancelDeadline: Cancel | undefined;
  #cancelReport: Cancel | undefined;
  #heard = false;
  #responsive = true;
  #closed = false;

  constructor(options: RelayCheckOptions) {
    this.#options = options;
  }

  /** False while the response to a Refresh is overdue. */
  get responsive(): boolean {
    return this.#responsive;
  }

  /**
   * Starts a check, unless one is under way.
   * @param withinMs - time for the response, ms; the earliest deadline applies
   */
  check(withinMs: number = RELAY_UNRESPONSIVE_MS): void {
    if (this.#closed) return;
    const deadlineMs = this.#nowMs + withinMs;
    const isEarlier = deadlineMs < this.#deadlineMs;
    if (isEarlier) this.#deadlineMs = deadlineMs;
    if (this.#stop !== undefined) {
      if (isEarlier) this.#armDeadline();
    } else if (this.#cancelStart === undefined) {
      const waitMs = this.#startedAtMs + CHECK_INTERVAL_MS - this.#nowMs;
      if (waitMs <= 0) this.#start();
      else this.#cancelStart = this.#options.scheduler.after(waitMs, () => this.#start());
    }
  }

  /** Notes any authentic datagram from the relay. Cheap enough to call for every packet. */
  noteHeard(): void {
    this.#heard = true;
    if (!this.#responsive) this.#report(true);
  }

  stop(): void {
    this.#closed = true;
    this.#cancelStart?.();
    this.#settle();
  }

  get #nowMs(): number {
    return this.#options.scheduler.monotonic();
  }

  #start(): void {
    this.#cancelStart = undefined;
    this.#startedAtMs = this.#nowMs;
    this.#heard = false;
    const stop = new AbortController();
    this.#stop = stop;
    const { scheduler, ask, rtoMs, onAnswered, onFailed } = this.#options;
    this.#cancelReport = scheduler.after(Math.max(RELAY_ANSWER_MS, rtoMs()), () => {
      if (!this.#heard) this.#report(false);
    });
    this.#armDeadline();
    ask(stop.signal).then(
      (answer) => {
        if (this.#stop !== stop) return;
        this.#settle();
        if (!this.#responsive) this.#report(true);
        onAnswered(answer);
      },
      (error) => {
        if (this.#stop !== stop) return;
        this.#settle();
        onFailed(error);
      },
    );
  }

  #armDeadline(): void {
    this.#cancelDeadline?.();
    const armedAtMs = this.#nowMs;
    const waitMs = Math.max(0, this.#deadlineMs - armedAtMs);
    this.#cancelDeadline = this.#options.scheduler.after(waitMs, () => {
      const lateMs = this.#nowMs - armedAtMs - waitMs;
      this.#settle();
      // The process or host was suspended: the response may still be in the socket's buffer.
      if (lateMs > CHECK_INTERVAL_MS) this.check();
      else if (!this.#heard) this.#options.onFailed(undefined);
    });
  }

  #settle(): void {
    const stop = this.#stop;
    this.#stop = undefined;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#cancelDeadline?.();
    this.#cancelReport?.();
    stop?.abort();
  }

  #report(responsive: boolean): void {
    this.#responsive = responsive;
    if (responsive) this.#options.onResponsive();
    else this.#options.onUnresponsive();
  }
}
