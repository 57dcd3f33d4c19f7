import type { CostWeights } from '../estimates/cost-weights.js';
import type { LegCandidates } from '../estimates/leg-candidates.js';
import { movedRttMs, type OwnLeg, type OwnLegs, ownLegs } from './own-legs.js';
import { nearest, networkLegs } from './peer-legs.js';
import type { PeerRequest } from './request.js';
import { type SelectionSnapshot, trunkCostMs } from './snapshot.js';

/** The terms of the cost of a leg or trunk, ms, each rounded to 0.01; `totalMs` is their sum. */
export interface PathTerms {
  /** Mean round-trip time. */
  readonly rttMs: number;
  /** Multiple of the standard error of that mean. */
  readonly uncertaintyMs: number;
  readonly jitterMs: number;
  readonly lossMs: number;
  readonly totalMs: number;
}

/**
 * Where a leg's cost comes from. `own`: the peer's latency to the region or a relay there.
 * `network`: the estimate of the peer's access network. `over`: the sum of one of these to another
 * region and the trunk from there. `unknown`: nothing is known of the peer's place, so all legs
 * cost 0.
 */
export type LegOrigin = 'own' | 'network' | 'over' | 'unknown';

/** A leg of a peer to a region. */
export interface LegTerms extends PathTerms {
  readonly origin: LegOrigin;
  /** What the peer measured (`own`), or the region on the way (`over`). */
  readonly by?: string;
}

/** No cost. */
export const NO_TERMS: PathTerms = {
  rttMs: 0,
  uncertaintyMs: 0,
  jitterMs: 0,
  lossMs: 0,
  totalMs: 0,
};

/** Returns a cost rounded to 0.01 ms. */
export function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/** Estimates by index: those of a region's trunks, or of a cluster's legs. */
type Estimates = {
  readonly [Term in 'rttMs' | 'sdMs' | 'jitterMs' | 'loss']: ArrayLike<number>;
};

/** Returns the terms of `pathCostMs`. */
function termsAt(estimates: Estimates, index: number, costs: CostWeights): PathTerms {
  const { rttMs, sdMs, jitterMs, loss } = estimates;
  return summed({
    rttMs: rttMs[index] ?? 0,
    uncertaintyMs: costs.uncertaintyZ * (sdMs[index] ?? 0),
    jitterMs: costs.jitterMsPerMs * (jitterMs[index] ?? 0),
    lossMs: costs.lossMsPerPercent * 100 * (loss[index] ?? 0),
  });
}

function summed(terms: Omit<PathTerms, 'totalMs'>): PathTerms {
  const parts = {
    rttMs: rounded(terms.rttMs),
    uncertaintyMs: rounded(terms.uncertaintyMs),
    jitterMs: rounded(terms.jitterMs),
    lossMs: rounded(terms.lossMs),
  };
  const sum = parts.rttMs + parts.uncertaintyMs + parts.jitterMs + parts.lossMs;
  return { ...parts, totalMs: rounded(sum) };
}

function plus(a: PathTerms, b: PathTerms): PathTerms {
  return summed({
    rttMs: a.rttMs + b.rttMs,
    uncertaintyMs: a.uncertaintyMs + b.uncertaintyMs,
    jitterMs: a.jitterMs + b.jitterMs,
    lossMs: a.lossMs + b.lossMs,
  });
}

/** Returns the terms of the trunk between two regions, or two relays of one region. */
export function trunkTerms(snapshot: SelectionSnapshot, a: number, b: number): PathTerms {
  const row = snapshot.trunks[a];
  if (row?.costMs[b] !== undefined) return termsAt(row, b, snapshot.costWeights);
  return summed({ ...NO_TERMS, rttMs: trunkCostMs(snapshot, a, b) });
}

/** Explains the legs of one peer. */
export class LegExplainer {
  readonly #snapshot: SelectionSnapshot;
  readonly #latencies: ReadonlyMap<string, number> | undefined;
  readonly #own: OwnLegs;
  readonly #legs: LegCandidates | undefined;

  constructor(snapshot: SelectionSnapshot, peer: PeerRequest) {
    this.#snapshot = snapshot;
    this.#latencies = peer.latencies;
    this.#legs = networkLegs(snapshot, peer);
    this.#own = ownLegs(snapshot, peer.latencies, this.#legs);
  }

  /** Returns the terms of the leg to a region that was considered for the peer. */
  to(region: number): LegTerms {
    return this.#known(region) ?? this.#over(region);
  }

  #known(region: number): LegTerms | undefined {
    const own = this.#own.legs.find((each) => each.region === region);
    if (own !== undefined) {
      const { rttMs, jitterMs, loss } = own;
      const legs = { rttMs: [rttMs], sdMs: [0], jitterMs: [jitterMs], loss: [loss] };
      const terms = termsAt(legs, 0, this.#snapshot.costWeights);
      return { ...terms, origin: 'own', by: this.#measuredAs(own) };
    }
    const index = this.#legs?.regions.indexOf(region) ?? -1;
    if (this.#legs === undefined || index === -1) return undefined;
    const terms = termsAt(this.#legs, index, this.#snapshot.costWeights);
    const rttMs = movedRttMs(this.#snapshot, this.#own, this.#legs, index);
    return { ...summed({ ...terms, rttMs }), origin: 'network' };
  }

  /** Returns what the peer measured in a region: its name, or the id of the nearest relay. */
  #measuredAs({ region, rttMs }: OwnLeg): string {
    const { relays, slots, regions } = this.#snapshot;
    const name = regions[region]?.name ?? '';
    for (const [measured, ms] of this.#latencies ?? []) {
      const row = relays[slots.get(measured) ?? -1];
      const isRelay = row?.facts.id === measured && row.region === region;
      if (ms === rttMs && (measured === name || isRelay)) return measured;
    }
    return name;
  }

  /** Returns the leg over the known leg and the trunk that cost least together. */
  #over(region: number): LegTerms {
    let least = Number.POSITIVE_INFINITY;
    let start: number | undefined;
    for (const leg of nearest(this.#own.legs, this.#legs)) {
      const costMs = leg.costMs + trunkCostMs(this.#snapshot, leg.region, region);
      if (costMs < least) [least, start] = [costMs, leg.region];
    }
    const first = start === undefined ? undefined : this.#known(start);
    if (start === undefined || first === undefined) return { ...NO_TERMS, origin: 'unknown' };
    const terms = plus(first, trunkTerms(this.#snapshot, start, region));
    return { ...terms, origin: 'over', by: this.#snapshot.regions[start]?.name ?? '' };
  }
}
