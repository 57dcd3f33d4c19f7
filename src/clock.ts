/** Milliseconds since the Unix epoch. */
export type UnixMs = number;

/** Maximum difference of the clocks of two hosts of a cluster. */
export const CLOCK_SKEW_MS_MAX = 60_000;

/** A source of time, passed in so that tests control it. */
export interface Clock {
  /** Wall-clock time, Unix ms. */
  now(): UnixMs;
  /** Monotonic ms from an arbitrary start, for intervals. */
  monotonic(): number;
}

/** The host's clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/**
 * Returns the monotonic time as a whole number of ms, rounded up. Kept in an object it takes no
 * memory of its own, as a number with a fraction does.
 */
export function wholeMs(clock: Clock): number {
  return Math.ceil(clock.monotonic());
}
