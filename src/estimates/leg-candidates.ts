import { HAIR_MS, HAIR_SHARE } from './cost-weights.js';

/** Maximum regions that one access cluster has estimates of. */
export const LEG_CANDIDATES_MAX = 32;

/** The best regions of one access cluster by cost, best first. Immutable. */
export interface LegCandidates {
  /** Region numbers. */
  readonly regions: Uint16Array;
  /** RTT with its uncertainty, jitter and loss (`pathCostMs`), ms. */
  readonly costMs: Float32Array;
  /** Mean RTT, ms. */
  readonly rttMs: Float32Array;
  /** Standard error of that mean, ms. */
  readonly sdMs: Float32Array;
  readonly jitterMs: Float32Array;
  /** Share of lost packets, 0 to 1. */
  readonly loss: Float32Array;
}

/** Returns whether candidates are the same regions at about the same costs. */
export function isAlike(former: LegCandidates | undefined, next: LegCandidates): boolean {
  if (former === undefined || former.regions.length !== next.regions.length) return false;
  for (const [i, region] of next.regions.entries()) {
    const before = former.costMs[i] ?? 0;
    const hair = Math.max(HAIR_MS, HAIR_SHARE * before);
    if (region !== former.regions[i] || Math.abs((next.costMs[i] ?? 0) - before) > hair)
      return false;
  }
  return true;
}
