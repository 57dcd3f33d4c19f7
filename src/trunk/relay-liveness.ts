/** A relay whose probes go unanswered this long while it carries traffic is gone. */
export const RELAY_GONE_MS = 5_000;

/** A connection that carried a record this recently carries traffic. */
const TRAFFIC_RECENT_MS = 30_000;

/** Probes that must have gone unanswered, so that our own stall is not taken for the other's. */
const UNANSWERED_MIN = 20;

/**
 * Whether another relay still answers (PROTOCOL.md section 3: a relay that answered no probe for
 * 5 s while a connection with it carries traffic is gone). Pure over the times it is given, which
 * are monotonic milliseconds.
 */
export class RelayLiveness {
  #unanswered = 0;
  #lastReply: number;
  #trafficSince: number | undefined;
  #lastTraffic = Number.NEGATIVE_INFINITY;
  #records = 0;
  /** Whether it was held gone, and has not answered since. */
  #heldGone = false;

  constructor(now: number) {
    this.#lastReply = now;
  }

  /** A probe has been sent. */
  probed(): void {
    this.#unanswered += 1;
  }

  /**
   * A probe's reply has arrived by a path that serves.
   * @returns whether the relay was held gone until now
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

  /** Records sent to and received from the relay so far, as the data plane counts them. */
  traffic(now: number, records: number): void {
    if (records === this.#records) return;
    this.#records = records;
    this.#trafficSince ??= now;
    this.#lastTraffic = now;
  }

  /** Whether the relay is to be held gone. */
  gone(now: number): boolean {
    if (this.#trafficSince === undefined || this.#unanswered < UNANSWERED_MIN) return false;
    return now - Math.max(this.#lastReply, this.#trafficSince) >= RELAY_GONE_MS;
  }

  /** Whether the relay is to be held gone from now on: its connections end, and it begins anew. */
  becomesGone(now: number): boolean {
    if (!this.gone(now)) return false;
    this.reset(now);
    this.#heldGone = true;
    return true;
  }

  /** Begins anew, as with another incarnation of the relay. */
  reset(now: number): void {
    this.#heldGone = false;
    this.#unanswered = 0;
    this.#lastReply = now;
    this.#trafficSince = undefined;
    this.#lastTraffic = Number.NEGATIVE_INFINITY;
  }
}
