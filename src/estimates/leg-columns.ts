import { REGIONS_MAX } from './region-index.js';

/** Estimates of legs of one cluster, by region number. */
export class LegColumns {
  readonly rttMs = new Float64Array(REGIONS_MAX);
  readonly sdMs = new Float64Array(REGIONS_MAX);
  readonly jitterMs = new Float64Array(REGIONS_MAX);
  readonly loss = new Float64Array(REGIONS_MAX);
}
