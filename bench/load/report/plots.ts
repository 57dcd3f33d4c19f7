import type { BenchResult, ContestantResult, WorkloadResult } from '../result.js';
import { LATENCY_LABEL } from '../rounds.js';
import { spread } from '../statistics.js';
import { p99Ns } from '../targets.js';
import { type Bar, standaloneChart } from './bars.js';
import { figuresAt, nsText, usText } from './figures.js';

/** A plot as an SVG file. */
export interface Plot {
  readonly file: string;
  readonly svg: string;
}

/** Workloads of the overview plot. */
const OVERVIEW: readonly string[] = [
  'out-1000-100B',
  'in-1000-100B-bundled',
  'path-1000-100B',
  'path-both-1000-100B',
  'out-1000-1200B',
  'same-1000-1200B',
  'out-100k-100B',
];
const RIVALS = 'out-rivals-100B';
const XDP = 'out-1000-100B';
/** Workloads of the TURN server with a plot of their own, and what each is. */
const TURN: readonly (readonly [name: string, file: string, title: string])[] = [
  ['turn-out-1000-100B', 'turn-out.svg', 'TURN client → peer'],
  ['turn-in-1000-100B', 'turn-in.svg', 'peer → TURN client'],
];

function find(result: BenchResult, name: string): WorkloadResult | undefined {
  return result.workloads.find(({ workload }) => workload.name === name);
}

function chart(file: string, title: string, bars: readonly Bar[]): Plot[] {
  return bars.length === 0 ? [] : [{ file, svg: standaloneChart(title, bars) }];
}

/** Returns Turnpike's cost at the common load as a multiple of the reflector's, by workload. */
function overviewBars(result: BenchResult): Bar[] {
  return OVERVIEW.flatMap((name) => {
    const found = find(result, name);
    const ours = found?.contestants.find((one) => one.name === 'turnpike');
    if (found === undefined || ours === undefined) return [];
    const ratio = figuresAt(found, ours, 'common')?.ratio;
    if (ratio === undefined) return [];
    return [{ label: name, value: ratio, text: `${ratio.median.toFixed(2)} ×`, ours: true }];
  });
}

/** Returns the CPU-ns for each delivered packet, by contestant. */
function costBars(workload: WorkloadResult | undefined, step: string): Bar[] {
  return (workload?.contestants ?? []).flatMap((one) => {
    const figures = workload && figuresAt(workload, one, step);
    return figures === undefined
      ? []
      : [bar(one, figures.cost, `${nsText(figures.cost.median)} ns`)];
  });
}

function latencyBars(workload: WorkloadResult | undefined): Bar[] {
  return (workload?.contestants ?? []).flatMap((one) => {
    const p99 = p99Ns(one, LATENCY_LABEL);
    return p99 === undefined ? [] : [bar(one, spread([p99.median]), `${usText(p99.median)} µs`)];
  });
}

function bar({ title, kind }: ContestantResult, value: Bar['value'], text: string): Bar {
  return { label: title, value, text, ours: kind === 'turnpike' };
}

/**
 * Returns the plots of docs/performance.md.
 * @param result - of a whole run; a plot without a measured figure is left out
 */
export function plotsOf(result: BenchResult): Plot[] {
  const rivals = find(result, RIVALS);
  return [
    ...chart(
      'sockets.svg',
      'Cost of a packet through Turnpike’s sockets, as a multiple of the bare reflector’s',
      overviewBars(result),
    ),
    ...chart(
      'xdp.svg',
      'CPU-ns for each packet at saturation: client → trunk, 1,000 connections, 100 B',
      costBars(find(result, XDP), 'saturation'),
    ),
    ...chart(
      'rivals.svg',
      'CPU-ns for each packet at saturation: one packet from a client across one server, 100 B',
      costBars(rivals, 'saturation'),
    ),
    ...chart(
      'latency.svg',
      'Latency p99 at half of each one’s own capacity, 100 B',
      latencyBars(rivals),
    ),
    ...TURN.flatMap(([name, file, title]) =>
      chart(
        file,
        `CPU-ns for each packet at saturation: ${title}, 1,000 allocations, 100 B`,
        costBars(find(result, name), 'saturation'),
      ),
    ),
  ];
}
