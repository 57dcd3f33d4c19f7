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
