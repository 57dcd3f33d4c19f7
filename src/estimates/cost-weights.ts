/** What the parts of a path's quality cost, in ms of round-trip time. */
export interface CostWeights {
  /** Multiple of the standard error of the mean RTT; stops a lucky sample from winning. */
  readonly uncertaintyZ: number;
  /** ms per ms of jitter (mean deviation of the RTT). */
  readonly jitterMsPerMs: number;
  /** ms per percent of lost packets. */
  readonly lossMsPerPercent: number;
}

/**
 * Defaults. One percent of loss costs what makes a call as much worse by the E-model (ITU-T G.107)
 * as about 40 ms of round trip, halved because small losses are measured badly. A jitter buffer
 * delays each direction by about twice the jitter.
 */
export const DEFAULT_COST_WEIGHTS: CostWeights = {
  uncertaintyZ: 1,
  jitterMsPerMs: 2,
  lossMsPerPercent: 20,
};

/** Changes of a cost up to this, or up to HAIR_SHARE of it, are not published. */
export const HAIR_MS = 0.5;
/** Changes of a cost up to this share, or up to HAIR_MS, are not published. */
export const HAIR_SHARE = 0.01;

/**
 * Returns the cost of a path, ms.
 * @param loss - share of lost packets, 0 to 1
 */
export function pathCostMs(
  weights: CostWeights,
  rttMs: number,
  sdMs: number,
  jitterMs: number,
  loss: number,
): number {
  return (
    rttMs +
    weights.uncertaintyZ * sdMs +
    weights.jitterMsPerMs * jitterMs +
    weights.lossMsPerPercent * 100 * loss
  );
}
