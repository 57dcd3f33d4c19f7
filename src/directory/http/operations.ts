import Type from 'typebox';
import type { DirectoryMetrics } from '../metrics.js';
import type { RelayTable } from '../relay-table.js';
import type { App } from './app.js';

/** What the operators' routes work with. */
export interface OperationsRoutesOptions {
  readonly relays: RelayTable;
  readonly metrics: DirectoryMetrics;
}

/** The routes that operators' tools call, without a key: health and metrics. */
export function operationsRoutes(app: App, { relays, metrics }: OperationsRoutesOptions): void {
  app.get(
    '/healthz',
    {
      schema: {
        summary: 'Whether the directory runs',
        response: {
          200: Type.Object({
            status: Type.Literal('ok'),
            relays: Type.Integer({ description: 'Live relays.' }),
          }),
        },
      },
    },
    async () => ({ status: 'ok' as const, relays: relays.size }),
  );
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    const { contentType, body } = await metrics.text();
    return reply.type(contentType).send(body);
  });
}
