import type { Clock } from '../../clock.js';
import type { LiveRelay } from '../snapshot.js';
import { type LoadMeasure, loadMeasure, loadShare, RecentLegs } from './load.js';

/** Interval of measuring all relays' loads. */
const MEASURE_INTERVAL_MS = 250;

/** The load that selection reads: reported load and legs that no report shows yet. */
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
