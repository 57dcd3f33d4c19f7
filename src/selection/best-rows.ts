import type { LegCandidates } from '../estimates/leg-candidates.js';
import type { TrunkRow } from '../estimates/trunk-row.js';
import { UNKNOWN_TRUNK_MS } from './snapshot.js';

/**
 * The least costs from one access cluster to every region, by region number: over the leg to any of
 * the cluster's candidate regions and the trunk from there. It leaves out load, which changes too
 * often, so it is a lower bound. Immutable.
 */
export type BestRow = Float32Array;

/** Row computations of one publication, in sums of a leg and a trunk. */
export const BEST_ROW_SUMS_MAX = 320_000;

/** Computes the row of a cluster over `regions` region numbers. */
function bestRow(
  legs: LegCandidates,
  trunks: readonly (TrunkRow | undefined)[],
  regions: number,
): BestRow {
  const row = new Float32Array(regions).fill(Number.POSITIVE_INFINITY);
  for (let k = 0; k < legs.regions.length; k += 1) {
    const legMs = legs.costMs[k] as number;
    const costMs = trunks[legs.regions[k] as number]?.costMs;
    const known = Math.min(costMs?.length ?? 0, regions);
    for (let b = 0; b < known; b += 1) {
      const sum = legMs + ((costMs as Float32Array)[b] as number);
      if (sum < (row[b] as number)) row[b] = sum;
    }
    for (let b = known; b < regions; b += 1) {
      const sum = legMs + (b === legs.regions[k] ? 0 : UNKNOWN_TRUNK_MS);
      if (sum < (row[b] as number)) row[b] = sum;
    }
  }
  // The way by one relay for both peers has no trunk.
  for (let k = 0; k < legs.regions.length; k += 1) {
    const b = legs.regions[k] as number;
    if (b < regions && (legs.costMs[k] as number) < (row[b] as number)) {
      row[b] = legs.costMs[k] as number;
    }
  }
  return row;
}

/** Returns whether any of some regions is marked. */
function hasAny(regions: Uint16Array, marks: Uint8Array): boolean {
  for (let k = 0; k < regions.length; k += 1) if (marks[regions[k] as number] === 1) return true;
  return false;
}

/**
 * Keeps the rows of all clusters up to date, a few at each publication: those whose legs changed
 * first, then, in turn, those with a changed trunk.
 */
export class BestRows {
  #rows: (BestRow | undefined)[] = [];
  #shared = false;
  /** Clusters whose legs changed. */
  readonly #urgent = new Set<number>();
  /** Whether each cluster's trunks may have changed since its row was computed, by cluster. */
  #stale = new Uint8Array(0);
  #staleCount = 0;
  #next = 0;

  /** Whether `update` has something to do. */
  get isDirty(): boolean {
    return this.#urgent.size > 0 || this.#staleCount > 0;
  }

  /** Notes that the legs of clusters changed. */
  legsChanged(clusters: Iterable<number>): void {
    for (const cluster of clusters) this.#urgent.add(cluster);
  }

  /**
   * Notes that the trunks from regions changed.
   * @param changed - 1 at the changed regions' numbers
   */
  trunksChanged(changed: Uint8Array, legs: readonly (LegCandidates | undefined)[]): void {
    this.#grow(legs.length);
    for (let cluster = 0; cluster < legs.length; cluster += 1) {
      if (this.#stale[cluster] === 1) continue;
      const regions = legs[cluster]?.regions;
      if (regions === undefined || !hasAny(regions, changed)) continue;
      this.#stale[cluster] = 1;
      this.#staleCount += 1;
    }
  }

  /**
   * Computes rows anew, at most `BEST_ROW_SUMS_MAX` sums.
   * @param regions - the number of region numbers
   * @returns all rows, by cluster; not changed later
   */
  update(
    legs: readonly (LegCandidates | undefined)[],
    trunks: readonly (TrunkRow | undefined)[],
    regions: number,
  ): readonly (BestRow | undefined)[] {
    let left = BEST_ROW_SUMS_MAX;
    for (const cluster of this.#urgent) {
      if (left <= 0) break;
      this.#urgent.delete(cluster);
      left -= this.#compute(cluster, legs[cluster], trunks, regions);
    }
    for (let seen = 0; seen < legs.length && left > 0 && this.#staleCount > 0; seen += 1) {
      const cluster = this.#next % legs.length;
      this.#next = cluster + 1;
      if (this.#stale[cluster] !== 1) continue;
      left -= this.#compute(cluster, legs[cluster], trunks, regions);
    }
    this.#shared = true;
    return this.#rows;
  }

  #compute(
    cluster: number,
    legs: LegCandidates | undefined,
    trunks: readonly (TrunkRow | undefined)[],
    regions: number,
  ): number {
    if (this.#shared) {
      this.#rows = [...this.#rows];
      this.#shared = false;
    }
    this.#grow(cluster + 1);
    if (this.#stale[cluster] === 1) {
      this.#stale[cluster] = 0;
      this.#staleCount -= 1;
    }
    const isEmpty = legs === undefined || legs.regions.length === 0;
    this.#rows[cluster] = isEmpty ? undefined : bestRow(legs, trunks, regions);
    return isEmpty ? 1 : legs.regions.length * regions;
  }

  #grow(clusters: number): void {
    while (this.#rows.length < clusters) this.#rows.push(undefined);
    if (this.#stale.length >= clusters) return;
    const grown = new Uint8Array(Math.max(64, 2 * clusters));
    grown.set(this.#stale);
    this.#stale = grown;
  }
}
