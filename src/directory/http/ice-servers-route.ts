import Type from 'typebox';
import { CREDENTIAL_TTL_SECONDS_MAX } from '../../auth/tenant-credentials.js';
import { TENANT_TURN_USER_CHARACTERS_MAX } from '../../auth/tenant-turn-credentials.js';
import { isTurnpikeError } from '../../errors.js';
import { NO_RELAY_RETRY_SECONDS } from '../../selection/no-relay-reason.js';
import {
  ICE_RELAYS_DEFAULT,
  ICE_RELAYS_MAX,
  ICE_SERVERS_TTL_SECONDS,
  type IceServers,
} from '../ice-servers.js';
import type { App } from './app.js';
import { PeerShape, peerHints } from './peer-hints.js';
import { PROBLEM_RESPONSES, type Problem, sendProblem } from './problem.js';

const IceServersRequest = Type.Object(
  {
    user: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: TENANT_TURN_USER_CHARACTERS_MAX,
        pattern: '^[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]+$',
        description: 'Whom the quotas of the relays count; absent: the tenant as a whole.',
      }),
    ),
    client: Type.Optional(PeerShape),
    relays: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: ICE_RELAYS_MAX,
        default: ICE_RELAYS_DEFAULT,
        description: 'How many relays to give at most, the nearest ones.',
      }),
    ),
    ttlSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: CREDENTIAL_TTL_SECONDS_MAX,
        default: ICE_SERVERS_TTL_SECONDS,
        description: 'How long the credential makes allocations; one that is made lives on.',
      }),
    ),
  },
  { additionalProperties: false },
);

const IceServersAnswer = Type.Object(
  {
    iceServers: Type.Array(
      Type.Object({
        urls: Type.Array(Type.String()),
        username: Type.String(),
        credential: Type.String(),
      }),
    ),
    ttlSeconds: Type.Integer(),
    expiresAt: Type.String({ format: 'date-time' }),
  },
  { description: 'An RTCConfiguration: the nearest relay first.' },
);

/** Adds the route by which servers get TURN servers for their clients (PROTOCOL.md section 5). */
export function iceServersRoute(app: App, iceServers: IceServers): void {
  app.post(
    '/v1/ice-servers',
    {
      schema: {
        summary: 'Get TURN servers and a credential for an ICE client',
        body: IceServersRequest,
        response: { 200: IceServersAnswer, ...PROBLEM_RESPONSES },
        security: [{ apiKey: [] }],
      },
    },
    async (request, reply) => {
      const { user, client = {}, relays = ICE_RELAYS_DEFAULT } = request.body;
      const { ttlSeconds = ICE_SERVERS_TTL_SECONDS } = request.body;
      const hints = peerHints(client);
      if (!hints.ok) return sendProblem(reply, wrong(`/client${hints.pointer}`, hints.detail));
      try {
        const wish = { tenant: request.tenant, user, client: hints.hints, relays, ttlSeconds };
        const result = iceServers.create(wish);
        if (!result.ok) return sendProblem(reply, noRelay(result));
        // The response holds a password, so no cache may store it (RFC 9111 section 5.2.2.5).
        return reply.header('cache-control', 'no-store').send(result.answer);
      } catch (error) {
        if (!isTurnpikeError(error, 'ERR_TURNPIKE_CREDENTIAL')) throw error;
        return sendProblem(reply, wrong('/user', 'makes a username of more than 508 bytes'));
      }
    },
  );
}

function noRelay({ reason, detail }: { reason: string; detail: string }): Problem {
  return {
    status: 503,
    code: 'no-relay',
    detail: `no relay can serve this client now: ${detail}`,
    retryAfterSeconds: NO_RELAY_RETRY_SECONDS,
    members: { reason },
  };
}

function wrong(pointer: string, detail: string): Problem {
  const errors = [{ pointer, detail }];
  return { status: 400, code: 'invalid-request', detail: 'body does not match its schema', errors };
}
