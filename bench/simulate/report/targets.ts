import type { BurstSummary, ContestantSummary } from './summary.js';

/** A target of Turnpike's selection, and what the simulation found. */
export interface TargetResult {
  readonly what: string;
  readonly target: string;
  readonly found: number;
  readonly text: string;
  readonly met: boolean;
}

/** What targets are read from. */
interface Found {
  readonly isReplay: boolean;
  readonly contestants: readonly ContestantSummary[];
  readonly burst: readonly BurstSummary[];
}

/** The contestant that the targets are about. */
export const OURS = 'turnpike';
const ORACLE = 'oracle-cost';

const RATIO_DRIFT = 1.05;
const RATIO_REPLAY = 1.02;
const MENDING = 0.95;
const BALANCE = 1.3;
const FLAPS = 1;
const EXPLORED = 0.02;

/** Returns the targets that a world says something about; none without our contestant. */
export function targetsOf({ isReplay, contestants, burst }: Found): TargetResult[] {
  const ours = contestants.find(({ name }) => name === OURS)?.metrics;
  if (ours === undefined) return [];
  const ratio = isReplay ? RATIO_REPLAY : RATIO_DRIFT;
  const p95 = below('RTT p95 to the per-minute oracle', ours.p95Ratio.mean, ratio, times);
  if (isReplay) return [p95];
  const oracle = contestants.find(({ name }) => name === ORACLE)?.metrics;
  const captured = ours.mendingCaptured.mean / (oracle?.mendingCaptured.mean ?? Number.NaN);
  const balance = burst.find(({ name }) => name === OURS);
  return [
    p95,
    {
      ...{ what: 'share of the oracle’s mending of poor calls', target: `≥ ${percent(MENDING)}` },
      ...{ found: captured, text: percent(captured), met: captured >= MENDING },
    },
    ...(balance === undefined
      ? []
      : [
          below(
            'load max/mean in a region after a burst',
            balance.maxOverMean.mean,
            BALANCE,
            plain,
          ),
        ]),
    below('flaps per 1,000 session-hours', ours.flapsPer1000Hours.mean, FLAPS, plain),
    below('share of sessions that explore', ours.explored.mean, EXPLORED, percent),
  ];
}

function below(
  what: string,
  found: number,
  most: number,
  show: (value: number) => string,
): TargetResult {
  return { what, target: `≤ ${show(most)}`, found, text: show(found), met: found <= most };
}

const plain = (value: number) => value.toFixed(2);
const times = (value: number) => `${value.toFixed(3)} ×`;
const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
