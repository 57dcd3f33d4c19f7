import type { Quality, World } from '../world/world.js';

/** What a search minimizes: RTT plus these costs of jitter and loss, ms. */
export interface Objective {
  readonly jitterMsPerMs: number;
  readonly lossMsPerPercent: number;
}

export const RTT_ONLY: Objective = { jitterMsPerMs: 0, lossMsPerPercent: 0 };

/** A pair of regions and its cost without last miles, ms. */
export interface RegionPair {
  readonly a: number;
  readonly b: number;
  readonly costMs: number;
}

/** Where a search reads legs and trunks. */
export interface PathSource {
  leg(cluster: number, region: number, atMs: number, out: Quality): void;
  trunk(a: number, b: number, atMs: number, out: Quality): void;
}

/**
 * Finds the best pair of regions of all, exactly: branch and bound over the paths in calm weather,
 * which disturbances only lengthen.
 */
export class PairSearch {
  readonly #world: World;
  readonly #source: PathSource;
  readonly #orders: (Uint16Array | undefined)[] = [];
  readonly #quality: Quality = { rttMs: 0, jitterMs: 0, loss: 0 };

  /** @param source - by default the truth; must nowhere be below the calm truth */
  constructor(world: World, source: PathSource = world.truth) {
    this.#world = world;
    this.#source = source;
  }

  /**
   * @param usable - regions that may be chosen; all of them by default
   * @returns undefined if none may
   */
  best(
    clusters: readonly [number, number],
    atMs: number,
    objective: Objective,
    usable?: (region: number) => boolean,
  ): RegionPair | undefined {
    const { regions, truth } = this.#world;
    const count = regions.length;
    const [legsA, legsB] = clusters.map((cluster) => this.#legs(cluster, atMs, objective));
    const [orderA, orderB] = clusters.map((cluster) => this.#order(cluster));
    if (!legsA || !legsB || !orderA || !orderB) return undefined;
    let found: RegionPair | undefined;
    let least = Number.POSITIVE_INFINITY;
    const nearest = this.#floor(clusters[1], orderB[0] ?? 0);
    for (const a of orderA) {
      if (this.#floor(clusters[0], a) + nearest >= least) break;
      const legA = legsA[a] as number;
      if (usable?.(a) === false) continue;
      const row = a * count;
      for (const b of orderB) {
        if (legA + this.#floor(clusters[1], b) >= least) break;
        const legs = legA + (legsB[b] as number);
        const floor = a === b ? 0 : (truth.trunkFloorMs[row + b] as number);
        if (legs + floor >= least || usable?.(b) === false) continue;
        const costMs = legs + (a === b ? 0 : this.#trunk(a, b, atMs, objective));
        if (costMs >= least) continue;
        least = costMs;
        found = { a, b, costMs };
      }
    }
    return found;
  }

  #floor(cluster: number, region: number): number {
    return this.#world.truth.legFloorMs[cluster * this.#world.regions.length + region] as number;
  }

  #legs(cluster: number, atMs: number, objective: Objective): Float32Array {
    const legs = new Float32Array(this.#world.regions.length);
    for (let region = 0; region < legs.length; region++) {
      this.#source.leg(cluster, region, atMs, this.#quality);
      legs[region] = costOf(this.#quality, objective);
    }
    return legs;
  }

  #trunk(a: number, b: number, atMs: number, objective: Objective): number {
    this.#source.trunk(a, b, atMs, this.#quality);
    return costOf(this.#quality, objective);
  }

  /** Returns the regions by calm RTT from a cluster. */
  #order(cluster: number): Uint16Array {
    const known = this.#orders[cluster];
    if (known !== undefined) return known;
    const count = this.#world.regions.length;
    const order = Uint16Array.from({ length: count }, (_, region) => region).sort(
      (x, y) => this.#floor(cluster, x) - this.#floor(cluster, y),
    );
    this.#orders[cluster] = order;
    return order;
  }
}

/** Returns what a path costs by an objective, ms. */
function costOf({ rttMs, jitterMs, loss }: Quality, objective: Objective): number {
  return rttMs + objective.jitterMsPerMs * jitterMs + objective.lossMsPerPercent * 100 * loss;
}
