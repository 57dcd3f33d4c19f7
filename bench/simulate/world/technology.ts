import { normalQuantile, uniform } from '../random.js';

export type Technology = 'wired' | 'wifi' | 'cellular' | 'starlink';

/** Distribution of a positive figure: its median, and the deviation of its logarithm. */
export interface LogNormal {
  readonly median: number;
  readonly sd: number;
}

/** Returns the value of a distribution at a share of its mass, above 0 and below 1. */
export function logNormalAt({ median, sd }: LogNormal, share: number): number {
  return median * Math.exp(sd * normalQuantile(share));
}

/** How a peer reaches the first public hop. */
export interface AccessFigures {
  /** RTT of the last mile, ms. */
  readonly lastMileMs: LogNormal;
  /** Mean deviation of the RTT, ms. */
  readonly jitterMs: LogNormal;
  readonly loss: LogNormal;
}

/**
 * Last miles by technology. RTT: median and deviation of 491 RIPE Atlas probes of February 2023;
 * the wired and wifi deviations join the measured median and 95 % quantile. Jitter: a third of the
 * spread of three pings there. Loss: that measurement counts hosts that do not answer as loss, so a
 * fraction of it is assumed, with a wide distribution: as much that a fifth of the calls over the
 * direct path is poor, as VIA (SIGCOMM 2016) saw.
 */
const ACCESS: Readonly<Record<Technology, AccessFigures>> = {
  wired: {
    lastMileMs: { median: 4.6, sd: 1.34 },
    jitterMs: { median: 0.3, sd: 0.95 },
    loss: { median: 0.0003, sd: 1.5 },
  },
  wifi: {
    lastMileMs: { median: 7.7, sd: 1.13 },
    jitterMs: { median: 0.45, sd: 1.5 },
    loss: { median: 0.0006, sd: 1.5 },
  },
  cellular: {
    lastMileMs: { median: 28, sd: 0.61 },
    jitterMs: { median: 2.6, sd: 1.3 },
    loss: { median: 0.0004, sd: 1.5 },
  },
  starlink: {
    lastMileMs: { median: 40, sd: 0.42 },
    jitterMs: { median: 3.4, sd: 0.85 },
    loss: { median: 0.0003, sd: 1.5 },
  },
};

/** Shares of peers by technology (assumption). */
export const TECHNOLOGY_MIX: Readonly<Record<Technology, number>> = {
  wifi: 0.45,
  wired: 0.25,
  cellular: 0.28,
  starlink: 0.02,
};

/** Largest last mile, ms. */
const LAST_MILE_MS_MAX = 500;
const LOSS_MAX = 0.3;

/** A peer's last mile. */
export interface LastMile {
  readonly technology: Technology | undefined;
  readonly rttMs: number;
  readonly jitterMs: number;
  readonly loss: number;
}

/** Draws a peer's last mile. @param seed - of the draw @param peer - number of the peer */
export function drawLastMile(technology: Technology, seed: number, peer: number): LastMile {
  const { lastMileMs, jitterMs, loss } = ACCESS[technology];
  return {
    technology,
    rttMs: Math.min(LAST_MILE_MS_MAX, logNormalAt(lastMileMs, uniform(seed, peer, 1))),
    jitterMs: logNormalAt(jitterMs, uniform(seed, peer, 2)),
    loss: Math.min(LOSS_MAX, logNormalAt(loss, uniform(seed, peer, 3))),
  };
}
