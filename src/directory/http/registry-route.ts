import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { RegistryBody, RegistryParams } from '../../registry/schemas.js';
import type { PublishedRegistry } from '../registry-versions.js';
import type { RelayTable } from '../relay-table.js';
import type { App } from './app.js';
import { PROBLEM_RESPONSES, sendProblem } from './problem.js';

/**
 * `GET /v1/relays/{id}/registry/{version}`: the registry that a signed answer named. It is the same
 * bytes for every relay, made and compressed once, and needs no signature: its version is its
 * digest.
 */
export function registryRoute(scope: App, relays: Pick<RelayTable, 'registryOf'>): void {
  scope.get(
    '/v1/relays/:id/registry/:version',
    {
      config: { isNamedByDigest: true },
      schema: {
        summary: 'The registry of a version, gzipped where that is accepted',
        params: RegistryParams,
        response: { 200: Type.Unsafe<Buffer>(RegistryBody), ...PROBLEM_RESPONSES },
        security: [{ relaySignature: [] }],
      },
    },
    async (request, reply) => {
      const registry = relays.registryOf(request.params.version);
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
 * Answers a relay that takes the registry in the answer itself, without making its text anew.
 * @param members - the answer's other members
 */
export function sendInline(reply: FastifyReply, registry: PublishedRegistry, members: object) {
  const { version, body } = registry;
  const head = `{"registry":{"version":"${version}",`;
  // `body` is an object and so is what `members` makes: their braces become commas.
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
