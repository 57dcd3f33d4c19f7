import { type Interval, interval } from '../judge/intervals.js';
import type { Metrics } from '../judge/metrics.js';
import { mean } from '../judge/quantiles.js';
import type { BurstResult, ContestantResult, Job, SeedResult } from '../run/job.js';
import type { CalibrationRow } from '../world/calibration.js';
import { type TargetResult, targetsOf } from './targets.js';

/** A contestant over all seeds of a world. */
export interface ContestantSummary {
  readonly name: string;
  readonly title: string;
  readonly metrics: Readonly<Record<keyof Metrics, Interval>>;
  readonly groups: readonly {
    readonly kind: string;
    readonly name: string;
    readonly moments: number;
    readonly p95Ratio: Interval;
    readonly regretMean: Interval;
    readonly poor: Interval;
    readonly opinionScore: Interval;
  }[];
  readonly rttCurve: readonly number[];
  readonly regretCurve: readonly number[];
}

/** A contestant's burst over all seeds. */
export interface BurstSummary {
  readonly name: string;
  readonly title: string;
  readonly legsBefore: Interval;
  readonly legsAfter: Interval;
  readonly maxOverMean: Interval;
  readonly maxOverMeanWorst: Interval;
  readonly overloaded: Interval;
  readonly series: readonly { readonly second: number; readonly maxOverMean: number }[];
}

/** All seeds of one world. */
export interface WorldSummary {
  readonly title: string;
  readonly isReplay: boolean;
  readonly seeds: readonly number[];
  readonly calibration: readonly CalibrationRow[];
  readonly contestants: readonly ContestantSummary[];
  readonly burst: readonly BurstSummary[];
  readonly targets: readonly TargetResult[];
}

/** Everything that a run found. */
export interface SimulationResult {
  readonly command: string;
  readonly startedAt: string;
  readonly seconds: number;
  readonly version: string;
  readonly job: Omit<Job, 'seed' | 'matrix'>;
  readonly worlds: readonly WorldSummary[];
  readonly ignoredFiles: readonly string[];
}

/** Joins the seeds of one world. @param results - at least one */
export function summarize(title: string, results: readonly SeedResult[]): WorldSummary {
  const [first] = results;
  const contestants = (first?.contestants ?? []).map(({ name }) =>
    contestantSummary(
      results.flatMap((result) => result.contestants.filter((one) => one.name === name)),
    ),
  );
  const burst = (first?.burst ?? []).map(({ name }) =>
    burstSummary(results.flatMap((result) => result.burst.filter((one) => one.name === name))),
  );
  const isReplay = first?.isReplay ?? false;
  return {
    ...{ title, isReplay, contestants, burst },
    seeds: results.map(({ seed }) => seed),
    calibration: calibrationSummary(results),
    targets: targetsOf({ isReplay, contestants, burst }),
  };
}

function contestantSummary(of: readonly ContestantResult[]): ContestantSummary {
  const [first] = of as [ContestantResult, ...ContestantResult[]];
  const names = Object.keys(first.metrics) as (keyof Metrics)[];
  const metrics = Object.fromEntries(
    names.map((name) => [name, interval(of.map((one) => one.metrics[name]))]),
  ) as Record<keyof Metrics, Interval>;
  const average = (curve: 'rttCurve' | 'regretCurve') =>
    first[curve].map((_, at) => mean(of.map((one) => one[curve][at] as number)));
  return {
    ...{ name: first.name, title: first.title, metrics, groups: groupSummaries(of) },
    ...{ rttCurve: average('rttCurve'), regretCurve: average('regretCurve') },
  };
}

function groupSummaries(of: readonly ContestantResult[]): ContestantSummary['groups'] {
  const all = of.flatMap(({ groups }) => groups);
  const keys = new Set(all.map(({ kind, name }) => `${kind} ${name}`));
  return [...keys].map((key) => {
    const same = all.filter(({ kind, name }) => `${kind} ${name}` === key);
    const [first] = same as [(typeof all)[number], ...(typeof all)[number][]];
    const over = (figure: 'p95Ratio' | 'regretMean' | 'poor' | 'opinionScore') =>
      interval(same.map((one) => one[figure]));
    return {
      ...{ kind: first.kind, name: first.name },
      moments: same.reduce((sum, { moments }) => sum + moments, 0),
      ...{ p95Ratio: over('p95Ratio'), regretMean: over('regretMean') },
      ...{ poor: over('poor'), opinionScore: over('opinionScore') },
    };
  });
}

function burstSummary(of: readonly BurstResult[]): BurstSummary {
  const [first] = of as [BurstResult, ...BurstResult[]];
  type Figure = 'legsBefore' | 'legsAfter' | 'maxOverMean' | 'maxOverMeanWorst' | 'overloaded';
  const over = (figure: Figure) => interval(of.map((one) => one[figure]));
  return {
    ...{ name: first.name, title: first.title },
    ...{ legsBefore: over('legsBefore'), legsAfter: over('legsAfter') },
    ...{ maxOverMean: over('maxOverMean'), maxOverMeanWorst: over('maxOverMeanWorst') },
    overloaded: over('overloaded'),
    series: first.series.map(({ second }, at) => ({
      second,
      maxOverMean: mean(of.flatMap(({ series }) => series[at]?.maxOverMean ?? [])),
    })),
  };
}

/** A row is right if the mean over the seeds is. */
function calibrationSummary(results: readonly SeedResult[]): CalibrationRow[] {
  return (results[0]?.calibration ?? []).map((row, at) => {
    const generated = mean(results.map(({ calibration }) => calibration[at]?.generated ?? NaN));
    const ratio = generated / row.measured;
    return { ...row, generated, ok: ratio <= row.ratioMax && ratio >= 1 / row.ratioMax };
  });
}
