import { LIMITS } from '../limits.js';

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

  constructor(now: number) {
    this.#lastReply = now;
  }

  /** A probe has been sent. */
  probed(): void {
    this.#unanswered += 1;
  }

  /** A probe's reply has arrived by a path that serves. */
  replied(now: number): void {
    this.#unanswered = 0;
    this.#lastReply = now;
    const recent = now - this.#lastTraffic <= TRAFFIC_RECENT_MS;
    this.#trafficSince = recent ? now : undefined;
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
    return now - Math.max(this.#lastReply, this.#trafficSince) >= LIMITS.relayGoneMs;
  }

  /** Begins anew, as after the relay's connections have been ended. */
  reset(now: number): void {
    this.#unanswered = 0;
    this.#lastReply = now;
    this.#trafficSince = undefined;
    this.#lastTraffic = Number.NEGATIVE_INFINITY;
  }
}
