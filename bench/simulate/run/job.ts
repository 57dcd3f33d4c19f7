import type { Metrics } from '../judge/metrics.js';
import type { CalibrationRow } from '../world/calibration.js';

/** One seed of one world, as a worker gets it. */
export interface Job {
  readonly seed: number;
  readonly contestants: readonly string[];
  readonly regions: number;
  readonly relays: number;
  readonly clusters: number;
  readonly providers: number;
  readonly hours: number;
  readonly calls: number;
  /** Calls of the time before, by which contestants learn. */
  readonly warmUpCalls: number;
  readonly warmUpHours: number;
  /** Legs for each relay that begin between two reports of the burst. */
  readonly burstLegs: number;
  /** Folder and title of the replayed matrix; undefined for the synthetic planet. */
  readonly matrix?: { readonly folder: string; readonly title: string };
}

/** A contestant's figures in all calls and in groups of them. */
export interface ContestantResult {
  readonly name: string;
  readonly title: string;
  readonly metrics: Metrics;
  readonly groups: readonly {
    readonly kind: string;
    readonly name: string;
    readonly moments: number;
    readonly p95Ratio: number;
    readonly regretMean: number;
    readonly poor: number;
    readonly opinionScore: number;
  }[];
  /** Round-trip times at `CURVE_SHARES` of the moments, ms. */
  readonly rttCurve: readonly number[];
  /** Regrets to the per-minute oracle at the same shares, ms. */
  readonly regretCurve: readonly number[];
}

/** What one contestant's relays went through in a burst. */
export interface BurstResult {
  readonly name: string;
  readonly title: string;
  /** Legs of the mean relay before and after the burst. */
  readonly legsBefore: number;
  readonly legsAfter: number;
  /** Largest over mean load by capacity within a region: mean and maximum over regions. */
  readonly maxOverMean: number;
  readonly maxOverMeanWorst: number;
  /** Relays that hold more legs than they have room for. */
  readonly overloaded: number;
  readonly series: readonly { readonly second: number; readonly maxOverMean: number }[];
}

/** What a worker returns. */
export interface SeedResult {
  readonly seed: number;
  readonly world: string;
  readonly isReplay: boolean;
  readonly calibration: readonly CalibrationRow[];
  readonly contestants: readonly ContestantResult[];
  readonly burst: readonly BurstResult[];
}

/** Shares of a distribution at which curves are sampled. */
export const CURVE_SHARES: readonly number[] = Array.from({ length: 101 }, (_, at) => at / 100);
