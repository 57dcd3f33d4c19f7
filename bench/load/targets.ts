import type { SetupResult } from '../setup/result.js';
import {
  find,
  judgeMany,
  judgeRatio,
  type ManyTarget,
  type RatioTarget,
  type TargetResult,
} from './ratio-targets.js';
import type { ContestantResult, WorkloadResult } from './result.js';
import { besideLabel, LATENCY_LABEL, latencyBesideLabel, OWN_LABEL } from './rounds.js';
import { type Spread, spread } from './statistics.js';
import type { TurnSetupResult } from './turn-setups.js';
import { judgeTurn } from './turn-targets.js';

const OUT = 'out-1000-100B';
const CASES: readonly RatioTarget[] = [
  ratio('client → trunk, 1,000 connections, 100 B', OUT, 'reflector', 0.6),
  ratio('trunk (bundled) → client, the same', 'in-1000-100B-bundled', 'reflector', 0.75),
  ratio('no bundling possible: 1,200 B, client → trunk', 'out-1000-1200B', 'reflector', 1.15),
  ratio('no bundling possible: 1,200 B, same relay', 'same-1000-1200B', 'reflector', 1.15),
  ratio('no bundling possible: 100 B, same relay', 'same-1000-100B', 'reflector', 1.15),
  ratio('super-frames of 16 × 1,200 B, client → trunk', 'out-super-1200B', 'reflector-gso', 1.3),
  ratio('super-frames of 16 × 1,200 B, trunk → client', 'in-super-1200B', 'reflector-gso', 1.3),
  ratio('super-frames of 16 × 1,200 B, same relay', 'same-super-1200B', 'reflector-gso', 1.3),
  ...[OUT, 'in-1000-100B-single', 'same-1000-100B'].flatMap((name) => [
    xdp(`xdp, ${name}`, name, 'reflector', 0.25),
    xdp(`xdp, ${name}`, name, 'xdp-redirect', 1.5),
  ]),
  rival('turnpike', 'coturn', 1 / 1.3),
  rival('turnpike', 'pion', 1 / 2),
  rival('turnpike', 'npm-turn-server', 1 / 4),
  rival('turnpike-xdp', 'coturn', 1 / 6),
  rival('turnpike-xdp', 'pion', 1 / 10),
  rival('turnpike-xdp', 'npm-turn-server', 1 / 20),
];
const MANY: ManyTarget = {
  title: 'cost at 100,000 connections, client → trunk',
  many: 'out-100k-100B',
  few: OUT,
  fewText: '1,000',
  ratioMax: 1.3,
};
const SETUP_PER_SECOND_MIN = 5_000;
const BYTES_PER_CONNECTION_MAX = 2_048;

function ratio(title: string, workload: string, comparator: string, ratioMax: number): RatioTarget {
  return { title, workload, contestant: 'turnpike', comparator, step: 'common', ratioMax };
}

function xdp(title: string, workload: string, comparator: string, ratioMax: number): RatioTarget {
  return { title, workload, contestant: 'turnpike-xdp', comparator, step: 'common', ratioMax };
}

function rival(contestant: string, comparator: string, ratioMax: number): RatioTarget {
  const backend = contestant === 'turnpike' ? 'mmsg' : 'xdp';
  return {
    title: `${backend}, one packet from a client carried across one server, 100 B`,
    workload: 'out-rivals-100B',
    contestant,
    comparator,
    step: besideLabel(comparator),
    comparatorStep: OWN_LABEL,
    ratioMax,
  };
}

/** Returns the 99th percentile of latency over the rounds; undefined if it was not measured. */
export function p99Ns(result: ContestantResult | undefined, step: string): Spread | undefined {
  const figures = (result?.rounds ?? []).flatMap((steps) => steps[step]?.sink?.latency.p99Ns ?? []);
  return figures.length === 0 ? undefined : spread(figures);
}

function judgeLatency(workloads: readonly WorkloadResult[]): TargetResult {
  const of = (name: string) => find(workloads, 'out-rivals-100B', name);
  const mine = p99Ns(of('turnpike'), LATENCY_LABEL);
  const asTheirs = p99Ns(of('turnpike'), latencyBesideLabel('coturn'));
  const theirs = p99Ns(of('coturn'), LATENCY_LABEL);
  const known = mine !== undefined && theirs !== undefined && asTheirs !== undefined;
  const us = ({ median }: Spread) => `${(median / 1000).toFixed(0)} µs`;
  return {
    title: 'latency p99 at half of its own saturation',
    target: '≤ coturn’s',
    ...(known && {
      measured: `${us(mine)} beside ${us(theirs)}; at coturn’s load ${us(asTheirs)}`,
      met: mine.median <= theirs.median,
    }),
  };
}

function judgeSetup(setup: readonly SetupResult[]): TargetResult[] {
  return setup.flatMap(({ options, setUp, memory }) => {
    const { perSecond, flow, failed, tasks } = setUp;
    const failures = failed === 0 ? '' : `, ${failed} of ${tasks} set-ups failed`;
    const bytes = Math.max(...memory.map(({ perConnection }) => perConnection.residentBytes));
    const where = `${options.connections.toLocaleString('en')} connections, ${options.arrangement}`;
    return [
      {
        title: `Allocate and Connect of both legs, ${where}`,
        target: '≥ 5,000 a second, none failed, no loss meanwhile',
        measured: `${Math.round(perSecond)} a second, ${flow.lost} of ${flow.sent} lost${failures}`,
        met: perSecond >= SETUP_PER_SECOND_MIN && flow.lost === 0 && failed === 0,
      },
      {
        title: `memory per established connection and relay, ${where}`,
        target: `≤ ${BYTES_PER_CONNECTION_MAX.toLocaleString('en')} B resident`,
        measured: `${Math.round(bytes).toLocaleString('en')} B${failures}`,
        met: bytes <= BYTES_PER_CONNECTION_MAX && failed === 0,
      },
    ];
  });
}

/** Returns every target with its measured figure. */
export function judge(
  workloads: readonly WorkloadResult[],
  setup: readonly SetupResult[],
  turnSetup: readonly TurnSetupResult[] = [],
): TargetResult[] {
  return [
    ...CASES.map((one) => judgeRatio(workloads, one)),
    judgeMany(workloads, MANY),
    judgeLatency(workloads),
    ...judgeSetup(setup),
    ...judgeTurn(workloads, turnSetup),
  ];
}
