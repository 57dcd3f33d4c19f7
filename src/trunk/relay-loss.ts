/** Silence after which a relay with traffic, or a path to it, counts as lost. */
export const RELAY_GONE_MS = 5_000;

/** Time after the last record during which a relay counts as one with traffic, ms. */
const TRAFFIC_RECENT_MS = 30_000;

/**
 * Minimum unanswered probes, so that a stall of this process is not taken for the other's silence.
 */
const UNANSWERED_MIN = 20;

/**
 * Detects whether another relay is gone: it answered no probe for 5 s while a connection with it
 * carries traffic (PROTOCOL.md section 3). Times are passed in, monotonic ms.
 */
export class RelayLoss {
  #unanswered = 0;
  #lastReply: number;
  #trafficSince: number | undefined;
  #lastTraffic = Number.NEGATIVE_INFINITY;
  #records = 0;
  /** Whether it was declared gone and has not answered since. */
  #heldGone = false;

  constructor(now: number) {
    this.#lastReply = now;
  }

  /** Notes that a probe was sent. */
  probed(): void {
    this.#unanswered += 1;
  }

  /**
   * Notes a reply by a path that serves.
   * @returns whether the relay had been declared gone
   */
  replied(now: number): boolean {
    const isBack = this.#heldGone;
    this.#heldGone = false;
    this.#unanswered = 0;
    this.#lastReply = now;
    const recent = now - this.#lastTraffic <= TRAFFIC_RECENT_MS;
    this.#trafficSince = recent ? now : undefined;
    return isBack;
  }

  /** Takes the data plane's total of records sent to and received from the relay. */
  traffic(now: number, records: number): void {
    if (records === this.#records) return;
    this.#records = records;
    this.#trafficSince ??= now;
    this.#lastTraffic = now;
  }

  /** Returns whether the relay counts as gone. */
  gone(now: number): boolean {
    if (this.#trafficSince === undefined || this.#unanswered < UNANSWERED_MIN) return false;
    return now - Math.max(this.#lastReply, this.#trafficSince) >= RELAY_GONE_MS;
  }

  /** Returns whether the relay has just become gone: its connections must end. Resets the state. */
  becomesGone(now: number): boolean {
    if (!this.gone(now)) return false;
    this.reset(now);
    this.#heldGone = true;
    return true;
  }

  /** Resets the state, as for another incarnation of the relay. */
  reset(now: number): void {
    this.#heldGone = false;
    this.#unanswered = 0;
    this.#lastReply = now;
    this.#trafficSince = undefined;
    this.#lastTraffic = Number.NEGATIVE_INFINITY;
  }
}
