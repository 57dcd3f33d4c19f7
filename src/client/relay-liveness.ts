import type { StunMessage } from '../stun/message.js';
import type { Cancel, Scheduler } from './scheduler.js';

/** A relay that leaves data, or a check, without an answer for this long is gone. */
export const RELAY_UNRESPONSIVE_MS = 5_000;

/** A relay that does not answer for this long before there is a connection is given up. */
export const RELAY_ABSENT_MS = 3_000;

/** Checks of a relay begin no closer together than this. */
export const CHECK_INTERVAL_MS = 1_000;

/** A relay whose answer takes longer than this, or than the round trip, counts as unresponsive. */
export const RELAY_ANSWER_MS = 1_000;

export interface RelayLivenessOptions {
  readonly scheduler: Scheduler;
  /** Sends a Refresh until it is answered, or until the signal. */
  readonly ask: (signal: AbortSignal) => Promise<StunMessage>;
  /** The retransmission timeout now, milliseconds: how long an answer may take. */
  readonly rtoMs: () => number;
  /** The relay has not answered the first Refresh in time: it may be gone. */
  readonly onUnresponsive: () => void;
  /** The relay was heard again. */
  readonly onResponsive: () => void;
  readonly onAnswered: (answer: StunMessage) => void;
  /** The relay refused, or did not answer in time: `error` is undefined then. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * Asks a relay by a Refresh whether it still has the leg, whenever something suggests that it may
 * not: data without an answer, a failed send, a changed network, a bare Closed indication (which
 * anybody can forge). One Refresh is under way at a time, and at most one begins each second.
 */
export class RelayLiveness {
  readonly #options: RelayLivenessOptions;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #startedAtMs = Number.NEGATIVE_INFINITY;
  #stop: AbortController | undefined;
  #cancelStart: Cancel | undefined;
  #cancelDeadline: Cancel | undefined;
  #cancelReport: Cancel | undefined;
  #heard = false;
  #responsive = true;
  #closed = false;

  constructor(options: RelayLivenessOptions) {
    this.#options = options;
  }

  /** False while a Refresh has been unanswered for longer than an answer takes. */
  get responsive(): boolean {
    return this.#responsive;
  }

  /**
   * Asks, unless it is doing so already.
   * @param withinMs - how long the relay has to answer, milliseconds; the earliest end counts
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

  /** Anything genuine came from the relay. Cheap: called for every packet. */
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
      // The process or the host was suspended: the answer may wait unread in the socket.
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
