import type { CostWeights } from '../estimates/cost-weights.js';
import type { LegCandidates } from '../estimates/leg-candidates.js';
import type { TrunkRow } from '../estimates/trunk-row.js';
import type { BestRow } from './best-rows.js';
import type { RelayRow } from './relay-facts.js';
import type { SelectionWeights } from './weights.js';

/** A region in a snapshot, with its relays that may be chosen. Immutable. */
export interface RegionRow {
  readonly number: number;
  readonly name: string;
  /** Slots of its relays that are confirmed and do not drain. */
  readonly members: Int32Array;
  /** Bits of the families in which each member has an address for peers, and any of them has. */
  readonly serviceAll: number;
  readonly serviceAny: number;
  /** Whether a report is against a member. */
  readonly doubted: boolean;
  /** The members' providers, each once. */
  readonly providers: readonly (string | undefined)[];
}

/** The relays' projected loads, by slot. */
export interface RelayLoads {
  /** Share of the capacity in use, from 0, not bounded above. */
  readonly share: Float32Array;
  /** Number of further legs that it has room for; negative beyond its capacity. */
  readonly freeLegs: Float64Array;
  /** Chance to be drawn, in proportion: free capacity, legs. */
  readonly weight: Float64Array;
  /** Cost of its load and its price, ms. */
  readonly priceMs: Float32Array;
  /** Allocations of TURN that it has room for; NaN for a relay without TURN for tenants' users. */
  readonly freeAllocations: Float64Array;
  /** Share of its allocations in use, or of its capacity if that is more. */
  readonly turnShare: Float32Array;
}

/** The regions' projected loads, by region number. */
export interface RegionLoads {
  /** Number of members with room for a leg. */
  readonly open: Uint16Array;
  /** `RegionRow.serviceAll` where no report is against a member and one has room; otherwise 0. */
  readonly families: Uint8Array;
  /** `RelayLoads.priceMs` of the second cheapest of those; of the only one that one's. */
  readonly priceMs: Float32Array;
  /** Sum of `RelayLoads.weight` of those. */
  readonly weight: Float64Array;
}

/**
 * Everything that selection reads, at one moment. It never changes after it was published, and
 * shares what did not change with its predecessors. `slots` and `regionNumbers` may gain entries
 * that are of later snapshots: an entry counts only if the row that it leads to has its name.
 */
export interface SelectionSnapshot {
  /** Rises with each snapshot. */
  readonly number: number;
  readonly weights: SelectionWeights;
  /** By which the costs of paths are made of their quality. */
  readonly costWeights: CostWeights;
  /** By slot; undefined where there is no live relay. */
  readonly relays: readonly (RelayRow | undefined)[];
  /** Slots by relay id. */
  readonly slots: ReadonlyMap<string, number>;
  readonly loads: RelayLoads;
  /** By region number; undefined where there is no live relay. */
  readonly regions: readonly (RegionRow | undefined)[];
  readonly regionNumbers: ReadonlyMap<string, number>;
  readonly regionLoads: RegionLoads;
  /** By region number. */
  readonly trunks: readonly (TrunkRow | undefined)[];
  /** By cluster number. */
  readonly legs: readonly (LegCandidates | undefined)[];
  /** By cluster number; undefined where not computed yet. */
  readonly bestRows: readonly (BestRow | undefined)[];
}

/** Cost of the trunk between two regions of which nothing is known, ms. */
export const UNKNOWN_TRUNK_MS = 20;

/** Returns the cost of the trunk between two regions, or two relays of one region, ms. */
export function trunkCostMs(snapshot: SelectionSnapshot, a: number, b: number): number {
  const cost = snapshot.trunks[a]?.costMs[b];
  return cost ?? (a === b ? 0 : UNKNOWN_TRUNK_MS);
}

/** Returns the row of a relay; undefined if it is not live in this snapshot. */
export function relayOf(snapshot: SelectionSnapshot, id: string): RelayRow | undefined {
  const row = snapshot.relays[snapshot.slots.get(id) ?? -1];
  return row?.facts.id === id ? row : undefined;
}

/** Returns the row of a region; undefined if it has no live relay in this snapshot. */
export function regionOf(snapshot: SelectionSnapshot, name: string): RegionRow | undefined {
  const row = snapshot.regions[snapshot.regionNumbers.get(name) ?? -1];
  return row?.name === name ? row : undefined;
}
