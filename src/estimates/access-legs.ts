import { type AccessCluster, AccessClusters, type ClusterDescription } from './access-clusters.js';
import { type CostWeights, pathCostMs } from './cost-weights.js';
import { distanceKm, lightRttMs, usualRttMs } from './geography.js';
import { insertByCost } from './insert-by-cost.js';
import { isAlike, LEG_CANDIDATES_MAX, type LegCandidates } from './leg-candidates.js';
import { LegCells, USUAL_LEG_JITTER_MS, USUAL_LEG_LOSS } from './leg-cells.js';
import { LegColumns } from './leg-columns.js';
import { parseNetwork } from './network.js';
import type { NetworkPlaces } from './network-places.js';
import { REGIONS_MAX, type RegionIndex } from './region-index.js';
import type { TrunkEstimates } from './trunk-estimates.js';

/** Maximum samples that one report counts for, in its cluster and in each parent of it. */
export const LEG_REPORT_COUNT_MAX = 50;
const LEG_PARENT_COUNT_MAX = 10;
/** Samples that weigh as much as the parent's estimate. */
const SHRINK_COUNT = 20;
/** Samples from which on a leg is a witness of others, or a start of paths through the trunk. */
const WITNESS_COUNT = 3;
/** Known legs that paths through the trunk start from. */
const STARTS_MAX = 8;
/** Clusters that `takeChanged` rebuilds at most in one call. */
const CLUSTERS_A_CALL = 8;
/**
 * Share of the difference between a trunk and the other leg that a leg is at least: the triangle
 * inequality, with room for its violations.
 */
const TRIANGLE_SHARE = 0.5;
/**
 * Last mile, by which a leg exceeds the path between cities; median of wired and wireless homes.
 */
const LAST_MILE_MS = 7;
/** Estimate of a leg of which nothing is known. */
const UNKNOWN_RTT_MS = 80;
/** Standard errors of estimates without a history, as a share of them. */
const THROUGH_SD_SHARE = 0.25;
const GEOGRAPHY_SD_SHARE = 0.35;
const UNKNOWN_SD_SHARE = 0.5;

/** A relay's measurements of the legs of one network. */
export interface LegSample {
  /** An address, or a prefix of addresses. */
  readonly network: string;
  /** Region number of the relay. */
  readonly region: number;
  /** Its id. */
  readonly reporter: string;
  /** Mean over the samples. */
  readonly rttMs: number;
  /** Their standard deviation. */
  readonly sdMs: number;
  /** Absent if no peer told. */
  readonly jitterMs?: number | undefined;
  /** Share of lost packets in the worse direction, 0 to 1; absent if no peer told. */
  readonly loss?: number | undefined;
  readonly count: number;
}

/** Where access clusters get what they estimate from. */
export interface AccessLegsOptions {
  readonly regions: RegionIndex;
  readonly trunks: TrunkEstimates;
  readonly weights: CostWeights;
  /** Default none: clusters are prefixes. */
  readonly places?: NetworkPlaces | undefined;
  /** Default CLUSTERS_MAX. */
  readonly clustersMax?: number | undefined;
}

/** What the history of a chain of clusters alone tells of a leg. */
interface LegEstimate {
  readonly region: number;
  readonly rttMs: number;
  /** Decayed number of samples of the narrowest cluster that has some. */
  readonly count: number;
}

/**
 * Estimates of the legs between networks of peers and regions. A cluster's own history counts as
 * far as it has samples, then its parent's; without any a leg is estimated through the trunk from
 * the regions that are known, then by geography.
 *
 * Memory: at most CLUSTERS_MAX clusters of about 4 KB.
 */
export class AccessLegs {
  readonly #regions: RegionIndex;
  readonly #trunks: TrunkEstimates;
  #weights: CostWeights;
  readonly #clusters: AccessClusters;
  readonly #cells = new LegCells(16);
  readonly #candidates: (LegCandidates | undefined)[] = [];
  readonly #dirty = new Set<number>();
  /** Work space of the cluster that is being built, by region number. */
  readonly #columns = new LegColumns();
  readonly #costs = new Float64Array(REGIONS_MAX);
  #nowMs = 0;
  #cursor = 0;

  constructor({ regions, trunks, weights, places, clustersMax }: AccessLegsOptions) {
    this.#regions = regions;
    this.#trunks = trunks;
    this.#weights = weights;
    this.#clusters = new AccessClusters(places, clustersMax);
    regions.onReused((region) => {
      this.#cells.clearRegion(region);
      for (let cluster = 0; cluster < this.extent; cluster++) this.#dirty.add(cluster);
    });
  }

  /** Looks addresses up by other databases from now on; clusters are prefixes for undefined. */
  usePlaces(places: NetworkPlaces | undefined): void {
    this.#clusters.usePlaces(places);
  }

  /** Uses other weights: all candidates are built again, some at each `takeChanged`. */
  useWeights(weights: CostWeights): void {
    this.#weights = weights;
    for (let cluster = 0; cluster < this.extent; cluster++) this.#dirty.add(cluster);
  }

  /** All cluster numbers are less. It never falls. */
  get extent(): number {
    return this.#clusters.extent;
  }

  /** Number of clusters. */
  get size(): number {
    return this.#clusters.size;
  }

  /**
   * Returns the cluster of an IP address: the narrowest that has a history, or one at the place of
   * the address, whose legs are estimated by geography. Its number is reused only after
   * `takeChanged` has returned it; until the next call its candidates are those of its family.
   * @param address - an IP address; any other text counts as an unknown IPv4 address
   */
  clusterOf(address: string): number {
    const network = parseNetwork(address);
    if (network === undefined) return 0;
    const { size } = this.#clusters;
    const cluster = this.#clusters.find(network);
    if (this.#clusters.size > size) this.#dirty.add(cluster);
    return cluster;
  }

  /**
   * Takes a relay's report.
   * @param nowMs - monotonic ms
   * @returns whether its values are usable numbers of a network and a known region
   */
  report(sample: LegSample, nowMs: number): boolean {
    const { region, reporter, rttMs, sdMs, jitterMs, loss, count } = sample;
    const numbers = [rttMs, sdMs, jitterMs ?? 0, loss ?? 0, count];
    if (!numbers.every((each) => Number.isFinite(each) && each >= 0) || count < 1) return false;
    const network = parseNetwork(sample.network);
    const isKnown = Number.isInteger(region) && region >= 0 && region < this.#regions.extent;
    if (network === undefined || !isKnown) return false;
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    const values = {
      rttMs: Math.min(10_000, Math.max(0.01, rttMs)),
      sdMs: Math.min(5_000, sdMs),
      jitterMs: jitterMs && Math.min(1_000, jitterMs),
      loss: loss && Math.min(1, loss),
    };
    const leaf = this.#clusters.findOrMake(network, reporter);
    this.#cells.reserve(this.extent);
    for (const cluster of this.#chainOf(leaf)) {
      const countMax = cluster === leaf ? LEG_REPORT_COUNT_MAX : LEG_PARENT_COUNT_MAX;
      const bounded = { ...values, count: Math.min(countMax, count) };
      this.#cells.add(cluster, region, reporter, bounded, this.#nowMs);
      this.#dirty.add(cluster);
    }
    return true;
  }

  /**
   * Rebuilds the candidates of some clusters: of those with new reports first, and of one more in
   * turn, whose trunks may have changed. Evicts clusters when there are too many; an evicted number
   * has its family's candidates until another cluster gets it.
   * @param nowMs - monotonic ms
   * @returns the numbers of the clusters whose candidates are others, or changed by more than a
   *   hair
   */
  takeChanged(nowMs: number): readonly number[] {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    const taken = [...this.#clusters.evict(this.#nowMs)];
    for (const cluster of taken) {
      this.#cells.clear(cluster);
      this.#dirty.delete(cluster);
      this.#candidates[cluster] = undefined;
    }
    this.#cursor = (this.#cursor + 1) % this.extent;
    if (this.#candidates[this.#cursor] !== undefined) this.#dirty.add(this.#cursor);
    let rebuilt = 0;
    for (const cluster of this.#dirty) {
      if (rebuilt === CLUSTERS_A_CALL) break;
      rebuilt += 1;
      this.#dirty.delete(cluster);
      const built = this.#build(cluster);
      if (isAlike(this.#candidates[cluster], built)) continue;
      this.#candidates[cluster] = built;
      taken.push(cluster);
    }
    return taken;
  }

  /**
   * Returns a cluster's candidates as `takeChanged` built them last; builds them if there are none.
   * They are empty only while there is no region with relays.
   */
  candidates(cluster: number): LegCandidates {
    const built = this.#candidates[cluster] ?? this.#build(cluster);
    if (cluster < this.extent) this.#candidates[cluster] = built;
    return built;
  }

  /** Returns what a cluster is. */
  describe(cluster: number): ClusterDescription {
    const found = this.#clusters.get(cluster) ?? this.#clusters.get(0);
    const regions = [...this.#cells.regionsOf(cluster)];
    const samples = regions.reduce(
      (sum, region) => sum + (this.#cells.read(cluster, region, this.#nowMs)?.count ?? 0),
      0,
    );
    return {
      network: found?.name ?? '',
      asn: found?.asn,
      country: found?.country,
      regions: regions.length,
      samples,
      parent: found?.parent === undefined ? undefined : this.#clusters.get(found.parent)?.name,
    };
  }

  /** Returns a cluster and its parents, the narrowest first. */
  #chainOf(cluster: number): number[] {
    const chain: number[] = [];
    let next: number | undefined = cluster;
    while (next !== undefined) {
      chain.push(next);
      next = this.#clusters.get(next)?.parent;
    }
    return chain;
  }

  /**
   * Returns a cluster and the parents whose history tells of it. That of a whole family does so
   * only if nothing else is known: its legs to a region are those of peers who are near it.
   */
  #tellingChainOf(cluster: number, place: AccessCluster['place']): number[] {
    const chain = this.#chainOf(cluster);
    const family = chain.pop();
    const isKnown = chain.some((each) => !this.#cells.regionsOf(each).next().done);
    return family === undefined || isKnown || place !== undefined ? chain : [...chain, family];
  }

  #build(cluster: number): LegCandidates {
    const place = this.#clusters.get(cluster)?.place;
    const chain = this.#tellingChainOf(cluster, place);
    const known = this.#known(chain);
    const { extent } = this.#regions;
    const columns = this.#columns;
    this.#guess(columns, known, place);
    this.#shrink(columns, chain);
    for (const region of known.keys()) {
      columns.rttMs[region] = Math.max(columns.rttMs[region] ?? 0, this.#triangle(region, known));
    }
    for (let region = 0; region < extent; region++) {
      const there = place && this.#regions.placeOf(region);
      if (place === undefined || there === undefined) continue;
      const light = lightRttMs(distanceKm(place, there));
      columns.rttMs[region] = Math.max(columns.rttMs[region] ?? 0, light);
    }
    return this.#best(columns);
  }

  /** Returns the regions with a history in any cluster of a chain, as that history alone tells. */
  #known(chain: readonly number[]): Map<number, LegEstimate> {
    const known = new Map<number, LegEstimate>();
    for (const cluster of chain) {
      for (const region of this.#cells.regionsOf(cluster)) {
        const cell = this.#cells.read(cluster, region, this.#nowMs);
        const isBetter = (known.get(region)?.count ?? 0) < WITNESS_COUNT;
        if (cell === undefined || !isBetter) continue;
        known.set(region, { region, rttMs: cell.rttMs, count: cell.count });
      }
    }
    return known;
  }

  /**
   * Estimates all legs without their own history: by geography, or over the known legs where that
   * is shorter. Over a distant known leg every other one looks longer still, so it alone would keep
   * a network at the region that it was given first.
   */
  #guess(
    { rttMs, sdMs, jitterMs, loss }: LegColumns,
    known: ReadonlyMap<number, LegEstimate>,
    place: AccessCluster['place'],
  ): void {
    const { extent } = this.#regions;
    jitterMs.fill(USUAL_LEG_JITTER_MS);
    loss.fill(USUAL_LEG_LOSS);
    rttMs.fill(Number.POSITIVE_INFINITY);
    const starts = [...known.values()].filter(({ count }) => count >= WITNESS_COUNT);
    starts.sort((a, b) => a.rttMs - b.rttMs);
    for (const start of starts.slice(0, STARTS_MAX)) {
      const trunk = this.#trunks.builtRow(start.region)?.rttMs;
      for (let region = 0; trunk !== undefined && region < extent; region++) {
        const through = start.rttMs + (trunk[region] ?? Number.POSITIVE_INFINITY);
        if (through < (rttMs[region] ?? 0)) rttMs[region] = through;
      }
    }
    for (let region = 0; region < extent; region++) {
      const through = rttMs[region] ?? Number.POSITIVE_INFINITY;
      const there = place && this.#regions.placeOf(region);
      const isPlaced = place !== undefined && there !== undefined;
      const placedMs = isPlaced
        ? LAST_MILE_MS + usualRttMs(distanceKm(place, there))
        : Number.POSITIVE_INFINITY;
      if (placedMs < through) {
        rttMs[region] = placedMs;
        sdMs[region] = placedMs * GEOGRAPHY_SD_SHARE;
      } else if (through < Number.POSITIVE_INFINITY) {
        sdMs[region] = through * THROUGH_SD_SHARE;
      } else {
        rttMs[region] = UNKNOWN_RTT_MS;
        sdMs[region] = UNKNOWN_RTT_MS * UNKNOWN_SD_SHARE;
      }
    }
  }

  /** Moves estimates towards the history of a chain: the widest cluster first. */
  #shrink({ rttMs, sdMs, jitterMs, loss }: LegColumns, chain: readonly number[]): void {
    const move = (field: Float64Array, region: number, to: number, share: number) => {
      const from = field[region] ?? 0;
      field[region] = from + (to - from) * share;
    };
    for (const cluster of chain.toReversed()) {
      for (const region of this.#cells.regionsOf(cluster)) {
        const cell = this.#cells.read(cluster, region, this.#nowMs);
        if (cell === undefined) continue;
        const share = cell.count / (cell.count + SHRINK_COUNT);
        move(rttMs, region, cell.rttMs, share);
        move(jitterMs, region, cell.jitterMs, share);
        move(loss, region, cell.loss, share);
        sdMs[region] = Math.hypot(cell.sdMs * share, (sdMs[region] ?? 0) * (1 - share));
      }
    }
  }

  /**
   * Returns what a leg is at least by the legs to other regions and the trunks from there. Two
   * other regions must say so, since one of them may lie just as the leg's own relays may.
   */
  #triangle(region: number, known: ReadonlyMap<number, LegEstimate>): number {
    const row = this.#trunks.builtRow(region);
    if (row === undefined) return 0;
    let [first, second] = [0, 0];
    for (const other of known.values()) {
      if (other.region === region || other.count < WITNESS_COUNT) continue;
      const trunk = (row.rttMs[other.region] ?? 0) - 2 * (row.sdMs[other.region] ?? 0);
      const least = TRIANGLE_SHARE * (trunk - other.rttMs);
      if (least > first) [first, second] = [least, first];
      else if (least > second) second = least;
    }
    return second;
  }

  #best({ rttMs, sdMs, jitterMs, loss }: LegColumns): LegCandidates {
    const regions: number[] = [];
    const costs = this.#costs;
    for (let region = 0; region < this.#regions.extent; region++) {
      if (!this.#regions.isUsed(region)) continue;
      const values = [rttMs[region], sdMs[region], jitterMs[region], loss[region]] as const;
      const [rtt = 0, sd = 0, jitter = 0, lost = 0] = values;
      costs[region] = pathCostMs(this.#weights, rtt, sd, jitter, lost);
      insertByCost(regions, region, costs, LEG_CANDIDATES_MAX);
    }
    const column = (of: ArrayLike<number>) =>
      Float32Array.from(regions, (region) => of[region] ?? 0);
    return {
      regions: Uint16Array.from(regions),
      costMs: column(costs),
      rttMs: column(rttMs),
      sdMs: column(sdMs),
      jitterMs: column(jitterMs),
      loss: column(loss),
    };
  }
}
