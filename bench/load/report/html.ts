import type { SetupResult } from '../../setup/result.js';
import type { TargetResult } from '../ratio-targets.js';
import type { BenchResult, Circumstances } from '../result.js';
import { bullets, escapeMarkup, figure, table } from './markup.js';
import { STYLE } from './style.js';
import { turnSetupSection } from './turn-setups.js';
import { workloadSection } from './workload-section.js';

/**
 * Returns the report as one HTML page that loads no other file.
 */
export function htmlReport(result: BenchResult): string {
  const { circumstances, warnings, targets, workloads, setup, turnSetup, omissions } = result;
  const parts = [
    '<h1>Turnpike’s data plane, measured</h1>',
    where(circumstances),
    circumstances.scene === 'loopback'
      ? '<p class="banner">Indicative only: this ran on the loopback interface, not in network ' +
        'namespaces. Run it as root for meaningful figures.</p>'
      : '',
    '<p>Lower is better, unless a heading says otherwise. The cost is the server’s CPU time for ' +
      'each payload that arrived at the far end. Bars and first figures are medians over the ' +
      'rounds; lines across bars and figures in parentheses are ranges.</p>',
    warnings.length === 0 ? '' : `<h2>Doubts</h2>${bullets(warnings)}`,
    '<h2>Targets</h2>',
    targetTable(targets),
    '<h2>Workloads</h2>',
    ...workloads.map(workloadSection),
    turnSetupSection(turnSetup),
    setup.length === 0 ? '' : `<h2>Set-up and memory</h2>${setupTable(setup)}`,
    '<h2>How to read this</h2>',
    bullets(circumstances.notes),
    omissions.length === 0
      ? ''
      : `<h2>Left out</h2>${bullets(omissions.map(({ what, why }) => `${what}: ${why}`))}`,
  ];
  return (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width, initial-scale=1">' +
    `<title>Turnpike benchmark</title><style>${STYLE}</style></head>\n<body>\n` +
    `${parts.filter((part) => part !== '').join('\n')}\n</body></html>\n`
  );
}

function where(one: Circumstances): string {
  const machine = `${one.cpus} CPUs (${one.cpuModel}), Linux ${one.kernel}, Node ${one.node}`;
  const pinning = `server on CPU ${one.serverCpu}, generator on CPU ${one.generatorCpu}`;
  const effort = `${one.rounds} rounds of ${one.secondsPerStep} s after a discarded one`;
  const commit = one.commit === undefined ? '' : ` (commit ${one.commit})`;
  const others = one.versions.map(({ title, version }) => `${title} ${version}`).join(', ');
  const who = `Turnpike ${one.version}${commit}${others === '' ? '' : ` beside ${others}`}`;
  return (
    `<p class="quiet">${escapeMarkup(who)}, ${escapeMarkup(one.startedAt)}. ` +
    `${escapeMarkup(machine)}; ${pinning}; ${effort}; load before the run ` +
    `${one.loadAverage.toFixed(1)}.<br><code>${escapeMarkup(one.command)}</code></p>`
  );
}

function targetTable(targets: readonly TargetResult[]): string {
  const rows = targets.map(({ title, target, measured, atSaturation, met }) => [
    { text: title },
    figure(target),
    figure(measured ?? 'not measured'),
    figure(atSaturation ?? ''),
    met === undefined
      ? { text: '–' }
      : met
        ? { text: 'met', mark: 'met' as const }
        : { text: 'missed', mark: 'missed' as const },
  ]);
  return table(['Case', 'Target', 'Measured', 'At saturation', ''], rows);
}

function setupTable(setup: readonly SetupResult[]): string {
  const rows = setup.flatMap(({ options, setUp, memory }) =>
    memory.map(({ id, perConnection }) => [
      { text: `${options.arrangement}, ${id}` },
      figure(options.connections.toLocaleString('en')),
      figure(setUp.failed.toLocaleString('en')),
      figure(Math.round(setUp.perSecond).toLocaleString('en')),
      figure(`${setUp.flow.lost} of ${setUp.flow.sent}`),
      figure(`${Math.round(perConnection.residentBytes).toLocaleString('en')} B`),
    ]),
  );
  const heads = [
    'Relay',
    'Connections',
    'Failed',
    'Set up a second',
    'Flow’s loss',
    'Resident for each',
  ];
  return table(heads, rows);
}
