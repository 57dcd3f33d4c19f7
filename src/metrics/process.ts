import { collectDefaultMetrics, Registry } from 'prom-client';
import { COMMON_METRICS } from './common-metrics.js';
import { createHistogram } from './histogram.js';

/** Interval of the timer that measures the event loop's delay. */
const LAG_SAMPLE_MS = 100;

/**
 * Gauges of prom-client whose names end in `_total`, which Prometheus reserves for counters. The
 * gauges without `_total` give the same numbers by type.
 */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

let ofProcess: Registry | undefined;

/** Returns the metrics of the process, which are measured from the first call on. */
export function processRegistry(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
    for (const name of MISNAMED) ofProcess.removeSingleMetric(name);
    measureEventLoopLag(ofProcess);
  }
  return ofProcess;
}

function measureEventLoopLag(registry: Registry): void {
  const lag = createHistogram(COMMON_METRICS, 'turnpike_event_loop_lag_seconds');
  registry.registerMetric(lag);
  let dueAtMs = performance.now() + LAG_SAMPLE_MS;
  const sample = () => {
    const now = performance.now();
    lag.observe(Math.max(now - dueAtMs, 0) / 1_000);
    dueAtMs = now + LAG_SAMPLE_MS;
  };
  setInterval(sample, LAG_SAMPLE_MS).unref();
}
