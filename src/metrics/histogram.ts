import { Histogram } from 'prom-client';
import type { LabelOf, Metric, Metrics, NameOf } from './metric.js';

/**
 * Returns a new histogram of a declared metric. `MetricRegistry.add` adds it to a registry. Each
 * observation searches the buckets and builds a key from the labels, so the packet path must not
 * use it.
 */
export function createHistogram<M extends Metrics, Name extends NameOf<M, 'histogram'>>(
  metrics: M,
  name: Name,
): Histogram<LabelOf<M[Name]>> {
  const metric = metrics[name] as Metric;
  const { buckets = [] } = metric;
  return new Histogram({ ...configOf(name, metric), buckets: [...buckets], registers: [] });
}

/** Returns the configuration of a metric for prom-client. */
export function configOf(name: string, { help, labels = {} }: Metric) {
  return { name, help, labelNames: Object.keys(labels) };
}
