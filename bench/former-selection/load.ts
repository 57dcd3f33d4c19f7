import type { Clock } from '../../src/clock.js';
import type { RelayLoad } from '../../src/registry/types.js';
import type { LiveRelay } from './live-relay.js';
import { RecentLegs } from './recent-legs.js';

/** Interval of measuring all relays' loads. */
const MEASURE_INTERVAL_MS = 250;
/** Minimum recent legs of a relay that counts in `legsHeldPerRecentLeg`. */
const TELLING_LEGS = 4;
/** Maximum expected legs, as a multiple of the second largest reported number. */
const LEGS_MOST = 2;
/** Minimum CPU per leg that a relay is charged, as a share of the median relay's. */
const CPU_LEAST = 0.7;

/**
 * The load that selection reads: reported load and legs that no report shows yet. score.ts turns it
 * into a cost.
 */
export interface LoadEstimate {
  of(relay: LiveRelay): EstimatedLoad;
}

/** A relay's estimated load. */
export interface EstimatedLoad {
  /** Number of further legs that it has room for. */
  readonly legsFree: number;
  /** Share of its capacity in use, 0 to 1 (`loadShare`). */
  readonly share: number;
}

interface Entry {
  assignedSinceBeat: number;
  assignedBeforeBeat: number;
  /** Last estimate and its inputs; undefined if invalid. */
  estimated: EstimatedLoad | undefined;
  relay: LiveRelay | undefined;
  measure: LoadMeasure | undefined;
}

/**
 * Estimates relays' loads from the reports and the legs that this directory handed out since. It
 * complements the snapshots and is not part of them, because other instances do not know these
 * legs.
 */
export class LocalLoad implements LoadEstimate {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #recentLegs: RecentLegs;
  #measure: LoadMeasure = loadMeasure([]);
  #measuredAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#recentLegs = new RecentLegs(clock);
  }

  /** Adds a registered relay, without assigned legs. */
  add(id: string): void {
    this.#entries.set(id, {
      assignedSinceBeat: 0,
      assignedBeforeBeat: 0,
      estimated: undefined,
      relay: undefined,
      measure: undefined,
    });
  }

  /** Removes a relay. Its recent legs stay counted (`RecentLegs`). */
  delete(id: string): void {
    this.#entries.delete(id);
  }

  /** Counts a leg as the relay's until a report shows it. */
  assign(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.assignedSinceBeat += 1;
    entry.estimated = undefined;
    this.#recentLegs.add(id);
  }

  /**
   * Takes note of a relay's beat. Peers need a moment to allocate, so a leg that was assigned just
   * before this beat may be missing from its load: it counts until the next beat.
   */
  reported(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.assignedBeforeBeat = entry.assignedSinceBeat;
    entry.assignedSinceBeat = 0;
    entry.estimated = undefined;
  }

  /** Returns the number of legs handed out that the relay's report may not show yet. */
  legsAssigned(id: string): number {
    const entry = this.#entries.get(id);
    return entry === undefined ? 0 : entry.assignedSinceBeat + entry.assignedBeforeBeat;
  }

  /**
   * Measures the relays' loads if that is due.
   * @param relays - of the newest snapshot
   */
  estimate(relays: readonly LiveRelay[]): LoadEstimate {
    const now = this.#clock.monotonic();
    if (now - this.#measuredAtMs >= MEASURE_INTERVAL_MS) {
      this.#measuredAtMs = now;
      this.#measure = loadMeasure(relays.map((relay) => this.#reportedLoad(relay)));
    }
    return this;
  }

  of(relay: LiveRelay): EstimatedLoad {
    const entry = this.#entries.get(relay.record.id);
    const isSame = entry?.relay === relay && entry.measure === this.#measure;
    if (isSame && entry.estimated !== undefined) return entry.estimated;
    const reported = this.#reportedLoad(relay);
    const { load } = relay;
    const estimated = {
      legsFree: load.legsMax - load.legs - reported.legsAssigned,
      share: loadShare(reported, this.#measure),
    };
    if (entry !== undefined) Object.assign(entry, { estimated, relay, measure: this.#measure });
    return estimated;
  }

  #reportedLoad({ record: { id }, load }: LiveRelay) {
    return { load, legsAssigned: this.legsAssigned(id), recentLegs: this.#recentLegs.of(id) };
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
function loadMeasure(relays: readonly ReportedLoad[]): LoadMeasure {
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
function loadShare(reported: ReportedLoad, measure: LoadMeasure): number {
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
