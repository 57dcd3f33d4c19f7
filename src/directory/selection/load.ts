import type { Clock } from '../../clock.js';
import { putMostRecent } from '../../collections/lru.js';
import { LIMITS } from '../../limits.js';
import type { RelayLoad } from '../../registry/types.js';

/** Time constant of the decay of recently handed out legs. */
export const RECENT_LEGS_DECAY_MS = 60_000;

/** Maximum remembered relays. Only the holder of a relay secret can add one. */
const RELAYS_MAX = 4 * LIMITS.relaysMax;
/** Minimum recent legs of a relay that counts in `legsHeldPerRecentLeg`. */
const TELLING_LEGS = 4;
/** Maximum expected legs, as a multiple of the second largest reported number. */
const LEGS_MOST = 2;
/** Minimum CPU per leg that a relay is charged, as a share of the median relay's. */
const CPU_LEAST = 0.7;

interface Count {
  legs: number;
  atMs: number;
}

/**
 * Counts the legs recently handed out to each relay, with exponential decay
 * (`RECENT_LEGS_DECAY_MS`). The count outlives the registration, so registering again does not make
 * a relay look idle.
 *
 * Bound: `RELAYS_MAX` relays; the least recently counted is forgotten.
 */
export class RecentLegs {
  readonly #clock: Clock;
  readonly #counts = new Map<string, Count>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a leg. */
  add(id: string): void {
    const legs = this.of(id) + 1;
    putMostRecent(this.#counts, [id, { legs, atMs: this.#clock.monotonic() }], RELAYS_MAX);
  }

  /** Returns the decayed number of legs handed out to a relay. */
  of(id: string): number {
    const count = this.#counts.get(id);
    if (count === undefined) return 0;
    const passedMs = this.#clock.monotonic() - count.atMs;
    return count.legs * Math.exp(-passedMs / RECENT_LEGS_DECAY_MS);
  }
}

/** A relay's reported load, and what the directory knows beside it. */
export interface ReportedLoad {
  readonly load: Pick<RelayLoad, 'legs' | 'legsMax' | 'cpu'>;
  /** Legs handed out that the report does not show yet. */
  readonly legsAssigned: number;
  /** Decayed number of legs handed out (`RecentLegs`). */
  readonly recentLegs: number;
}

/**
 * Figures over all relays, against which each relay's report is judged. No single relay can move
 * them far.
 */
export interface LoadMeasure {
  /** The second largest of each figure, so that one false report does not set it. */
  readonly legsMax: number;
  readonly legs: number;
  readonly cpu: number;
  /** Median of legs held per recent leg: how long legs last. */
  readonly legsHeldPerRecentLeg: number;
  /** Median of CPU per share of legs in use. */
  readonly cpuPerShare: number;
}

/** Computes the measure of these relays. */
export function loadMeasure(relays: readonly ReportedLoad[]): LoadMeasure {
  const legsMax = second(relays.map(({ load }) => load.legsMax));
  const telling = relays.filter(({ recentLegs }) => recentLegs >= TELLING_LEGS);
  const busy = relays.filter(({ load }) => load.legs > 0 && load.legsMax > 0);
  return {
    legsMax,
    legs: second(relays.map(legsOf)),
    cpu: second(relays.map(({ load }) => load.cpu)),
    legsHeldPerRecentLeg: median(telling.map((each) => legsOf(each) / each.recentLegs)),
    cpuPerShare: median(
      busy.map((each) => (each.load.cpu * Math.min(each.load.legsMax, legsMax)) / legsOf(each)),
    ),
  };
}

/**
 * Returns how busy a relay is, 0 to 1, without trusting its report alone. Its `legsMax` counts up
 * to the second largest. Its legs count at least as many as the median relay holds per recent leg,
 * and its CPU at least `CPU_LEAST` of the median relay's CPU per leg. Both floors are capped by the
 * second largest report. A relay that always reports idle gets about as many legs as an idle one.
 */
export function loadShare(reported: ReportedLoad, measure: LoadMeasure): number {
  const { load, recentLegs } = reported;
  const expected = Math.min(recentLegs * measure.legsHeldPerRecentLeg, LEGS_MOST * measure.legs);
  const legs = Math.max(legsOf(reported), expected);
  const ofLegs = legs / Math.max(Math.min(load.legsMax, measure.legsMax), 1);
  const needed = Math.min(CPU_LEAST * measure.cpuPerShare * ofLegs, measure.cpu);
  return Math.min(Math.max(ofLegs, load.cpu, needed), 1);
}

function legsOf({ load, legsAssigned }: ReportedLoad): number {
  return load.legs + legsAssigned;
}

function second(values: readonly number[]): number {
  const [first = 0, next = first] = values.toSorted((a, b) => b - a);
  return next;
}

/**
 * Returns the median, the upper one of two: a relay that reports 0 beside one other must not halve
 * it.
 */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
