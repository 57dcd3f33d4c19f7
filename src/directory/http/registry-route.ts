import type { FastifyReply, FastifyRequest } from 'fastify';
import { FetchedBody, RegistryParams } from '../../registry/schemas.js';
import type { PublishedRegistry } from '../published-registry.js';
import type { RelayTable } from '../relay-table.js';
import type { App } from './app.js';
import { PROBLEM_RESPONSES, sendProblem } from './problem.js';

/**
 * Adds `GET /v1/relays/{id}/registry/{digest}`: a registry, a part of one, or changes that a signed
 * response named. Every relay gets the same bytes, serialized and compressed once. The response
 * needs no signature, because it is named by its digest.
 */
export function registryRoute(scope: App, relays: Pick<RelayTable, 'registryOf'>): void {
  scope.get(
    '/v1/relays/:id/registry/:digest',
    {
      config: { isNamedByDigest: true },
      schema: {
        summary: 'The registry, a part of it or changes, by digest; gzipped where that is accepted',
        params: RegistryParams,
        response: { 200: FetchedBody, ...PROBLEM_RESPONSES },
        security: [{ relaySignature: [] }],
      },
    },
    async (request, reply) => {
      const registry = relays.registryOf(request.params.digest);
      if (registry === undefined) {
        const detail = 'not a version of the last moments: a beat names the newest';
        return sendProblem(reply, { status: 404, code: 'unknown-version', detail });
      }
      reply.type('application/json').header('vary', 'accept-encoding');
      if (!acceptsGzip(request)) return reply.send(registry.body);
      return reply.header('content-encoding', 'gzip').send(await registry.gzipped());
    },
  );
}

/**
 * Sends a response with the registry inside, reusing the registry's serialized text.
 * @param members - the other members of the response
 */
export function sendInline(reply: FastifyReply, registry: PublishedRegistry, members: object) {
  const { version, body } = registry;
  const head = `{"registry":{"version":"${version}",`;
  // Joins two JSON objects: the brace between them becomes a comma.
  const rest = JSON.stringify(members).slice(1);
  const text = `${head}${body.toString('utf8', 1)}${rest === '}' ? '' : ','}${rest}`;
  return reply
    .type('application/json')
    .serializer((given: string) => given)
    .send(text);
}

function acceptsGzip({ headers }: FastifyRequest): boolean {
  return /\bgzip\b/.test(headers['accept-encoding'] ?? '');
}
