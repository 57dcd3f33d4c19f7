/**
 * Makes the tables of docs/metrics.md from the declarations in src/metrics:
 * `node --import tsx test/house/metrics-page.ts`.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMMON_METRICS } from '../../src/metrics/common-metrics.js';
import { DIRECTORY_METRICS } from '../../src/metrics/directory-metrics.js';
import type { LabelValues, Metric, Metrics } from '../../src/metrics/metric.js';
import { RELAY_METRICS } from '../../src/metrics/relay-metrics.js';
import { TURN_METRICS } from '../../src/metrics/turn-metrics.js';
import { ROOT, readSource } from './source-files.js';

export const METRICS_PAGE = 'docs/metrics.md';
export const METRICS_COMMAND = 'node --import tsx test/house/metrics-page.ts';

/** The declarations by the heading of their table. */
export const METRICS_BY_HEADING: Readonly<Record<string, Metrics>> = {
  Common: COMMON_METRICS,
  Relay: RELAY_METRICS,
  Turn: TURN_METRICS,
  Directory: DIRECTORY_METRICS,
};

/** @returns the page's text, with the tables that the declarations make */
export function metricsPage(): string {
  let { text } = readSource(METRICS_PAGE);
  for (const [heading, metrics] of Object.entries(METRICS_BY_HEADING)) {
    const section = new RegExp(`^(## ${heading}\\n(?:\\n|[^#|\\n].*\\n)*)(?:\\|.*\\n)*`, 'm');
    text = text.replace(section, (_, before: string) => before + tableOf(metrics));
  }
  return text;
}

function tableOf(metrics: Metrics): string {
  const rows = Object.entries(metrics).map(([name, metric]) => rowOf(name, metric));
  return [...HEAD, ...rows, ''].join('\n');
}

const HEAD = ['| Metric | Type | Unit | Meaning |', '|---|---|---|---|'];

function rowOf(name: string, { kind, unit, help, labels = {}, buckets }: Metric): string {
  const names = Object.keys(labels).sort().join(', ');
  const series = names === '' ? name : `${name}{${names}}`;
  const values = Object.entries(labels).map(([label, of]) => ` \`${label}\`: ${valuesOf(of)}.`);
  const bounds = buckets === undefined ? '' : ` Buckets: ${buckets.join(', ')}.`;
  return `| \`${series}\` | ${kind} | ${unit} | ${help}${values.join('')}${bounds} |`;
}

function valuesOf(values: LabelValues): string {
  return 'bound' in values ? values.bound : values.map((value) => `\`${value}\``).join(', ');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(ROOT, METRICS_PAGE), metricsPage());
}
