import Type from 'typebox';
import { CREDENTIAL_TTL_SECONDS_MAX, DEFAULT_TENANT } from '../../auth/tenant-credentials.js';
import type { Clock } from '../../clock.js';
import { BoundedCache } from '../../collections/bounded-cache.js';
import { CachedResponse } from '../../http/cached-response.js';
import { AddressText, Name, Port } from '../../registry/schemas.js';
import { NO_RELAY_RETRY_SECONDS } from '../../selection/no-relay-reason.js';
import { type ConnectionBroker, CREDENTIAL_TTL_SECONDS } from '../connection-broker.js';
import type { Explainer, ExplainResult } from '../explainer.js';
import type { Reachability } from '../reachability/reachability.js';
import type { RelayTable } from '../relay-table.js';
import type { Snapshots } from '../snapshot.js';
import { OPERATOR_KEY_NEEDED, TENANT_KEY_NEEDED } from './api-keys.js';
import type { App } from './app.js';
import { ExplanationAnswer } from './explanation-route.js';
import { type HintsResult, PeerShape, peerHints } from './peer-hints.js';
import { PROBLEM_RESPONSES, type Problem, sendProblem } from './problem.js';
import { RelaysAnswer, RelaysQuery, relaysPage } from './relay-listing.js';

/** Maximum pages of `GET /v1/relays` that are kept for the next request. */
const PAGES_CACHED_MAX = 32;
/** Maximum length of a session's name, in characters. */
const SESSION_CHARACTERS_MAX = 128;

const ConnectionRequest = Type.Object(
  {
    peers: Type.Tuple([PeerShape, PeerShape]),
    ttlSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: CREDENTIAL_TTL_SECONDS_MAX,
        default: CREDENTIAL_TTL_SECONDS,
        description: 'How long the credentials may start the connection; made, it lives on.',
      }),
    ),
    session: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: SESSION_CHARACTERS_MAX,
        pattern: '^\\P{Cc}+$',
        description: "The tenant's name of a session, which keeps its pair of relays.",
      }),
    ),
    explain: Type.Optional(
      Type.Boolean({ description: "Adds why this pair was chosen; with an operator's key only." }),
    ),
  },
  { additionalProperties: false },
);

const RelayAddress = { address: AddressText, port: Port };

const Half = Type.Object({
  role: Type.Union([Type.Literal(0), Type.Literal(1)]),
  relay: Type.Object({ id: Name, region: Name, ...RelayAddress }),
  peerRelay: Type.Object(RelayAddress),
  username: Type.String(),
  password: Type.String(),
});

const ConnectionAnswer = Type.Object(
  {
    connectionId: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    expiresAt: Type.String({ format: 'date-time' }),
    realm: Type.String(),
    peers: Type.Tuple([Half, Half]),
    snapshot: Type.Integer({ description: 'Number of the snapshot that the selection read.' }),
    seed: Type.Integer({ description: 'By which the selection can be made again.' }),
    explanation: Type.Optional(ExplanationAnswer),
  },
  { description: 'Both halves. Give each peer its own and only that.' },
);

/** Dependencies of the peers' routes. */
export interface PeerRoutesOptions {
  readonly broker: ConnectionBroker;
  readonly explainer: Explainer;
  readonly relays: RelayTable;
  readonly snapshots: Snapshots;
  readonly reachability: Reachability;
  readonly clock: Clock;
}

function connectionsRoute(app: App, { broker, explainer }: PeerRoutesOptions): void {
  app.post(
    '/v1/connections',
    {
      config: { keyOf: 'either' },
      schema: {
        summary: 'Create a connection for two peers',
        body: ConnectionRequest,
        response: { 201: ConnectionAnswer, ...PROBLEM_RESPONSES },
        security: [{ apiKey: [] }],
      },
    },
    // Without a promise for each request, which would cost more than the rest of the handler.
    (request, reply) => {
      const { isOperator } = request;
      const { explain = false, session } = request.body;
      if (isOperator !== explain) {
        sendProblem(reply, isOperator ? TENANT_KEY_NEEDED : OPERATOR_KEY_NEEDED);
        return;
      }
      const first = peerHints(request.body.peers[0]);
      const second = peerHints(request.body.peers[1]);
      if (!first.ok || !second.ok) {
        sendProblem(reply, wrongHints([first, second]));
        return;
      }
      const answer = broker.create({
        tenant: isOperator ? DEFAULT_TENANT : request.tenant,
        peers: [first.hints, second.hints],
        ttlSeconds: request.body.ttlSeconds ?? CREDENTIAL_TTL_SECONDS,
        ...(session === undefined ? {} : { session: `session ${session}` }),
      });
      if (!answer.ok) {
        const { reason, detail } = answer.noRelay;
        sendProblem(reply, {
          status: 503,
          code: 'no-relay',
          detail: `no relay can serve these peers now: ${detail}`,
          retryAfterSeconds: NO_RELAY_RETRY_SECONDS,
          members: {
            reason,
            ...(explain ? explained(explainer.ofSelection(answer.selection)) : {}),
          },
        });
        return;
      }
      const { connection } = answer;
      const why = explain ? explained(explainer.ofConnection(connection.connectionId)) : undefined;
      // The response holds passwords, so no cache may store it (RFC 9111 section 5.2.2.5).
      reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({ ...connection, peers: [connection.peers[0], connection.peers[1]], ...why });
    },
  );
}

/** Returns the member of an answer with an explanation. */
function explained(result: ExplainResult) {
  return result.ok ? { explanation: result.explanation } : {};
}

/** Adds the routes that peers, or their servers, call with an API key (PROTOCOL.md section 5). */
export function peerRoutes(app: App, options: PeerRoutesOptions): void {
  const { relays, snapshots, reachability, clock } = options;
  connectionsRoute(app, options);
  const pages = new BoundedCache<CachedResponse>(PAGES_CACHED_MAX);
  const page = (after: string | undefined) => {
    const name = after ?? '';
    const cached = pages.get(name);
    if (cached !== undefined) return cached.get();
    const make = () => {
      const listed = { relays: snapshots.current().relays, reachability, clock };
      return relaysPage(listed, after);
    };
    const made = new CachedResponse(make, () => relays.changes);
    pages.set(name, made);
    return made.get();
  };
  app.get(
    '/v1/relays',
    {
      schema: {
        summary:
          'List the relays that may be chosen, to measure latencies to, and who reaches them',
        querystring: RelaysQuery,
        response: { 200: Type.Unsafe<Buffer>(RelaysAnswer), ...PROBLEM_RESPONSES },
        security: [{ apiKey: [] }],
      },
    },
    async ({ query }, reply) => reply.type('application/json').send(await page(query.after)),
  );
}

function wrongHints(results: readonly HintsResult[]): Problem {
  const errors = results.flatMap((result, index) =>
    result.ok ? [] : [{ pointer: `/peers/${index}${result.pointer}`, detail: result.detail }],
  );
  return { status: 400, code: 'invalid-request', detail: 'body does not match its schema', errors };
}
