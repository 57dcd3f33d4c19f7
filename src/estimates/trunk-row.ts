/**
 * Estimates of the trunk from one region to every region, by region number. Immutable: a row is
 * replaced when it changes. Round-trip times and losses count both directions, so the row of `a` at
 * `b` equals the row of `b` at `a` once both are up to date.
 */
export interface TrunkRow {
  /** RTT with its uncertainty, jitter and loss (`pathCostMs`), ms; never NaN. */
  readonly costMs: Float32Array;
  /** Mean RTT, ms. */
  readonly rttMs: Float32Array;
  /** Standard error of that mean, ms. */
  readonly sdMs: Float32Array;
  readonly jitterMs: Float32Array;
  /** Share of lost packets in the worse direction, 0 to 1. */
  readonly loss: Float32Array;
}

/** Returns a row of zeros. */
export function emptyTrunkRow(regions: number): TrunkRow {
  return {
    costMs: new Float32Array(regions),
    rttMs: new Float32Array(regions),
    sdMs: new Float32Array(regions),
    jitterMs: new Float32Array(regions),
    loss: new Float32Array(regions),
  };
}
