import Type from 'typebox';
import { type Health, healthAnswer } from '../../http/health.js';
import type { RelayTable } from '../relay-table.js';
import type { App } from './app.js';

const Reasons = Type.Array(
  Type.Object({
    code: Type.String(),
    detail: Type.String(),
    stops: Type.String({ description: 'liveness, readiness or nothing' }),
  }),
);
const ProbeAnswer = Type.Object({
  status: Type.String({ description: 'ok or failed' }),
  relays: Type.Integer({ description: 'Live relays.' }),
  reasons: Reasons,
});
const PROBE_RESPONSES = { 200: ProbeAnswer, 503: ProbeAnswer };

/** Dependencies of the operators' routes. */
export interface OperationsRoutesOptions {
  readonly relays: RelayTable;
  readonly health: () => Health;
}

const PROBES = [
  ['/healthz', 'live', 'Whether the directory runs'],
  ['/readyz', 'ready', 'Whether the directory serves peers and relays'],
] as const;

/**
 * Adds the probes that load balancers call without a key. Metrics name tenants and are not served
 * here: `Directory.metrics` returns them.
 */
export function operationsRoutes(app: App, options: OperationsRoutesOptions): void {
  const { relays, health } = options;
  for (const [url, asked, summary] of PROBES) {
    app.get(url, { schema: { summary, response: PROBE_RESPONSES } }, async (_request, reply) => {
      const { status, body } = healthAnswer(health(), asked);
      const { status: text, reasons } = body;
      return reply.code(status).send({ status: text, relays: relays.size, reasons: [...reasons] });
    });
  }
}
