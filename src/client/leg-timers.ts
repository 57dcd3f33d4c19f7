import { LEG_LIMITS } from '../overlay/leg-limits.js';
import type { RandomBytes } from '../random.js';
import { type Cancel, IdleTimer, type Scheduler } from './scheduler.js';

/** A peer that waits for signalling refreshes its reserved leg this often. */
export const RESERVED_REFRESH_MS = 12_000;

/** A peer whose Connect waits for the other side asks its relay this often. */
export const CONNECTING_REFRESH_MS = 4_000;

/** Without data, a relay that was not heard for this long is asked with a Refresh. */
export const RELAY_SILENCE_MS = 30_000;

/** Shorter lifetimes are treated as this one. */
const LIFETIME_SECONDS_MIN = 10;

export interface LegTimersOptions {
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
  /** Time to refresh the leg, or to ask a silent relay whether it is there. */
  readonly onRefresh: () => void;
  /** Time to send something, so that the NATs on the way keep their mappings. */
  readonly onKeepalive: () => void;
}

/** The timers that keep a leg: refresh before expiry, keepalive, and a watch on the relay. */
export class LegTimers {
  readonly #options: LegTimersOptions;
  readonly #keepalive: IdleTimer;
  readonly #silence: IdleTimer;
  #cancelRefresh: Cancel | undefined;

  constructor(options: LegTimersOptions) {
    const { scheduler, onRefresh, onKeepalive } = options;
    this.#options = options;
    this.#keepalive = new IdleTimer(scheduler, LEG_LIMITS.keepaliveMs, onKeepalive);
    // A relay that was restarted or killed says nothing: only an answer to a Refresh proves that it
    // has the leg.
    this.#silence = new IdleTimer(scheduler, RELAY_SILENCE_MS, onRefresh);
  }

  start(): void {
    this.#keepalive.start();
    this.#silence.start();
  }

  stop(): void {
    this.#keepalive.stop();
    this.#silence.stop();
    this.#cancelRefresh?.();
  }

  /** Something was sent to the relay. Cheap: called for every packet. */
  noteSent(): void {
    this.#keepalive.touch();
  }

  /** Something came from the relay. Cheap: called for every packet. */
  noteReceived(): void {
    this.#silence.touch();
  }

  /** The leg waits for a Connect: the relay drops it after LEG_LIMITS.reservedMs. */
  refreshReserved(): void {
    this.#refreshAfter(RESERVED_REFRESH_MS * (0.75 + this.#jitter() / 4));
  }

  /**
   * The leg lives for a while: refreshed at half to three quarters of it, so that a Refresh that
   * fails can be repeated in time, and peers that connected together do not refresh together.
   */
  refreshWithin(lifetimeSeconds: number): void {
    // Bounded, because a relay may grant 0 (a storm of Refreshes) or more than a timer can wait.
    const lifetime = Math.max(LIFETIME_SECONDS_MIN, lifetimeSeconds);
    const boundedMs = Math.min(lifetime, LEG_LIMITS.lifetimeSecondsMax) * 1_000;
    this.#refreshAfter(boundedMs * (0.5 + this.#jitter() / 4));
  }

  /** A Connect is not answered while it waits, so Refreshes ask whether the relay is there. */
  refreshConnecting(): void {
    this.#refreshAfter(CONNECTING_REFRESH_MS * (0.75 + this.#jitter() / 4));
  }

  #refreshAfter(delayMs: number): void {
    this.#cancelRefresh?.();
    this.#cancelRefresh = this.#options.scheduler.after(delayMs, this.#options.onRefresh);
  }

  /** 0 to 1. */
  #jitter(): number {
    const [byte = 0] = this.#options.random(1);
    return byte / 0xff;
  }
}
