import type { Measured } from '../contestants/contestant.js';

/** One-way delay from which impairment rises faster, ms (ITU-T G.107, simplified). */
const DELAY_KNEE_MS = 177.3;
/** Rating without impairments by delay, codec or loss (ITU-T G.107 defaults). */
const RATING_BEST = 93.2;
/** Robustness against random loss of G.711 with concealment (ITU-T G.113 appendix I), percent. */
const LOSS_ROBUSTNESS = 25.1;
/** Jitter buffer as a multiple of the mean deviation: the 95 % quantile of a normal one. */
const BUFFER_DEVIATIONS = 2;

/**
 * Returns the rating R of a call, 0 to 93.2: R = 93.2 - 0.024 d - 0.11 (d - 177.3)+ - Ie, where d
 * is the one-way delay with the jitter buffer, ms, and Ie the impairment by loss.
 * Source: ITU-T G.107 (E-model), with the delay terms of Cole and Rosenbluth (2001).
 */
export function rating({ rttMs, jitterMs, loss }: Measured): number {
  const delayMs = rttMs / 2 + BUFFER_DEVIATIONS * jitterMs;
  const late = Math.max(0, delayMs - DELAY_KNEE_MS);
  const lossPercent = 100 * loss;
  const byLoss = (95 * lossPercent) / (lossPercent + LOSS_ROBUSTNESS);
  return Math.max(0, RATING_BEST - 0.024 * delayMs - 0.11 * late - byLoss);
}

/** Returns the mean opinion score of a rating, 1 to 4.5 (ITU-T G.107 annex B). */
export function opinionScore(r: number): number {
  if (r <= 0) return 1;
  if (r >= 100) return 4.5;
  return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
}

/** Thresholds beyond which a call is poor (VIA, SIGCOMM 2016). */
const POOR = { rttMs: 320, loss: 0.012, jitterMs: 12 } as const;

/** Returns whether a call is poor: by round trip, loss or jitter. */
export function isPoor({ rttMs, jitterMs, loss }: Measured): boolean {
  return rttMs > POOR.rttMs || loss > POOR.loss || jitterMs > POOR.jitterMs;
}
