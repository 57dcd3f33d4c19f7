import { bullets, escapeMarkup, figure, table } from '../../load/report/markup.js';
import { STYLE } from '../../load/report/style.js';
import { intervalText, MAIN_COLUMNS, MORE_COLUMNS } from './figures.js';
import { burstChart, groupChart, ratioChart, regretChart } from './plots.js';
import type { ContestantSummary, SimulationResult, WorldSummary } from './summary.js';

const EXTRA_STYLE = 'figure { margin: 1rem 0; } figure > div, figure > figure { margin: 0; }';

const NOTES = [
  'Every contestant chooses for the same calls in the same world. The per-minute oracle knows ' +
    'all paths and chooses anew at each judged moment; regret is the RTT above its.',
  'Poor: RTT over 320 ms, loss over 1.2 % or jitter over 12 ms (VIA, SIGCOMM 2016). Mended: ' +
    'share of the poor calls of the nearest region that are not poor, of those that any pair of ' +
    'relays could mend.',
  'MOS by the E-model (ITU-T G.107) with G.711 and a jitter buffer of twice the mean deviation.',
  'Figures are means over the seeds with 95 % confidence intervals by Student’s t.',
  'docs/simulation.md says what the planet assumes.',
];

/** Returns the report as one HTML page that loads no other file. */
export function htmlReport(result: SimulationResult): string {
  const { worlds, ignoredFiles, command, startedAt, seconds, version } = result;
  const run = `Turnpike ${version}, ${startedAt}, ${Math.round(seconds)} s`;
  const parts = [
    '<h1>Selection of relays, simulated</h1>',
    `<p class="quiet">${escapeMarkup(run)}<br><code>${escapeMarkup(command)}</code></p>`,
    ...worlds.map(worldSection),
    '<h2>How to read this</h2>',
    bullets(NOTES),
    ignoredFiles.length === 0 ? '' : bullets([`No matrix: ${ignoredFiles.join(', ')}`]),
  ];
  return (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width, initial-scale=1">' +
    `<title>Turnpike simulation</title><style>${STYLE}${EXTRA_STYLE}</style></head>\n<body>\n` +
    `${parts.filter((part) => part !== '').join('\n')}\n</body></html>\n`
  );
}

function worldSection(world: WorldSummary): string {
  const { title, seeds, contestants, burst, targets, calibration } = world;
  return [
    `<h2>${escapeMarkup(title)}</h2>`,
    `<p class="quiet">seeds ${seeds.join(', ')}</p>`,
    targets.length === 0 ? '' : targetTable(world),
    contestantTable(contestants, MAIN_COLUMNS),
    ratioChart(contestants),
    regretChart(contestants),
    contestantTable(contestants, MORE_COLUMNS),
    groupChart(contestants, 'continents'),
    groupChart(contestants, 'technology'),
    burst.length === 0 ? '' : `<h3>A tenfold burst between two reports of load</h3>`,
    burst.length === 0 ? '' : burstTable(world) + burstChart(burst),
    calibration.length === 0 ? '' : `<h3>The generator beside what was measured</h3>`,
    calibration.length === 0 ? '' : calibrationTable(world),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function contestantTable(
  contestants: readonly ContestantSummary[],
  columns: typeof MAIN_COLUMNS,
): string {
  const rows = contestants.map(({ title, metrics }) => [
    { text: title },
    ...columns.map((column) => figure(intervalText(metrics[column.figure], column.show))),
  ]);
  return table(['Contestant', ...columns.map(({ head }) => head)], rows);
}

function targetTable({ targets }: WorldSummary): string {
  const rows = targets.map(({ what, target, text, met }) => [
    { text: what },
    figure(target),
    figure(text),
    { text: met ? 'met' : 'missed', mark: met ? ('met' as const) : ('missed' as const) },
  ]);
  return table(['Target', '', 'Found', ''], rows);
}

function burstTable({ burst }: WorldSummary): string {
  const two = (value: number) => value.toFixed(2);
  const rows = burst.map((one) => [
    { text: one.title },
    figure(one.legsBefore.mean.toFixed(0)),
    figure(one.legsAfter.mean.toFixed(0)),
    figure(intervalText(one.maxOverMean, two)),
    figure(intervalText(one.maxOverMeanWorst, two)),
    figure(one.overloaded.mean.toFixed(1)),
  ]);
  const heads = ['Contestant', 'Legs a relay', 'After', 'Max/mean', 'Worst region', 'Overloaded'];
  return table(heads, rows);
}

function calibrationTable({ calibration }: WorldSummary): string {
  const rows = calibration.map(({ what, measured, generated, ok, source }) => [
    { text: what },
    figure(String(measured)),
    figure(generated.toPrecision(3)),
    { text: ok ? 'ok' : 'off', mark: ok ? ('met' as const) : ('missed' as const) },
    { text: source },
  ]);
  return table(['Figure', 'Measured', 'Generated', '', 'Source'], rows);
}
