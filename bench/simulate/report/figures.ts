import type { Interval } from '../judge/intervals.js';
import type { Metrics } from '../judge/metrics.js';

/** A figure of the tables: its heading, and how it is written. */
export interface Column {
  readonly figure: keyof Metrics;
  readonly head: string;
  readonly show: (value: number) => string;
}

const fixed = (digits: number) => (value: number) =>
  Number.isFinite(value) ? value.toFixed(digits) : '–';
const percent = (digits: number) => (value: number) =>
  Number.isFinite(value) ? `${(100 * value).toFixed(digits)} %` : '–';

/** Columns of the table on the terminal. */
export const MAIN_COLUMNS: readonly Column[] = [
  { figure: 'rttP50', head: 'RTT p50', show: fixed(0) },
  { figure: 'rttP95', head: 'p95', show: fixed(0) },
  { figure: 'rttP99', head: 'p99', show: fixed(0) },
  { figure: 'p95Ratio', head: 'p95/oracle', show: fixed(3) },
  { figure: 'regretMean', head: 'regret', show: fixed(1) },
  { figure: 'within5ms', head: '≤ 5 ms', show: percent(0) },
  { figure: 'poor', head: 'poor', show: percent(1) },
  { figure: 'mendingCaptured', head: 'mended', show: percent(0) },
  { figure: 'opinionScore', head: 'MOS', show: fixed(2) },
];

/** Further columns of the page. */
export const MORE_COLUMNS: readonly Column[] = [
  { figure: 'lossP50', head: 'loss p50', show: percent(2) },
  { figure: 'lossP99', head: 'loss p99', show: percent(1) },
  { figure: 'jitterP95', head: 'jitter p95, ms', show: fixed(1) },
  { figure: 'without', head: 'without path', show: percent(2) },
  { figure: 'pricePerGb', head: 'USD per GB', show: fixed(3) },
  { figure: 'loadMaxOverMean', head: 'load max/mean', show: fixed(2) },
  { figure: 'overloadedSeconds', head: 'overload, s', show: fixed(0) },
  { figure: 'flapsPer1000Hours', head: 'flaps /1,000 h', show: fixed(2) },
  { figure: 'movesPer1000Hours', head: 'moves /1,000 h', show: fixed(1) },
  { figure: 'brokenPer1000Hours', head: 'broken /1,000 h', show: fixed(1) },
  { figure: 'explored', head: 'explored', show: percent(2) },
  { figure: 'chooseMicroseconds', head: 'µs a choice', show: fixed(0) },
];

/** Returns a mean with its interval: `1.034 ± 0.005`. */
export function intervalText({ mean, halfWidth }: Interval, show: Column['show']): string {
  const width = halfWidth === undefined ? '' : ` ± ${show(halfWidth).replace(' %', '')}`;
  return Number.isFinite(mean)
    ? `${show(mean).replace(/ %$/, '')}${width}${unitOf(show(mean))}`
    : '–';
}

function unitOf(text: string): string {
  return text.endsWith(' %') ? ' %' : '';
}
