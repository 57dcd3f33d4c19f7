/** Milliseconds since the Unix epoch. */
export type UnixMs = number;

/** How far the clocks of two hosts of a cluster may differ. */
export const CLOCK_SKEW_MS_MAX = 60_000;

/** Passed in wherever a rule needs the time, so that tests own it. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. */
  now(): UnixMs;
  /** Monotonic milliseconds from an arbitrary start: for intervals. */
  monotonic(): number;
}

/** The host's clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
