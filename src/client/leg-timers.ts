import type { RandomBytes } from '../random.js';
import { LEG_LIMITS } from '../stun/leg-limits.js';
import { type Cancel, IdleTimer, type Scheduler } from './scheduler.js';

/** Maximum interval of a peer's Refreshes while its leg is reserved. */
export const RESERVED_REFRESH_MS = 12_000;

/** Maximum interval of a peer's Refreshes while its Connect is pending. */
export const CONNECTING_REFRESH_MS = 4_000;

/** Silence of a relay without data traffic after which it is checked by a Refresh. */
export const RELAY_SILENCE_MS = 30_000;

/** Minimum assumed lifetime, s. */
const LIFETIME_SECONDS_MIN = 10;

export interface LegTimersOptions {
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
  /** Called when a Refresh is due, to extend the lifetime or to check a silent relay. */
  readonly onRefresh: () => void;
  /** Called when a keepalive is due, for the NATs on the path. */
  readonly onKeepalive: () => void;
}

/** Timers of a leg: refresh before expiry, keepalive, and silence of the relay. */
export class LegTimers {
  readonly #options: LegTimersOptions;
  readonly #keepalive: IdleTimer;
  readonly #silence: IdleTimer;
  #cancelRefresh: Cancel | undefined;

  constructor(options: LegTimersOptions) {
    const { scheduler, onRefresh, onKeepalive } = options;
    this.#options = options;
    this.#keepalive = new IdleTimer(scheduler, LEG_LIMITS.keepaliveMs, onKeepalive);
    // A relay that was restarted or killed sends nothing; only a response to a Refresh proves that
    // it has the leg.
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

  /** Notes a sent datagram. Cheap enough to call for every packet. */
  noteSent(): void {
    this.#keepalive.touch();
  }

  /** Notes a received datagram. Cheap enough to call for every packet. */
  noteReceived(): void {
    this.#silence.touch();
  }

  /** Schedules the Refresh of a reserved leg, which would end after LEG_LIMITS.reservedMs. */
  refreshReserved(): void {
    this.#refreshAfter(RESERVED_REFRESH_MS * (0.75 + this.#jitter() / 4));
  }

  /**
   * Schedules a Refresh at half to three quarters of the lifetime: early enough to repeat a failed
   * one, and at random, so that peers that connected together do not refresh together.
   */
  refreshWithin(lifetimeSeconds: number): void {
    // Clamped: a lifetime of 0 would cause a flood of Refreshes, and a timer has a maximum.
    const lifetime = Math.max(LIFETIME_SECONDS_MIN, lifetimeSeconds);
    const boundedMs = Math.min(lifetime, LEG_LIMITS.lifetimeSecondsMax) * 1_000;
    this.#refreshAfter(boundedMs * (0.5 + this.#jitter() / 4));
  }

  /**
   * Schedules a Refresh that checks the relay while a Connect is pending, which gets no response
   * until its outcome is known.
   */
  refreshConnecting(): void {
    this.#refreshAfter(CONNECTING_REFRESH_MS * (0.75 + this.#jitter() / 4));
  }

  #refreshAfter(delayMs: number): void {
    this.#cancelRefresh?.();
    this.#cancelRefresh = this.#options.scheduler.after(delayMs, this.#options.onRefresh);
  }

  /** Returns a random number from 0 to 1. */
  #jitter(): number {
    const [byte = 0] = this.#options.random(1);
    return byte / 0xff;
  }
}
