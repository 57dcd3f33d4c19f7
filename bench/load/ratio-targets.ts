import type { ContestantResult, WorkloadResult } from './result.js';
import { ratioSpread, type Spread } from './statistics.js';

/** One line of the table of targets. */
export interface TargetResult {
  readonly title: string;
  /** The condition as text. */
  readonly target: string;
  /** The measured figure as text; absent if it was not measured. */
  readonly measured?: string;
  /** The same figure at saturation, for information only. */
  readonly atSaturation?: string;
  readonly met?: boolean;
}

/** A target for the ratio of two contestants' CPU time per delivered packet, in one workload. */
export interface RatioTarget {
  readonly title: string;
  readonly workload: string;
  readonly contestant: string;
  readonly comparator: string;
  /** Turnpike's step. */
  readonly step: string;
  /** The comparator's step; default the same. */
  readonly comparatorStep?: string;
  readonly ratioMax: number;
}

/** A target for the cost in one workload over that in another with fewer flows. */
export interface ManyTarget {
  readonly title: string;
  readonly many: string;
  readonly few: string;
  readonly fewText: string;
  readonly ratioMax: number;
}

/** Returns the CPU-ns per delivered packet at a step, by round. */
export function costs(result: ContestantResult | undefined, step: string) {
  return (result?.rounds ?? []).map((steps) => steps[step]?.cpuNsPerPacket);
}

/** Returns a median with its range as text: `0.58 (0.55–0.61)`. */
export function spreadText({ median, min, max }: Spread, digits = 2): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

/** Returns a contestant's results in a workload, by name; undefined if there are none. */
export function find(workloads: readonly WorkloadResult[], workload: string, contestant: string) {
  return workloads
    .find((one) => one.workload.name === workload)
    ?.contestants.find(({ name }) => name === contestant);
}

/** Judges the ratio of two contestants' costs. */
export function judgeRatio(workloads: readonly WorkloadResult[], one: RatioTarget): TargetResult {
  const mine = find(workloads, one.workload, one.contestant);
  const other = find(workloads, one.workload, one.comparator);
  const step = one.comparatorStep ?? one.step;
  const measured = ratioSpread(costs(mine, one.step), costs(other, step));
  const saturated = ratioSpread(costs(mine, 'saturation'), costs(other, 'saturation'));
  return {
    title: one.title,
    target: `≤ ${one.ratioMax.toFixed(2)} × ${one.comparator}`,
    ...(measured && {
      measured: spreadText(measured),
      ...(saturated && { atSaturation: spreadText(saturated) }),
      met: measured.median <= one.ratioMax,
    }),
  };
}

/** Judges the cost of many flows over that of few, each as a multiple of the reflector's. */
export function judgeMany(
  workloads: readonly WorkloadResult[],
  { title, many, few, fewText, ratioMax }: ManyTarget,
): TargetResult {
  const floored = (workload: string) =>
    ratioSpread(
      costs(find(workloads, workload, 'turnpike'), 'common'),
      costs(find(workloads, workload, 'reflector'), 'common'),
    );
  const [ofMany, ofFew] = [floored(many), floored(few)];
  const ratio = ofMany && ofFew && ofMany.median / ofFew.median;
  return {
    title,
    target: `≤ ${ratioMax.toFixed(2)} × that at ${fewText}`,
    ...(ratio !== undefined && { measured: ratio.toFixed(2), met: ratio <= ratioMax }),
  };
}
