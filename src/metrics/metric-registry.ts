import { Counter, Gauge, type Histogram, Registry } from 'prom-client';
import { packageVersion } from '../version.js';
import { COMMON_METRICS } from './common-metrics.js';
import { configOf, createHistogram } from './histogram.js';
import type { LabelOf, LabelsOf, Metric, Metrics, NameOf, ValueOf } from './metric.js';
import { processRegistry } from './process.js';

/** A metric's values by label value. */
type Rows<Value extends string> =
  | Readonly<Record<Value, number>>
  | Iterable<readonly [value: Value, number: number]>;

/**
 * The metrics of one service. Each service in a process has its own registry, so that the counts of
 * services stay apart.
 */
export class MetricRegistry<M extends Metrics> {
  readonly #metrics: M;
  readonly #registry = new Registry();

  /** @param metrics - the declared metrics of the service */
  constructor(metrics: M, program: 'relay' | 'directory' | 'turn') {
    this.#metrics = metrics;
    const name = 'turnpike_build_info';
    new Gauge({
      ...configOf(name, COMMON_METRICS[name]),
      registers: [this.#registry],
    }).set({ program, version: packageVersion() }, 1);
  }

  /** Returns a new counter, which the caller increments. */
  counter<Name extends NameOf<M, 'counter'>>(name: Name): Counter<LabelOf<M[Name]>> {
    return new Counter({ ...this.#config(name), registers: [this.#registry] });
  }

  /** Returns a new histogram, to which the caller adds values. */
  histogram<Name extends NameOf<M, 'histogram'>>(name: Name): Histogram<LabelOf<M[Name]>> {
    const made = createHistogram<M, Name>(this.#metrics, name);
    this.add(made);
    return made;
  }

  /** Adds a histogram made by `createHistogram`. */
  add<Label extends string>(histogram: Histogram<Label>): void {
    this.#registry.registerMetric(histogram);
  }

  /** Adds a metric without labels. @param read - called for each `text` */
  value(name: NameOf<M, 'counter' | 'gauge'>, read: () => number): void {
    this.#collect(name, () => [[{}, read()]]);
  }

  /** Adds a metric with one label. @param read - called for each `text` */
  byLabel<Name extends NameOf<M, 'counter' | 'gauge'>>(
    name: Name,
    read: () => Rows<ValueOf<M[Name], LabelOf<M[Name]>>>,
  ): void {
    const [label = ''] = Object.keys(this.#metrics[name]?.labels ?? {});
    this.#collect(name, () => {
      const rows = read();
      const pairs: Iterable<readonly [value: string, number: number]> =
        Symbol.iterator in rows ? rows : Object.entries<number>(rows);
      return Array.from(pairs, ([value, number]) => [{ [label]: value }, number] as const);
    });
  }

  /** Adds a metric with several labels. @param read - called for each `text` */
  byLabels<Name extends NameOf<M, 'counter' | 'gauge'>>(
    name: Name,
    read: () => Iterable<readonly [labels: LabelsOf<M[Name]>, number: number]>,
  ): void {
    this.#collect(name, read);
  }

  /** Returns the metrics of the service and of the process, in Prometheus' text format. */
  text(): Promise<string> {
    return Registry.merge([this.#registry, processRegistry()]).metrics();
  }

  #collect(
    name: NameOf<M, 'counter' | 'gauge'>,
    read: () => Iterable<readonly [labels: Readonly<Record<string, string>>, number: number]>,
  ): void {
    const type = this.#metrics[name]?.kind === 'counter' ? Counter : Gauge;
    new type({
      ...this.#config(name),
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, number] of read()) this.inc(labels, number);
      },
    });
  }

  #config(name: keyof M & string) {
    return configOf(name, this.#metrics[name] as Metric);
  }
}
