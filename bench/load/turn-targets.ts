import {
  judgeMany,
  judgeRatio,
  type ManyTarget,
  type RatioTarget,
  type TargetResult,
} from './ratio-targets.js';
import type { WorkloadResult } from './result.js';
import { besideLabel, OWN_LABEL } from './rounds.js';
import { median } from './statistics.js';
import type { TurnSetupResult } from './turn-setups.js';

/** Both directions, by the beginning of their workloads' names. */
const WAYS: readonly (readonly [name: string, title: string])[] = [
  ['turn-out', 'ChannelData → UDP'],
  ['turn-in', 'UDP → ChannelData'],
];
const CASES: readonly RatioTarget[] = WAYS.flatMap(([name, title]) => {
  const to = (comparator: string, step: string, ratioMax: number): RatioTarget => ({
    title: `TURN, ${title}, 1,000 allocations, 100 B`,
    workload: `${name}-1000-100B`,
    contestant: 'turnpike',
    comparator,
    step,
    ratioMax,
  });
  const beside = (rival: string, ratioMax: number): RatioTarget => ({
    ...to(rival, besideLabel(rival), ratioMax),
    comparatorStep: OWN_LABEL,
  });
  const saturated = to('coturn', 'saturation', 1 / 1.5);
  const xdp = (comparator: string, ratioMax: number): RatioTarget => ({
    ...to(comparator, 'saturation', ratioMax),
    title: `XDP, ${saturated.title}, at saturation`,
    contestant: 'turnpike-xdp',
  });
  return [
    beside('coturn', 1 / 1.1),
    { ...saturated, title: `${saturated.title}, at saturation` },
    beside('pion', 1 / 2),
    beside('npm-turn-server', 1 / 4),
    to('reflector', 'common', 1.15),
    xdp('coturn', 1 / 9),
    xdp('pion', 1 / 14),
    xdp('npm-turn-server', 1 / 30),
    xdp('xdp-redirect', 1.5),
  ];
});
const MANY: readonly ManyTarget[] = WAYS.map(([name, title]) => ({
  title: `TURN, ${title}, cost at 10,000 allocations`,
  many: `${name}-10k-100B`,
  few: `${name}-1000-100B`,
  fewText: '1,000',
  ratioMax: 1.3,
}));
const ALLOCATIONS_PER_SECOND_MIN = 5_000;
const BYTES_PER_ALLOCATION_MAX = 6 * 1_024;

/** Returns the median of a figure over the rounds; undefined if a round does not have it. */
function medianOf(
  { rounds }: TurnSetupResult,
  figure: (round: TurnSetupResult['rounds'][number]) => number | undefined,
): number | undefined {
  const figures = rounds.flatMap((round) => figure(round) ?? []);
  return figures.length < rounds.length ? undefined : median(figures);
}

function judgeAllocations(results: readonly TurnSetupResult[]): TargetResult[] {
  const ours = results.find(({ name }) => name === 'turnpike');
  if (ours === undefined) return [];
  const failed = ours.rounds.some(({ failures }) => Object.keys(failures).length > 0);
  const failedText = failed ? ', some failed' : '';
  const perSecond = medianOf(ours, (round) => round.perSecond) ?? 0;
  const resident = medianOf(ours, ({ residentBytes }) => residentBytes) ?? 0;
  const kernel = medianOf(ours, ({ kernelBytes }) => kernelBytes);
  const whole = (figure: number) => Math.round(figure).toLocaleString('en');
  const count = ours.allocations.toLocaleString('en');
  return [
    {
      title: `TURN allocations with a channel, ${count}`,
      target: `≥ ${whole(ALLOCATIONS_PER_SECOND_MIN)} a second`,
      measured: `${whole(perSecond)} a second${failedText}`,
      met: perSecond >= ALLOCATIONS_PER_SECOND_MIN && !failed,
    },
    {
      title: `memory per TURN allocation with a channel, ${count}`,
      target: `≤ ${whole(BYTES_PER_ALLOCATION_MAX)} B, kernel included`,
      ...(kernel !== undefined && {
        measured: `${whole(resident + kernel)} B (${whole(kernel)} of the kernel)${failedText}`,
        met: resident + kernel <= BYTES_PER_ALLOCATION_MAX && !failed,
      }),
    },
  ];
}

/** Returns every target of the TURN server with its measured figure. */
export function judgeTurn(
  workloads: readonly WorkloadResult[],
  turnSetup: readonly TurnSetupResult[],
): TargetResult[] {
  return [
    ...CASES.map((one) => judgeRatio(workloads, one)),
    ...MANY.map((one) => judgeMany(workloads, one)),
    ...judgeAllocations(turnSetup),
  ];
}
