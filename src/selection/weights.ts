/**
 * Weights of the selection of relays. A cost is in ms, lower is better; what is no latency is
 * expressed as the latency that it is worth.
 */
export interface SelectionWeights {
  /** Cost of a relay whose projected load is its capacity, ms. */
  readonly loadMs: number;
  /** Power of the projected share of capacity in the load's cost: it is convex and unbounded. */
  readonly loadPower: number;
  /** Cost of a relay that was given its most legs since its last report, ms. */
  readonly burstMs: number;
  /** Most legs given to a relay between two of its reports, as a share of its capacity. */
  readonly burstShare: number;
  /** Legs that any relay may be given between two of its reports. */
  readonly burstLegs: number;
  /** Cost of one relay for both peers, ms. */
  readonly sharedMs: number;
  /** Cost of one relay for both peers if the place of one of them is unknown, ms. */
  readonly sharedUnknownMs: number;
  /** Cost of one unit of a relay's price, ms. */
  readonly priceMs: number;
  /** Pairs that cost at most this more than the best are equal; free capacity decides, ms. */
  readonly bandMs: number;
  /** The same as a share of the best pair's cost; the larger of the two applies. */
  readonly bandShare: number;
  /** Share of the selections that explore. */
  readonly exploreShare: number;
  /** Most that an exploring selection costs over the best, ms. */
  readonly exploreMs: number;
  /** Most expected loss on each part of an explored path, as a share. */
  readonly exploreLossMax: number;
  /** A session's former pair is left only for one that costs this much less, ms, */
  readonly stickyMs: number;
  /** and this much less as a share of the former pair's cost, */
  readonly stickyShare: number;
  /** and has done so for this long without interruption, ms. */
  readonly stickyForMs: number;
}

/** The weights that apply if none are configured. */
export const SELECTION_WEIGHTS: SelectionWeights = {
  loadMs: 100,
  loadPower: 6,
  burstMs: 30,
  burstShare: 0.1,
  burstLegs: 32,
  sharedMs: 3,
  sharedUnknownMs: 1_000,
  priceMs: 1,
  bandMs: 5,
  bandShare: 0.03,
  exploreShare: 0.015,
  exploreMs: 15,
  exploreLossMax: 0.012,
  stickyMs: 10,
  stickyShare: 1 / 3,
  stickyForMs: 300_000,
};
