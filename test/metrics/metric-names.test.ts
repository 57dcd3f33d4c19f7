import t from 'tap';
import type { Metric } from '../../src/metrics/metric.js';
import { METRICS_BY_HEADING } from '../house/metrics-page.js';

const METRICS: readonly (readonly [name: string, metric: Metric])[] = Object.values(
  METRICS_BY_HEADING,
).flatMap((metrics) => Object.entries(metrics));

/** Suffixes that a text format gives to series of a family, or to families of a kind. */
const RESERVED = /_(bucket|count|sum|created|total|info)$/;
/** Words that no name may have: units other than base units, and kinds. */
const NO_NAME =
  /_(ms|msec|milliseconds|us|ns|minutes|kb|mb|kilobytes|percent|gauge|counter|histogram)(_|$)/;

const namesOf = (isWrong: (name: string, metric: Metric) => boolean) =>
  METRICS.filter(([name, metric]) => isWrong(name, metric)).map(([name]) => name);

/** Returns the ending of a name by unit and kind (Prometheus' "Metric and label naming"). */
function endingOf({ kind, unit }: Metric): string {
  const ofUnit = unit === 'seconds' || unit === 'bytes' ? `_${unit}` : '';
  const ofKind = kind === 'counter' ? '_total' : '';
  return unit === 'info' ? '_info' : `${ofUnit}${ofKind}`;
}

t.test('a name ends in its unit and in the suffix of its kind', async (t) => {
  t.strictSame(
    namesOf((name, metric) => !name.endsWith(endingOf(metric))),
    [],
  );
  const restOf = (name: string, metric: Metric) =>
    name.slice(0, -endingOf(metric).length || undefined);
  t.strictSame(
    namesOf((name, metric) => RESERVED.test(restOf(name, metric))),
    [],
    'no other name ends in the suffix of a kind',
  );
  t.strictSame(
    namesOf((name, metric) => /_(seconds|bytes)$/.test(restOf(name, metric))),
    [],
    'no other name ends in a unit',
  );
});

t.test(
  'names are in snake case, with the prefix of their program, base units and no kind',
  async (t) => {
    t.strictSame(
      namesOf((name) => !/^turnpike(_[a-z][a-z0-9]*)+$/.test(name) || NO_NAME.test(name)),
      [],
    );
    for (const [heading, metrics] of Object.entries(METRICS_BY_HEADING)) {
      const prefix = heading === 'Common' ? 'turnpike_' : `turnpike_${heading.toLowerCase()}_`;
      t.ok(
        Object.keys(metrics).every((name) => name.startsWith(prefix)),
        heading,
      );
    }
  },
);

t.test(
  'units `boolean` and `info` are of gauges, and histograms are in seconds or bytes',
  async (t) => {
    t.strictSame(
      namesOf((_, { kind, unit }) => kind !== 'gauge' && (unit === 'boolean' || unit === 'info')),
      [],
    );
    t.strictSame(
      namesOf(
        (_, { kind, unit }) => kind === 'histogram' && unit !== 'seconds' && unit !== 'bytes',
      ),
      [],
      'histograms',
    );
  },
);

t.test('histograms, and only they, have buckets, which rise', async (t) => {
  t.strictSame(
    namesOf((_, { kind, buckets }) => (kind === 'histogram') !== (buckets !== undefined)),
    [],
  );
  t.strictSame(
    namesOf((_, { buckets = [] }) => buckets.some((bound, at) => bound <= (buckets[at - 1] ?? 0))),
    [],
  );
});

t.test('labels are in snake case, bounded, and not repeated in the name', async (t) => {
  for (const [name, { labels = {} }] of METRICS) {
    for (const [label, values] of Object.entries(labels)) {
      t.match(label, /^(?!le$|quantile$)[a-z]+(_[a-z]+)*$/, name);
      if ('bound' in values) t.ok(values.bound.length > 5, name);
      else {
        t.ok(values.length > 1, `${name}: the label has more than one value`);
        t.equal(new Set(values).size, values.length, name);
      }
    }
  }
});

t.test('a help text is one line of whole sentences', async (t) => {
  t.strictSame(
    namesOf((_, { help }) => !/^[A-Z0-9].*\.$/.test(help) || /\n|\|/.test(help)),
    [],
  );
});
