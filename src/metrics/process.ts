import { readFileSync } from 'node:fs';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/**
 * Gauges of prom-client whose names end in `_total`, which Prometheus keeps for counters; others
 * that it has say the same by kind.
 */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

let ofProcess: Registry | undefined;

/** What the process uses, measured from the first time that somebody asks. */
function processRegistry(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
    for (const name of MISNAMED) ofProcess.removeSingleMetric(name);
  }
  return ofProcess;
}

/** Says which program and version a registry is of. */
export function addBuildInfo(registry: Registry, program: 'relay' | 'directory'): void {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  new Gauge({
    name: 'turnpike_build_info',
    help: 'Always 1; which program this is, and its version.',
    labelNames: ['program', 'version'],
    registers: [registry],
  }).set({ program, version }, 1);
}

/**
 * What a registry and the process measure, in Prometheus' text format.
 * @param registry - of a service; one process may have several services, and each shows the process
 */
export function metricsText(registry: Registry): Promise<string> {
  return Registry.merge([registry, processRegistry()]).metrics();
}
