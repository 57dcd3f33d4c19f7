import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { CURVE_SHARES } from '../run/job.js';
import type { BurstSummary, ContestantSummary } from './summary.js';
import { OURS } from './targets.js';

const WIDTH = 720;
const LABEL_WIDTH = 120;

/** Distributions that are drawn; the others would hide them. */
const CURVES = [OURS, 'former', 'nearest-place', 'nearest-rtt', 'top-8', 'via', 'oracle-minute'];
/** The curve of a p95 has its tail here. */
const REGRET_MS_MAX = 120;

type Options = Parameters<typeof Plot.plot>[0];

function draw(title: string, options: NonNullable<Options>): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const chart = Plot.plot({
    ...{ document, width: WIDTH, style: { fontSize: '12px', color: 'var(--ink)' } },
    ...options,
    ariaLabel: title,
  });
  for (const svg of chart.tagName === 'svg' ? [chart] : chart.querySelectorAll('svg')) {
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', title);
  }
  return `<figure>${chart.outerHTML}<figcaption class="quiet">${title}</figcaption></figure>`;
}

/** Draws each contestant's p95 as a multiple of the oracle's, with its confidence interval. */
export function ratioChart(contestants: readonly ContestantSummary[]): string {
  const rows = contestants.map(({ name, metrics: { p95Ratio } }) => ({
    ...{ name, ratio: p95Ratio.mean, fill: name === OURS ? 'var(--ours)' : 'var(--others)' },
    low: p95Ratio.mean - (p95Ratio.halfWidth ?? 0),
    high: p95Ratio.mean + (p95Ratio.halfWidth ?? 0),
  }));
  return draw('RTT p95 as a multiple of the per-minute oracle’s; cut at 1.6', {
    ...{ marginLeft: LABEL_WIDTH, height: 40 + 22 * rows.length },
    x: { domain: [0.95, 1.6], clamp: true, label: null, grid: true },
    y: { domain: rows.map(({ name }) => name), label: null, tickSize: 0, padding: 0.35 },
    marks: [
      Plot.barX(rows, { x1: 0.95, x2: 'ratio', y: 'name', fill: 'fill' }),
      Plot.ruleY(rows, { x1: 'low', x2: 'high', y: 'name', stroke: 'var(--range)' }),
      Plot.ruleX([1], { stroke: 'var(--range)' }),
    ],
  });
}

/** Draws the share of moments whose regret to the oracle is at most so many ms. */
export function regretChart(contestants: readonly ContestantSummary[]): string {
  const points = contestants
    .filter(({ name }) => CURVES.includes(name))
    .flatMap(({ name, regretCurve }) =>
      regretCurve.map((regret, at) => ({ name, share: CURVE_SHARES[at], regret })),
    )
    .filter(({ regret }) => regret <= REGRET_MS_MAX);
  return draw('Share of calls whose RTT exceeds the oracle’s by at most so many ms', {
    ...{ height: 300, marginLeft: 50 },
    x: { label: 'regret, ms', domain: [0, REGRET_MS_MAX], clamp: true },
    y: { label: 'share', domain: [0, 1], grid: true },
    color: { legend: true, scheme: 'Tableau10' },
    marks: [Plot.lineY(points, { x: 'regret', y: 'share', stroke: 'name', strokeWidth: 1.6 })],
  });
}

/** Draws regret by pair of continents or technologies, for a few contestants. */
export function groupChart(contestants: readonly ContestantSummary[], kind: string): string {
  const shown = contestants.filter(({ name }) =>
    [OURS, 'former', 'nearest-rtt', 'top-8', 'via'].includes(name),
  );
  const rows = shown.flatMap(({ name, groups }) =>
    groups
      .filter((group) => group.kind === kind)
      .map((group) => ({ contestant: name, group: group.name, regret: group.regretMean.mean })),
  );
  const groups = [...new Set(rows.map(({ group }) => group))];
  if (groups.length === 0) return '';
  return draw(`Mean regret to the per-minute oracle by ${kind}, ms`, {
    ...{ marginLeft: LABEL_WIDTH + 20, height: 60 + 24 * groups.length },
    x: { type: 'sqrt', label: 'ms', grid: true },
    y: { domain: groups, label: null, tickSize: 0 },
    color: { legend: true, scheme: 'Tableau10' },
    marks: [Plot.dot(rows, { x: 'regret', y: 'group', fill: 'contestant', r: 4 })],
  });
}

/** Draws how evenly relays of a region are loaded during the burst. */
export function burstChart(burst: readonly BurstSummary[]): string {
  const points = burst.flatMap(({ name, series }) =>
    series.map(({ second, maxOverMean }) => ({ name, second, maxOverMean })),
  );
  return draw('Largest over mean load by capacity in the median region; the burst begins at 20 s', {
    ...{ height: 280, marginLeft: 50 },
    x: { label: 'seconds' },
    y: { label: 'max / mean', domain: [1, 4], clamp: true, grid: true },
    color: { legend: true, scheme: 'Tableau10' },
    marks: [
      Plot.lineY(points, { x: 'second', y: 'maxOverMean', stroke: 'name' }),
      Plot.ruleY([1.3], { stroke: 'var(--bad)', strokeDasharray: '4 3' }),
    ],
  });
}
