import Type from 'typebox';
import type { ClientSources } from '../../http/client-sources.js';
import { AddressText, Name, PING_CANDIDATES_MAX, Port } from '../../registry/schemas.js';
import {
  PING_CANDIDATES_DEFAULT,
  PING_CANDIDATES_VALID_SECONDS,
  type PingCandidates,
} from '../ping-candidates.js';
import type { App } from './app.js';
import { PeerShape, peerHints } from './peer-hints.js';
import { PROBLEM_RESPONSES, sendProblem } from './problem.js';

const CandidatesRequest = Type.Object(
  {
    peer: Type.Optional(PeerShape),
    relays: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: PING_CANDIDATES_MAX,
        default: PING_CANDIDATES_DEFAULT,
        description: 'How many relays to give at most.',
      }),
    ),
  },
  { additionalProperties: false },
);

const CandidatesAnswer = Type.Object(
  {
    relays: Type.Array(
      Type.Object({
        id: Name,
        region: Name,
        addresses: Type.Array(Type.Object({ address: AddressText, port: Port }), {
          description: 'One of each family that the peer can use, the preferred one first.',
        }),
      }),
    ),
    validSeconds: Type.Integer({ description: 'How long the peer may keep them.' }),
  },
  { description: 'Relays of different regions.' },
);

/** Adds the route that tells a peer which relays to measure (PROTOCOL.md section 5). */
export function pingCandidatesRoute(
  app: App,
  candidates: PingCandidates,
  sources: ClientSources,
): void {
  app.post(
    '/v1/relays/candidates',
    {
      schema: {
        summary: 'Get the relays that a peer should measure before it asks for a connection',
        body: CandidatesRequest,
        response: { 200: CandidatesAnswer, ...PROBLEM_RESPONSES },
        security: [{ apiKey: [] }],
      },
    },
    async (request, reply) => {
      const { peer = {}, relays = PING_CANDIDATES_DEFAULT } = request.body;
      const result = peerHints(peer);
      if (!result.ok) {
        const errors = [{ pointer: `/peer${result.pointer}`, detail: result.detail }];
        const detail = 'body does not match its schema';
        return sendProblem(reply, { status: 400, code: 'invalid-request', detail, errors });
      }
      const forwarded = request.headers['x-forwarded-for'];
      const source = sources.clientOf(request.socket.remoteAddress, forwarded);
      const given = candidates.list(result.hints, source, relays);
      return {
        relays: given.map((each) => ({ ...each, addresses: [...each.addresses] })),
        validSeconds: PING_CANDIDATES_VALID_SECONDS,
      };
    },
  );
}
