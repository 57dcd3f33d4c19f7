import type { AssignedLegs } from './assigned-legs.js';
import { type KnownLoad, type LoadMeasure, loadMeasure, projectedLoad } from './load-measure.js';
import { type RecentCount, recentLegs } from './recent-legs.js';
import type { RelayRow, ReportedLoad } from './relay-facts.js';
import type { RegionLoads, RegionRow, RelayLoads } from './snapshot.js';
import type { SelectionWeights } from './weights.js';

/** What a state knows of a relay. */
export interface RelayEntry {
  readonly row: RelayRow;
  load: ReportedLoad;
  readonly assigned: AssignedLegs;
  /** The legs that were recently assigned to it. */
  recent: RecentCount | undefined;
}

/** The entries of a state, by slot. */
export type RelayEntries = readonly (RelayEntry | undefined)[];

/** Least chance to be drawn, as a share of the capacity, of a relay that may be drawn at all. */
const WEIGHT_LEAST = 1e-3;
/** The same of a relay that was given its most legs since its last report. */
const WEIGHT_BURST = 1e-6;

/** Returns what is known of a relay's load. */
function knownLoad({ load, assigned, recent }: RelayEntry, nowMs: number): KnownLoad {
  return {
    legs: load.legs,
    legsMax: load.legsMax,
    cpu: load.cpu,
    unshown: assigned.unshown,
    recent: recentLegs(recent, nowMs),
  };
}

/** Computes the measure by which the relays' loads are projected. */
export function measureLoads(entries: RelayEntries, nowMs: number): LoadMeasure {
  const known: KnownLoad[] = [];
  for (const entry of entries) if (entry !== undefined) known.push(knownLoad(entry, nowMs));
  return loadMeasure(known);
}

/** Projects the relays' loads: what they report, and the legs assigned since. */
export function relayLoads(
  entries: RelayEntries,
  measure: LoadMeasure,
  weights: SelectionWeights,
  nowMs: number,
): RelayLoads {
  const slots = entries.length;
  const loads = {
    share: new Float32Array(slots),
    freeLegs: new Float64Array(slots),
    weight: new Float64Array(slots),
    priceMs: new Float32Array(slots),
    freeAllocations: new Float64Array(slots).fill(Number.NaN),
    turnShare: new Float32Array(slots),
  };
  for (let slot = 0; slot < slots; slot += 1) {
    const entry = entries[slot];
    if (entry === undefined) continue;
    const each = knownLoad(entry, nowMs);
    const { share, capacity } = projectedLoad(each, measure);
    const burst = Math.max(weights.burstLegs, weights.burstShare * capacity);
    const isBurst = each.unshown >= burst;
    loads.share[slot] = share;
    loads.freeLegs[slot] = each.legsMax - each.legs - each.unshown;
    loads.weight[slot] = capacity * (isBurst ? WEIGHT_BURST : Math.max(1 - share, WEIGHT_LEAST));
    loads.priceMs[slot] =
      loadPriceMs(share, weights) +
      (isBurst ? weights.burstMs : 0) +
      weights.priceMs * (entry.row.facts.price ?? 0);
    if (entry.load.turn === undefined) continue;
    const { allocations, allocationsMax } = entry.load.turn;
    loads.freeAllocations[slot] = allocationsMax - allocations;
    loads.turnShare[slot] = Math.max(share, allocations / Math.max(allocationsMax, 1));
  }
  return loads;
}

/**
 * Returns the cost of a share of the capacity, ms: next to nothing up to half of it, then steeply
 * rising. It is not bounded, so that loads beyond the capacity differ too.
 */
export function loadPriceMs(share: number, weights: SelectionWeights): number {
  return weights.loadMs * share ** weights.loadPower;
}

/** Sums up the relays' loads by region. */
export function regionLoads(
  regions: readonly (RegionRow | undefined)[],
  { freeLegs, weight, priceMs }: RelayLoads,
): RegionLoads {
  const sums = {
    open: new Uint16Array(regions.length),
    families: new Uint8Array(regions.length),
    priceMs: new Float32Array(regions.length),
    weight: new Float64Array(regions.length),
  };
  for (let region = 0; region < regions.length; region += 1) {
    const row = regions[region];
    if (row === undefined) continue;
    const { members } = row;
    let least = Number.POSITIVE_INFINITY;
    let second = Number.POSITIVE_INFINITY;
    let open = 0;
    let sum = 0;
    for (let k = 0; k < members.length; k += 1) {
      const slot = members[k] as number;
      if ((freeLegs[slot] as number) < 1) continue;
      open += 1;
      sum += weight[slot] as number;
      const price = priceMs[slot] as number;
      second = Math.min(second, Math.max(price, least));
      least = Math.min(price, least);
    }
    sums.open[region] = Math.min(open, 65_535);
    sums.families[region] = open === 0 || row.doubted ? 0 : row.serviceAll;
    sums.weight[region] = sum;
    sums.priceMs[region] = open === 0 ? 0 : Number.isFinite(second) ? second : least;
  }
  return sums;
}
