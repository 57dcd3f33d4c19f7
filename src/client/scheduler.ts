import { type Clock, systemClock } from '../clock.js';
import { wrongArgument } from '../options/check.js';

/** Cancels a timer. No effect if called again, or after the timer fired. */
export type Cancel = () => void;

/** A clock with timers, passed in so that tests control all waits of the client. */
export interface Scheduler extends Clock {
  /**
   * Calls back once.
   * @param delayMs - delay by the monotonic clock, ms
   * @param callback - must not throw
   * @returns cancels the timer
   */
  after(delayMs: number, callback: () => void): Cancel;
}

/** The host's clock and timers. The timers keep the process alive, as an open Peer should. */
export const systemScheduler: Scheduler = {
  ...systemClock,
  after(delayMs, callback) {
    if (typeof delayMs !== 'number') throw wrongArgument('after', 'milliseconds', delayMs);
    if (typeof callback !== 'function') throw wrongArgument('after', 'a function', callback);
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * Calls back after each idle interval. Only one timer runs however often `touch` is called, so it
 * may be called for every packet.
 */
export class IdleTimer {
  readonly #scheduler: Scheduler;
  readonly #idleMs: number;
  readonly #onIdle: () => void;
  #touchedAtMs = 0;
  #cancel: Cancel | undefined;

  /**
   * @param scheduler - the clock and its timers
   * @param idleMs - idle interval, ms
   * @param onIdle - called after `idleMs` without a touch, and after each further `idleMs`
   */
  constructor(scheduler: Scheduler, idleMs: number, onIdle: () => void) {
    this.#scheduler = scheduler;
    this.#idleMs = idleMs;
    this.#onIdle = onIdle;
  }

  /** Starts the timer; restarts it if it runs. */
  start(): void {
    this.stop();
    this.touch();
    this.#arm(this.#idleMs);
  }

  /** Marks the present as not idle. */
  touch(): void {
    this.#touchedAtMs = this.#scheduler.monotonic();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(delayMs: number): void {
    this.#cancel = this.#scheduler.after(delayMs, () => this.#check());
  }

  #check(): void {
    const idleForMs = this.#scheduler.monotonic() - this.#touchedAtMs;
    if (idleForMs < this.#idleMs) {
      // Rounded up to whole ms, since a timer with a fraction would fire early and spin.
      this.#arm(Math.ceil(this.#idleMs - idleForMs));
      return;
    }
    this.touch();
    this.#arm(this.#idleMs);
    this.#onIdle();
  }
}

/**
 * Waits for a time, or until the signal aborts; does not reject.
 * @param delayMs - ms
 */
export function pause(
  scheduler: Scheduler,
  delayMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = scheduler.after(delayMs, done);
    signal?.addEventListener('abort', done);
    if (signal?.aborted) done();
  });
}
