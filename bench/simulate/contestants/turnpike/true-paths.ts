import type { LegCandidates } from '../../../../src/estimates/leg-candidates.js';
import { emptyTrunkRow, type TrunkRow } from '../../../../src/estimates/trunk-row.js';
import type { LegSource, TrunkSource } from '../../../../src/selection/state.js';
import type { Quality } from '../../world/world.js';
import type { ContestantContext } from '../contestant.js';
import { RTT_ONLY } from '../pair-search.js';
import { addressIn, type Knowledge } from './knowledge.js';

/** Age at which true paths are read anew, ms. */
const FRESH_MS = 1_000;
const CANDIDATES = 32;
/** Cost of jitter and loss as in the default weights of estimates. */
const COST = { ...RTT_ONLY, jitterMsPerMs: 2, lossMsPerPercent: 20 };

type Estimates = Omit<Knowledge, 'state'>;

function costOf({ rttMs, jitterMs, loss }: Quality): number {
  return rttMs + COST.jitterMsPerMs * jitterMs + COST.lossMsPerPercent * 100 * loss;
}

/** True trunks in place of estimated ones. */
export function trueTrunks({ world }: ContestantContext, { regions }: Estimates): TrunkSource {
  const quality: Quality = { rttMs: 0, jitterMs: 0, loss: 0 };
  const rows = new Map<number, TrunkRow>();
  let readMs = Number.NEGATIVE_INFINITY;
  const numbers = () => world.regions.map(({ name }) => regions.numberOf(name) ?? 0);
  const build = (number: number): TrunkRow => {
    const row = emptyTrunkRow(regions.extent);
    const of = numbers();
    const from = of.indexOf(number);
    for (const [to, at] of of.entries()) {
      world.truth.trunk(from, to, Math.max(0, readMs), quality);
      row.costMs[at] = costOf(quality);
      row.rttMs[at] = quality.rttMs;
      row.jitterMs[at] = quality.jitterMs;
      row.loss[at] = quality.loss;
    }
    return row;
  };
  return {
    takeChanged: (nowMs) => {
      if (nowMs < readMs + FRESH_MS) return [];
      readMs = nowMs;
      rows.clear();
      return numbers();
    },
    row: (number) => {
      const row = rows.get(number) ?? build(number);
      rows.set(number, row);
      return row;
    },
  };
}

/** True legs in place of estimated ones, without the last mile: it is the same to all regions. */
export function trueLegs({ world }: ContestantContext, { regions, legs }: Estimates): LegSource {
  const quality: Quality = { rttMs: 0, jitterMs: 0, loss: 0 };
  const known = new Map<number, LegCandidates>();
  let readMs = Number.NEGATIVE_INFINITY;
  const clusterOf = (number: number) =>
    world.clusters.findIndex(({ network }) => legs.clusterOf(addressIn(network)) === number);
  const build = (number: number): LegCandidates => {
    const cluster = Math.max(0, clusterOf(number));
    const all = world.regions.map(({ name }, region) => {
      world.truth.leg(cluster, region, Math.max(0, readMs), quality);
      return { number: regions.numberOf(name) ?? 0, costMs: costOf(quality), ...quality };
    });
    const best = all.sort((x, y) => x.costMs - y.costMs).slice(0, CANDIDATES);
    return {
      regions: Uint16Array.from(best, (one) => one.number),
      costMs: Float32Array.from(best, ({ costMs }) => costMs),
      rttMs: Float32Array.from(best, ({ rttMs }) => rttMs),
      sdMs: new Float32Array(best.length),
      jitterMs: Float32Array.from(best, ({ jitterMs }) => jitterMs),
      loss: Float32Array.from(best, ({ loss }) => loss),
    };
  };
  return {
    takeChanged: (nowMs) => {
      legs.takeChanged(nowMs);
      if (nowMs < readMs + FRESH_MS) return [];
      readMs = nowMs;
      const stale = [...known.keys()];
      known.clear();
      return stale;
    },
    candidates: (number) => {
      const found = known.get(number) ?? build(number);
      known.set(number, found);
      return found;
    },
  };
}
