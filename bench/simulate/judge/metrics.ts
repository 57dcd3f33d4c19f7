import type { CallSet, Outcome } from '../run/contest.js';
import type { OracleMoments } from '../run/oracle-moments.js';
import type { World } from '../world/world.js';
import { isPoor, opinionScore, rating } from './e-model.js';
import { mean, quantileOf, sorted } from './quantiles.js';

/** What a contestant reached with one seed. Times in ms, shares 0 to 1. */
export interface Metrics {
  readonly rttP50: number;
  readonly rttP95: number;
  readonly rttP99: number;
  /** p95 as a multiple of the per-minute oracle's. */
  readonly p95Ratio: number;
  readonly regretMean: number;
  /** Share of moments within 5 ms of the per-minute oracle. */
  readonly within5ms: number;
  readonly lossP50: number;
  readonly lossP99: number;
  readonly jitterP95: number;
  readonly opinionScore: number;
  readonly poor: number;
  /** Share of what any choice could mend, against the nearest region, that is mended. */
  readonly mendingCaptured: number;
  /** Moments without a path. */
  readonly without: number;
  readonly pricePerGb: number;
  readonly loadMaxOverMean: number;
  readonly overloadedSeconds: number;
  readonly flapsPer1000Hours: number;
  readonly movesPer1000Hours: number;
  readonly brokenPer1000Hours: number;
  readonly explored: number;
  readonly chooseMicroseconds: number;
}

/** What outcomes are compared with. */
export interface Yardstick {
  readonly oracle: OracleMoments;
  /** The nearest region, against which mending counts. */
  readonly nearest: Outcome;
}

const NEAR_MS = 5;

/** Judges a contestant over the moments of `at`; all by default. */
export function metricsOf(
  outcome: Outcome,
  { oracle, nearest }: Yardstick,
  at: readonly number[] = [...outcome.rttMs.keys()],
): Metrics {
  const has = at.filter((moment) => !Number.isNaN(outcome.rttMs[moment]));
  const rtt = sorted(has.map((moment) => outcome.rttMs[moment] as number));
  const best = sorted(has.map((moment) => oracle.byRtt.rttMs[moment] as number));
  const regrets = has.map(
    (moment) => (outcome.rttMs[moment] as number) - (oracle.byRtt.rttMs[moment] as number),
  );
  const loss = sorted(has.map((moment) => outcome.loss[moment] as number));
  const jitter = sorted(has.map((moment) => outcome.jitterMs[moment] as number));
  const poor = poorRate(outcome, at);
  const poorNearest = poorRate(nearest, at);
  const poorBest = mean(at.map((moment) => oracle.poorAnyway[moment] as number));
  const per1000 = (count: number) => (1000 * count) / Math.max(outcome.hours, 1e-9);
  return {
    rttP50: quantileOf(rtt, 0.5),
    rttP95: quantileOf(rtt, 0.95),
    rttP99: quantileOf(rtt, 0.99),
    p95Ratio: quantileOf(rtt, 0.95) / quantileOf(best, 0.95),
    regretMean: mean(regrets),
    within5ms: mean(regrets.map((regret) => (regret <= NEAR_MS ? 1 : 0))),
    lossP50: quantileOf(loss, 0.5),
    lossP99: quantileOf(loss, 0.99),
    jitterP95: quantileOf(jitter, 0.95),
    opinionScore: mean(has.map((moment) => opinionScore(rating(measuredAt(outcome, moment))))),
    poor,
    mendingCaptured: (poorNearest - poor) / (poorNearest - poorBest),
    without: 1 - has.length / at.length,
    pricePerGb: mean(has.map((moment) => outcome.price[moment] as number)),
    loadMaxOverMean: quantileOf(sorted(outcome.loadRatios), 0.95),
    overloadedSeconds: outcome.overloadedSeconds,
    flapsPer1000Hours: per1000(outcome.flaps),
    movesPer1000Hours: per1000(outcome.moves),
    brokenPer1000Hours: per1000(outcome.broken),
    explored: outcome.explored ?? 0,
    chooseMicroseconds: outcome.chooseMicroseconds,
  };
}

function measuredAt({ rttMs, jitterMs, loss }: Outcome, moment: number) {
  return {
    rttMs: rttMs[moment] as number,
    jitterMs: jitterMs[moment] as number,
    loss: loss[moment] as number,
  };
}

/** A moment without a path is poor. */
function poorRate(outcome: Outcome, at: readonly number[]): number {
  const isBad = (moment: number) =>
    Number.isNaN(outcome.rttMs[moment]) || isPoor(measuredAt(outcome, moment));
  return mean(at.map((moment) => (isBad(moment) ? 1 : 0)));
}

/** Moments of calls that have something in common. */
export interface Group {
  readonly kind: 'continents' | 'technology';
  readonly name: string;
  readonly at: readonly number[];
}

/** Fewer moments say nothing about a 95 % quantile. */
const GROUP_MIN = 200;

/** Groups the judged moments by the peers' continents and by their technologies. */
export function groupsOf({ clusters }: World, { judged, moments }: CallSet): Group[] {
  const groups = new Map<string, Group & { at: number[] }>();
  const add = (kind: Group['kind'], ends: readonly (string | undefined)[], index: number) => {
    if (ends.includes(undefined)) return;
    const name = [...ends].sort().join(' – ');
    const group = groups.get(`${kind} ${name}`) ?? { kind, name, at: [] };
    for (let moment = 0; moment < moments; moment++) group.at.push(index * moments + moment);
    groups.set(`${kind} ${name}`, group);
  };
  for (const { index, peers } of judged) {
    add(
      'continents',
      peers.map(({ cluster }) => clusters[cluster]?.continent),
      index,
    );
    add(
      'technology',
      peers.map(({ lastMile }) => lastMile.technology),
      index,
    );
  }
  return [...groups.values()]
    .filter(({ at }) => at.length >= GROUP_MIN)
    .sort((x, y) => x.kind.localeCompare(y.kind) || y.at.length - x.at.length);
}
