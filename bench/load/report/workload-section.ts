import { spreadText } from '../ratio-targets.js';
import type { ContestantResult, WorkloadResult } from '../result.js';
import { LATENCY_LABEL, latencyBesideLabel } from '../rounds.js';
import { median, spread } from '../statistics.js';
import { type Bar, barChart } from './bars.js';
import { figuresAt, lossText, nsText, rateText, usText } from './figures.js';
import { type Cell, escapeMarkup, figure, table } from './markup.js';

/** Returns the section of a workload: its plots, then all figures. */
export function workloadSection(result: WorkloadResult): string {
  const { workload, commonPps } = result;
  const flows = workload.flows.toLocaleString('en');
  const sizes = [...new Set(workload.sizesBytes)].join(', ');
  return [
    `<h3 id="${escapeMarkup(workload.name)}">${escapeMarkup(workload.title)}</h3>`,
    `<p class="quiet"><code>${escapeMarkup(workload.name)}</code>: ${flows} flows, ` +
      `${sizes} B; common load ${rateText(commonPps)}.</p>`,
    costChart(result, 'common', 'CPU-ns for each delivered packet at the common load'),
    costChart(result, 'saturation', 'The same at saturation'),
    loadTable(result),
    latencyPart(result),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function costChart(result: WorkloadResult, step: string, title: string): string {
  const bars = result.contestants.flatMap((contestant): Bar[] => {
    const figures = figuresAt(result, contestant, step);
    if (figures === undefined) return [];
    const { cost } = figures;
    const ours = contestant.kind === 'turnpike';
    return [{ label: contestant.title, value: cost, text: `${nsText(cost.median)} ns`, ours }];
  });
  return bars.length === 0 ? '' : `<p>${escapeMarkup(title)}</p>${barChart(title, bars)}`;
}

function loadTable(result: WorkloadResult): string {
  const rows = result.contestants.flatMap((contestant) => loadRows(result, contestant));
  const heads = [
    '',
    'Load',
    'CPU-ns a packet',
    '× reflector',
    'Delivered',
    'Loss',
    'Generator idle',
  ];
  return table(heads, rows);
}

const LOAD_TITLES: Readonly<Record<string, string>> = {
  common: 'common',
  own: '60 % of its own',
  saturation: 'saturation',
};

function loadRows(result: WorkloadResult, contestant: ContestantResult): Cell[][] {
  const labels = Object.keys(contestant.rounds[0] ?? {}).filter(
    (label) => !label.startsWith(LATENCY_LABEL),
  );
  return labels.flatMap((label, index) => {
    const figures = figuresAt(result, contestant, label);
    if (figures === undefined) return [];
    const { cost, ratio, deliveredPps, loss, generatorIdle } = figures;
    return [
      [
        { text: index === 0 ? contestant.title : '' },
        { text: LOAD_TITLES[label] ?? label.replace('beside-', 'as ') },
        figure(spreadText(cost, 0)),
        figure(ratio === undefined ? '' : spreadText(ratio)),
        figure(rateText(deliveredPps)),
        figure(lossText(loss)),
        figure(`${Math.round(generatorIdle * 100)} %`),
      ],
    ];
  });
}

/** Returns the part with loss-free rate and latency; empty if they were not measured. */
function latencyPart({ contestants }: WorkloadResult): string {
  const known = contestants.flatMap(latencyRows);
  if (known.length === 0) return '';
  const bars = known.map(({ title, kind, load, p99Ns }): Bar => {
    const label = load === OWN_LATENCY ? title : `${title} ${load}`;
    const text = `${usText(p99Ns.median)} µs`;
    return { label, value: p99Ns, text, ours: kind === 'turnpike' };
  });
  const rows = known.map(
    ({ title, load, lossFreePps, offeredPps, samples, p50Ns, p99Ns, p999Ns }) => [
      { text: title },
      figure(lossFreePps === undefined ? '' : rateText(lossFreePps)),
      { text: load },
      figure(rateText(offeredPps)),
      figure(samples.toLocaleString('en')),
      ...[p50Ns, p99Ns, p999Ns].map((one) => figure(usText(one.median))),
    ],
  );
  const heads = ['', 'Loss-free rate', 'Latency at', '', 'Samples', 'p50 µs', 'p99 µs', 'p99.9 µs'];
  const title = 'Latency p99 at half of each one’s own capacity';
  return `<p>${title}</p>${barChart(title, bars)}${table(heads, rows)}`;
}

const OWN_LATENCY = 'half of its own';

/** Returns a contestant's latencies at its own load and at the loads of rivals. */
function latencyRows({ title, kind, rounds, lossFreePps }: ContestantResult) {
  const labels = Object.keys(rounds[0] ?? {}).filter((label) => label.startsWith(LATENCY_LABEL));
  return labels.flatMap((label) => {
    const steps = rounds.flatMap((round) => round[label] ?? []);
    const latencies = steps.flatMap(({ sink }) => sink?.latency ?? []);
    if (latencies.length === 0) return [];
    const isOwn = label === LATENCY_LABEL;
    return [
      {
        title,
        kind,
        load: isOwn ? OWN_LATENCY : label.replace(latencyBesideLabel(''), 'as '),
        ...(isOwn && lossFreePps !== undefined && { lossFreePps }),
        offeredPps: median(steps.map(({ offeredPps }) => offeredPps)),
        samples: latencies.reduce((sum, { count }) => sum + count, 0),
        p50Ns: spread(latencies.map(({ p50Ns }) => p50Ns)),
        p99Ns: spread(latencies.map(({ p99Ns }) => p99Ns)),
        p999Ns: spread(latencies.map(({ p999Ns }) => p999Ns)),
      },
    ];
  });
}
