import type { Clock } from '../../clock.js';
import type { LiveRelay } from '../snapshot.js';
import { type LoadMeasure, loadMeasure, loadShare, RecentLegs } from './load.js';

/** How often the relays' loads are compared with each other, and what was assigned fades. */
const MEASURE_INTERVAL_MS = 250;

/** What selection takes for a relay's load: what is reported, and what no report shows yet. */
export interface LoadEstimate {
  of(relay: LiveRelay): EstimatedLoad;
}

/** The load that a directory takes a relay to have. */
export interface EstimatedLoad {
  /** How many more legs it has room for. */
  readonly legsFree: number;
  /** How busy it is, 0 to 1, as far as its word can be taken (`loadShare`). */
  readonly share: number;
}

interface Entry {
  assignedSinceBeat: number;
  assignedBeforeBeat: number;
  /** As it was estimated last, and from what; undefined where that no longer holds. */
  estimated: EstimatedLoad | undefined;
  relay: LiveRelay | undefined;
  measure: LoadMeasure | undefined;
}

/**
 * What this directory alone knows of the relays' loads: the legs that it handed out and that no
 * report shows yet. It lies over the snapshots and is no part of them.
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

  /** A relay was registered: no leg of it is assigned. */
  add(id: string): void {
    this.#entries.set(id, {
      assignedSinceBeat: 0,
      assignedBeforeBeat: 0,
      estimated: undefined,
      relay: undefined,
      measure: undefined,
    });
  }

  /** A relay is gone. Its recent legs are remembered (`RecentLegs`). */
  delete(id: string): void {
    this.#entries.delete(id);
  }

  /** Counts a leg as the relay's until its own load shows it. */
  assign(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.assignedSinceBeat += 1;
    entry.estimated = undefined;
    this.#recentLegs.add(id);
  }

  /**
   * A beat has reported the relay's load. Peers take a moment to allocate: what was assigned just
   * before this beat may be in its load or may not, so it counts until the next one.
   */
  reported(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.assignedBeforeBeat = entry.assignedSinceBeat;
    entry.assignedSinceBeat = 0;
    entry.estimated = undefined;
  }

  /** Legs handed out since a relay's load was measured: they are not in the load yet. */
  legsAssigned(id: string): number {
    const entry = this.#entries.get(id);
    return entry === undefined ? 0 : entry.assignedSinceBeat + entry.assignedBeforeBeat;
  }

  /** Compares the relays' loads, where that is due. @param relays - of the newest snapshot */
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
