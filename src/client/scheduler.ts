import { type Clock, systemClock } from '../clock.js';
import { wrongArgument } from '../options/check.js';

/** Takes a timer back; calling it again, or after the timer fired, does nothing. */
export type Cancel = () => void;

/** A clock that also calls back: passed in so that tests own every wait of the client. */
export interface Scheduler extends Clock {
  /**
   * Calls back once.
   * @param delayMs - how long from now, in milliseconds of the monotonic clock
   * @param callback - must not throw
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
 * Calls back each time nothing was touched for a while. One timer runs however often `touch` is
 * called, so it may be called for every packet.
 */
export class IdleTimer {
  readonly #scheduler: Scheduler;
  readonly #idleMs: number;
  readonly #onIdle: () => void;
  #touchedAtMs = 0;
  #cancel: Cancel | undefined;

  /**
   * @param scheduler - the clock and its timers
   * @param idleMs - how long without a touch counts as idle, in milliseconds
   * @param onIdle - called when idle, and again after every further `idleMs` without a touch
   */
  constructor(scheduler: Scheduler, idleMs: number, onIdle: () => void) {
    this.#scheduler = scheduler;
    this.#idleMs = idleMs;
    this.#onIdle = onIdle;
  }

  start(): void {
    this.stop();
    this.touch();
    this.#arm(this.#idleMs);
  }

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
      // Whole milliseconds: a timer cannot wait for less, and rounding must not make it spin.
      this.#arm(Math.ceil(this.#idleMs - idleForMs));
      return;
    }
    this.touch();
    this.#arm(this.#idleMs);
    this.#onIdle();
  }
}

/**
 * Waits.
 * @param delayMs - milliseconds
 * @returns when the time is over or the signal aborted, whichever is first
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
