import { amplification, type FloodResult, type Window } from './result.js';

interface Column {
  readonly title: string;
  readonly cell: (result: FloodResult) => string;
}

/** Returns the cell of a figure without the flood and with it. */
const beside = (figure: (window: Window) => string) => (result: FloodResult) =>
  `${figure(result.quiet)} → ${figure(result.flooded)}`;

const share = (part: number, whole: number) => (whole === 0 ? '–' : percent(part / whole));
const percent = (value: number) => `${(100 * value).toFixed(value > 0 && value < 0.0995 ? 1 : 0)}%`;
const ms = (value: number) => value.toFixed(value < 10 ? 1 : 0);
/** Minimum number of sent bytes for which a ratio is shown. */
const BYTES_MIN = 10_000;
const ratio = (result: FloodResult, value: number) =>
  result.flooded.sentBytes < BYTES_MIN ? '–' : value.toFixed(2);

const COLUMNS: readonly Column[] = [
  { title: 'flood', cell: ({ name }) => name },
  { title: 'set up', cell: beside(({ victim }) => share(victim.succeeded, victim.setUps)) },
  { title: 'p50 ms', cell: beside(({ victim }) => ms(victim.setUpP50Ms)) },
  { title: 'p99 ms', cell: beside(({ victim }) => ms(victim.setUpP99Ms)) },
  { title: 'directory p99', cell: beside(({ victim }) => ms(victim.directoryP99Ms)) },
  { title: 'echo loss', cell: beside(({ victim }) => share(victim.echoesLost, victim.echoes)) },
  { title: 'RTT p99', cell: beside(({ victim }) => ms(victim.rttP99Ms)) },
  { title: 'of', cell: ({ attacked }) => attacked },
  { title: 'RSS MB', cell: beside(({ peakBytes }) => (peakBytes / 1e6).toFixed(0)) },
  { title: 'CPU', cell: beside(({ cpuShare }) => percent(cpuShare)) },
  {
    title: 'MB/s in',
    cell: ({ flooded }) => (flooded.sentBytes / flooded.seconds / 1e6).toFixed(2),
  },
  { title: 'out/in', cell: (result) => ratio(result, amplification(result).answers) },
  { title: 'trunk/in', cell: (result) => ratio(result, amplification(result).trunk) },
];

/** Returns a table of all results, with the failures below it. */
export function tableText(results: readonly FloodResult[]): string {
  const rows = [
    COLUMNS.map(({ title }) => title),
    ...results.map((result) => COLUMNS.map(({ cell }) => cell(result))),
  ];
  const widths = COLUMNS.map((_, column) =>
    Math.max(...rows.map((cells) => (cells[column] ?? '').length)),
  );
  const lines = rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, '', LEGEND, ...results.flatMap(troubles)].join('\n');
}

const LEGEND =
  "Without the flood → with it. Set-ups are a genuine tenant's, through both relays; the echo " +
  'has its own\nconnection. RSS (peak) and CPU are those of the attacked process; in, out and ' +
  'trunk are bytes that\nthe attacker sent, that it received, and that the attacked relay sent ' +
  'on the trunk because of it.';

function troubles({ name, died, flooded, quiet }: FloodResult): string[] {
  const lines = died ? [`${name}: the attacked process ENDED`] : [];
  const windows = [
    ['without the flood', quiet],
    ['with the flood', flooded],
  ] as const;
  for (const [when, { victim }] of windows) {
    const failures = Object.entries(victim.failures);
    if (failures.length === 0) continue;
    const text = failures.map(([code, count]) => `${count} × ${code}`).join(', ');
    lines.push(`${name}, ${when}: set-ups that failed: ${text}`);
  }
  return lines;
}
