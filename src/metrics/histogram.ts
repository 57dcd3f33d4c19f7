import { Histogram } from 'prom-client';
import type { LabelOf, Metric, Metrics, NameOf } from './metric.js';

/**
 * Makes a histogram that whoever measures owns; a registry shows it after `MetricRegistry.add`.
 * Observing a value costs a search among a dozen bounds and a key made of the labels: too much for
 * the packet path, little for a request.
 */
export function createHistogram<M extends Metrics, Name extends NameOf<M, 'histogram'>>(
  metrics: M,
  name: Name,
): Histogram<LabelOf<M[Name]>> {
  const metric = metrics[name] as Metric;
  const { buckets = [] } = metric;
  return new Histogram({ ...configOf(name, metric), buckets: [...buckets], registers: [] });
}

/** What prom-client is told of a metric. */
export function configOf(name: string, { help, labels = {} }: Metric) {
  return { name, help, labelNames: Object.keys(labels) };
}
