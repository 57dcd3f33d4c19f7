import type { CostWeights } from '../estimates/cost-weights.js';
import type { LegCandidates } from '../estimates/leg-candidates.js';
import type { RegionIndex } from '../estimates/region-index.js';
import type { TrunkRow } from '../estimates/trunk-row.js';
import { AssignedLegs } from './assigned-legs.js';
import { BestRows } from './best-rows.js';
import type { LoadMeasure } from './load-measure.js';
import { measureLoads, type RelayEntry, regionLoads, relayLoads } from './loads.js';
import { RecentLegs } from './recent-legs.js';
import { regionRows } from './region-row.js';
import { type RelayFacts, type RelayStatus, type ReportedLoad, relayRow } from './relay-facts.js';
import type { RegionRow, SelectionSnapshot } from './snapshot.js';
import type { SelectionWeights } from './weights.js';

/** Interval of measuring all relays' loads, ms. */
const MEASURE_MS = 250;
/** They are measured at once if more than one in so many relays came or went since. */
const MEASURE_SHARE = 64;

/** Maximum slots of removed relays that are kept for their return, and for kept snapshots. */
export const FREE_SLOTS_MAX = 4_096;

/** Rows of relays in all kept snapshots together, which bounds their number from above. */
export const SNAPSHOT_ROWS_MAX = 160_000;

/** Minimum snapshots that are kept for explanation, once so many answered. */
export const SNAPSHOTS_KEPT_MIN = 16;
/** Maximum snapshots that are kept for explanation. */
export const SNAPSHOTS_KEPT_MAX = 1_024;

/** What selection reads of the trunks' estimates; `TrunkEstimates` is one. */
export interface TrunkSource {
  /** Returns the numbers of the regions whose rows changed since the last call. */
  takeChanged(nowMs: number): readonly number[];
  row(region: number): TrunkRow;
}

/** What selection reads of the access legs' estimates; `AccessLegs` is one. */
export interface LegSource {
  /** Returns the numbers of the clusters whose candidates changed since the last call. */
  takeChanged(nowMs: number): readonly number[];
  candidates(cluster: number): LegCandidates;
}

/** What a state is made of. */
export interface SelectionStateOptions {
  readonly regions: RegionIndex;
  readonly trunks: TrunkSource;
  readonly legs: LegSource;
  readonly weights: SelectionWeights;
  /** Those of `trunks` and `legs`. */
  readonly costWeights: CostWeights;
}

/**
 * What the relays of a cluster report and are assigned, and what is estimated of the paths, of
 * which it publishes immutable snapshots. It reads no clock: times are passed in, in monotonic ms.
 */
export class SelectionState {
  readonly #options: SelectionStateOptions;
  readonly #entries: (RelayEntry | undefined)[] = [];
  readonly #slots = new Map<string, number>();
  /** Slots of removed relays, with the snapshot at which each was freed. */
  readonly #free: { readonly slot: number; readonly id: string; readonly number: number }[] = [];
  readonly #recent = new RecentLegs();
  readonly #bestRows = new BestRows();
  readonly #kept = new Map<number, SelectionSnapshot>();
  readonly #dirtyRegions = new Set<number>();
  readonly #dirtySlots = new Set<number>();
  /** The region of each entry, -1 of none: with it few entries are looked at to find a region's. */
  readonly #regionOf: number[] = [];
  #live = 0;
  #measure: LoadMeasure = measureLoads([], 0);
  #measuredAtMs = Number.NEGATIVE_INFINITY;
  #measuredRelays = 0;
  #structure = false;
  #reported = false;
  /** Whether loads changed: by reports or by assigned legs. */
  #loads = false;
  #weights: SelectionWeights;
  #costWeights: CostWeights;
  #current: SelectionSnapshot;

  constructor(options: SelectionStateOptions) {
    this.#options = options;
    const { weights, costWeights } = options;
    this.#weights = weights;
    this.#costWeights = costWeights;
    const loads = relayLoads([], this.#measure, weights, 0);
    this.#current = {
      number: 0,
      weights,
      costWeights,
      relays: [],
      slots: this.#slots,
      loads,
      regions: [],
      regionNumbers: new Map(),
      regionLoads: regionLoads([], loads),
      trunks: [],
      legs: [],
      bestRows: [],
    };
  }

  /** Uses other weights from the next snapshot on. */
  useWeights(weights: SelectionWeights, costWeights: CostWeights): void {
    this.#weights = weights;
    this.#costWeights = costWeights;
    this.#reported = true;
    this.#loads = true;
  }

  /** Number of live relays. */
  get size(): number {
    return this.#live;
  }

  /** Whether relays came, went, changed or reported since the last snapshot. */
  get hasNews(): boolean {
    return this.#structure || this.#reported;
  }

  /** The newest snapshot. */
  get current(): SelectionSnapshot {
    return this.#current;
  }

  /**
   * Adds a relay, or replaces what is known of it. Its load and the legs that were assigned to it
   * stay; those of a new one are 0.
   * @returns false if its region has no number, as `REGIONS_MAX` others have relays; it is not
   *   chosen then
   */
  putRelay(facts: RelayFacts, status: RelayStatus): boolean {
    const { regions } = this.#options;
    const former = this.#entryOf(facts.id);
    const isMoved =
      former === undefined ||
      former.row.facts.region !== facts.region ||
      former.row.facts.location?.join() !== facts.location?.join();
    let region: number | undefined = former?.row.region;
    if (isMoved) {
      region = regions.add(facts.region, facts.location);
      if (former !== undefined) this.#leave(former);
    }
    if (region === undefined) {
      this.removeRelay(facts.id);
      return false;
    }
    const slot = former?.row.slot ?? this.#slotFor(facts.id);
    if (former === undefined) this.#live += 1;
    this.#entries[slot] = {
      row: relayRow(slot, region, facts, status),
      assigned: former?.assigned ?? new AssignedLegs(),
      load: former?.load ?? NO_LOAD,
      recent: former?.recent ?? this.#recent.of(facts.id),
    };
    this.#regionOf[slot] = region;
    this.#dirtySlots.add(slot);
    this.#dirtyRegions.add(region);
    this.#structure = true;
    return true;
  }

  /** Removes a relay. */
  removeRelay(id: string): void {
    const entry = this.#entryOf(id);
    if (entry === undefined) return;
    this.#leave(entry);
    const { slot } = entry.row;
    this.#entries[slot] = undefined;
    this.#regionOf[slot] = -1;
    this.#dirtySlots.add(slot);
    this.#live -= 1;
    this.#free.push({ slot, id, number: this.#current.number });
    this.#structure = true;
  }

  /**
   * Takes a relay's report of its load.
   * @param after - the newest sequence number that it knew when it made the report
   *   (`AssignedLegs`)
   * @returns the sequence number for the answer; 0 for an unknown relay
   */
  reportLoad(id: string, load: ReportedLoad, after?: number): number {
    const entry = this.#entryOf(id);
    if (entry === undefined) return 0;
    entry.load = load;
    this.#reported = true;
    this.#loads = true;
    return entry.assigned.report(after);
  }

  /** Counts a leg as a relay's until a report shows it. */
  assign(id: string, nowMs: number): void {
    const entry = this.#entryOf(id);
    if (entry === undefined) return;
    entry.assigned.assign();
    entry.recent = this.#recent.add(id, nowMs);
    this.#loads = true;
  }

  /** Returns the number of legs assigned to a relay that its last report does not show. */
  unshownLegs(id: string): number {
    return this.#entryOf(id)?.assigned.unshown ?? 0;
  }

  /**
   * Publishes a snapshot with all changes. The best rows may lag: some are computed anew at each
   * call.
   * @returns the snapshot; the same one if nothing has changed
   */
  publish(nowMs: number): SelectionSnapshot {
    const paths = this.#takePaths(nowMs);
    const isRows = this.#bestRows.isDirty;
    if (!this.#structure && !this.#loads && !isRows && paths === undefined) return this.#current;
    const before = this.#current;
    const structure = this.#structure ? this.#takeStructure() : before;
    const loads =
      this.#structure || this.#loads ? this.#takeLoads(structure.regions, nowMs) : before;
    const { trunks, legs } = paths ?? before;
    const bestRows = isRows
      ? this.#bestRows.update(legs, trunks, this.#options.regions.extent)
      : before.bestRows;
    this.#structure = false;
    this.#reported = false;
    this.#loads = false;
    this.#current = {
      number: before.number + 1,
      weights: this.#weights,
      costWeights: this.#costWeights,
      relays: structure.relays,
      slots: this.#slots,
      loads: loads.loads,
      regions: structure.regions,
      regionNumbers: structure.regionNumbers,
      regionLoads: loads.regionLoads,
      trunks,
      legs,
      bestRows,
    };
    return this.#current;
  }

  /** Publishes a snapshot with a cluster's legs if the newest one lacks them. */
  needLegs(cluster: number): void {
    const before = this.#current;
    if (before.legs[cluster] !== undefined || before.regions.length === 0) return;
    const legs = [...before.legs];
    while (legs.length <= cluster) legs.push(undefined);
    legs[cluster] = this.#options.legs.candidates(cluster);
    this.#bestRows.legsChanged([cluster]);
    this.#current = { ...before, number: before.number + 1, legs };
  }

  /** Keeps the newest snapshot for `snapshotOf`: something was selected by it. */
  keep(): void {
    const { number } = this.#current;
    if (this.#kept.has(number)) return;
    this.#kept.set(number, this.#current);
    const most = Math.floor(SNAPSHOT_ROWS_MAX / Math.max(this.#live, 1));
    const bound = Math.min(Math.max(most, SNAPSHOTS_KEPT_MIN), SNAPSHOTS_KEPT_MAX);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= bound) return;
      this.#kept.delete(oldest);
    }
  }

  /** Returns a kept snapshot by its number. */
  snapshotOf(number: number): SelectionSnapshot | undefined {
    return this.#kept.get(number);
  }

  #entryOf(id: string): RelayEntry | undefined {
    const entry = this.#entries[this.#slots.get(id) ?? -1];
    return entry?.row.facts.id === id ? entry : undefined;
  }

  /** Takes a relay out of its region. */
  #leave({ row }: RelayEntry): void {
    this.#options.regions.remove(row.facts.region, row.facts.location);
    this.#dirtyRegions.add(row.region);
  }

  /** Returns the slot of a new relay: its former one, one that has rested, or a new one. */
  #slotFor(id: string): number {
    const former = this.#slots.get(id);
    if (former !== undefined) {
      const place = this.#free.findIndex((each) => each.slot === former);
      this.#free.splice(place, 1);
      return former;
    }
    const slot = this.#freeSlot() ?? this.#entries.push(undefined) - 1;
    this.#slots.set(id, slot);
    return slot;
  }

  /** Returns the slot freed first, if no kept snapshot has its relay or too many are free. */
  #freeSlot(): number | undefined {
    const [first] = this.#free;
    if (first === undefined || first.number >= this.#current.number) return undefined;
    const [oldest = Number.POSITIVE_INFINITY] = this.#kept.keys();
    if (oldest <= first.number && this.#free.length < FREE_SLOTS_MAX) return undefined;
    this.#free.shift();
    this.#slots.delete(first.id);
    for (const number of this.#kept.keys()) if (number <= first.number) this.#kept.delete(number);
    return first.slot;
  }

  #takeStructure() {
    const former = this.#current;
    const regions = [...former.regions];
    const names = this.#options.regions;
    while (regions.length < names.extent) regions.push(undefined);
    const nameOf = (region: number) => names.nameOf(region);
    const rows = regionRows(this.#entries, this.#regionOf, this.#dirtyRegions, nameOf);
    let isNamed = false;
    for (const [region, row] of rows) {
      isNamed ||= regions[region]?.name !== row?.name;
      regions[region] = row;
    }
    this.#dirtyRegions.clear();
    const relays = [...former.relays];
    while (relays.length < this.#entries.length) relays.push(undefined);
    for (const slot of this.#dirtySlots) relays[slot] = this.#entries[slot]?.row;
    this.#dirtySlots.clear();
    return { relays, regions, regionNumbers: isNamed ? numbersOf(regions) : former.regionNumbers };
  }

  #takeLoads(regions: readonly (RegionRow | undefined)[], nowMs: number) {
    const came = Math.abs(this.#live - this.#measuredRelays);
    if (nowMs - this.#measuredAtMs >= MEASURE_MS || came > this.#measuredRelays / MEASURE_SHARE) {
      this.#measuredAtMs = nowMs;
      this.#measuredRelays = this.#live;
      this.#measure = measureLoads(this.#entries, nowMs);
    }
    const loads = relayLoads(this.#entries, this.#measure, this.#weights, nowMs);
    return { loads, regionLoads: regionLoads(regions, loads) };
  }

  /** Returns the paths' estimates if some of them changed. */
  #takePaths(nowMs: number): Pick<SelectionSnapshot, 'trunks' | 'legs'> | undefined {
    const { regions, trunks: trunkSource, legs: legSource } = this.#options;
    const changedTrunks = trunkSource.takeChanged(nowMs);
    const changedLegs = legSource.takeChanged(nowMs);
    if (changedTrunks.length === 0 && changedLegs.length === 0) return undefined;
    let { trunks, legs } = this.#current;
    if (changedLegs.length > 0) {
      const next = [...legs];
      for (const cluster of changedLegs) {
        while (next.length <= cluster) next.push(undefined);
        next[cluster] = legSource.candidates(cluster);
      }
      legs = next;
      this.#bestRows.legsChanged(changedLegs);
    }
    if (changedTrunks.length > 0) {
      const next = [...trunks];
      const changed = new Uint8Array(Math.max(regions.extent, next.length));
      for (const region of changedTrunks) {
        while (next.length <= region) next.push(undefined);
        next[region] = trunkSource.row(region);
        changed[region] = 1;
      }
      trunks = next;
      this.#bestRows.trunksChanged(changed, legs);
    }
    return { trunks, legs };
  }
}

/** Returns the numbers of regions by name. */
function numbersOf(regions: readonly (RegionRow | undefined)[]): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const row of regions) if (row !== undefined) numbers.set(row.name, row.number);
  return numbers;
}

/** The load of a relay before its first report. */
const NO_LOAD: ReportedLoad = { legs: 0, legsMax: 0, cpu: 0 };
