import type { FastifyReply, FastifyRequest } from 'fastify';
import { isName, registrationKey, relaySecret } from '../../auth/keys.js';
import { CLOCK_SKEW_MS_MAX, type Clock } from '../../clock.js';
import { BoundedCache } from '../../collections/bounded-cache.js';
import type { ConnectionLimiter } from '../../http/connection-limiter.js';
import { REGISTRATION_LIMITS } from '../../registry/registration-limits.js';
import {
  parseSigning,
  SIGNING_HEADERS,
  type Signing,
  sameSignature,
  signAnswer,
  signRequest,
} from '../../registry/signing.js';
import type { DirectoryMetrics } from '../metrics.js';
import type { ReplayFilter } from '../replay-filter.js';
import type { App } from './app.js';
import { type Problem, sendProblem } from './problem.js';
import type { RelayRequestQueue } from './relay-request-queue.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Whether the response is verified by its digest, which a signed response named: it is
     * unsigned.
     */
    isNamedByDigest?: boolean;
  }

  interface FastifyRequest {
    /** The body's bytes as received; the signature covers them. */
    rawBody: Buffer;
    /** The signing headers of a relay's request; null if they are missing or malformed. */
    signing: Signing | null;
    /** The key that signs the response, once the request's signature is verified. */
    answerKey: Uint8Array | null;
  }
}

/** Dependencies of signing. */
export interface RelaySigningOptions {
  readonly clusterSecret: Uint8Array;
  readonly nonces: ReplayFilter;
  readonly clock: Clock;
  readonly metrics: DirectoryMetrics;
  readonly connections: Pick<ConnectionLimiter, 'isRelay' | 'strangerOf'>;
  readonly relayRequests: RelayRequestQueue;
}

/** Responds to a relay's request with a problem, and counts it. */
export function refuse(
  reply: FastifyReply,
  problem: Problem,
  { metrics }: Pick<RelaySigningOptions, 'metrics'>,
) {
  metrics.refuseRelay(problem.code);
  return sendProblem(reply, problem);
}

/**
 * Makes every route of the scope (`/v1/relays/:id/…`) require a signed request and sign its
 * response (docs/registration.md, Signing). Errors in the headers are answered before the body is
 * read. Until the signature is verified, the body is parsed as JSON and nothing else.
 */
export function signRelayRoutes(scope: App, options: RelaySigningOptions): void {
  const { clock, metrics } = options;
  const keys = new BoundedCache<Uint8Array>(REGISTRATION_LIMITS.relaysRememberedMax);
  scope.decorateRequest('signing', null);
  scope.decorateRequest('answerKey', null);
  keepRawBody(scope);

  scope.addHook('onRequest', async (request, reply) => {
    request.signing = parseSigning((name) => request.headers[name]) ?? null;
    if (request.signing === null) return refuse(reply, UNSIGNED, options);
    if (Math.abs(request.signing.timeMs - clock.now()) > CLOCK_SKEW_MS_MAX) {
      return refuse(reply, CLOCK_SKEW, options);
    }
    const stranger = options.connections.strangerOf(request.socket);
    const since = clock.monotonic();
    await options.relayRequests.take(stranger, () => request.socket.destroyed);
    metrics.waitSeconds.observe({ queue: 'relays' }, (clock.monotonic() - since) / 1_000);
    // The client is gone: skip the work.
    return request.socket.destroyed ? reply.hijack() : undefined;
  });

  scope.addHook('preValidation', async (request, reply) => {
    const problem = proveRequest(request, options, keys);
    return problem === undefined ? undefined : refuse(reply, problem, options);
  });

  scope.addHook('onSend', async (request, reply, payload) => {
    const { signing, answerKey } = request;
    if (signing === null || answerKey === null) return payload;
    if (request.routeOptions.config.isNamedByDigest && reply.statusCode === 200) return payload;
    const text = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : '';
    // RFC 9110 section 15.3.5: a 204 has no body, whatever the serializer returned.
    const body = reply.statusCode === 204 ? '' : text;
    const timeMs = clock.now();
    const answer = { ...described(request, signing), timeMs, status: reply.statusCode, body };
    reply.header(SIGNING_HEADERS.time, String(timeMs));
    reply.header(SIGNING_HEADERS.nonce, signing.nonce);
    reply.header(SIGNING_HEADERS.signature, signAnswer(answerKey, answer));
    return body;
  });
}

/**
 * Verifies signature and nonce. Sets `answerKey` if the signature is right and the nonce was not
 * seen.
 */
function proveRequest(
  request: FastifyRequest,
  options: RelaySigningOptions,
  keys: BoundedCache<Uint8Array>,
): Problem | undefined {
  const { id } = request.params as { id: string };
  const { signing } = request;
  if (signing === null || !isName(id)) return UNSIGNED;
  const key = keys.get(id) ?? registrationKey(relaySecret(options.clusterSecret, id));
  const expected = signRequest(key, { ...described(request, signing), body: request.rawBody });
  if (!sameSignature(expected, signing.signature)) return WRONG_SIGNATURE;
  // A repeated fetch of a digest's bytes changes nothing, so its nonce is not checked.
  const { isNamedByDigest = false } = request.routeOptions.config;
  const verdict = isNamedByDigest ? 'fresh' : options.nonces.accept(id, signing.nonce);
  if (verdict === 'seen') return REPLAYED;
  // Only verified ids enter the cache, so that invented ids evict no key.
  keys.set(id, key);
  request.answerKey = key;
  if (verdict === 'full') return TOO_MANY;
  // Such a request can be replayed, so it does not prove that the connection is a relay's.
  if (!isNamedByDigest) options.connections.isRelay(request.socket, id);
  return undefined;
}

function described(request: FastifyRequest, signing: Signing) {
  return {
    method: request.method,
    path: request.raw.url ?? '',
    timeMs: signing.timeMs,
    nonce: signing.nonce,
  };
}

function keepRawBody(scope: App): void {
  const parseJson = scope.getDefaultJsonParser('error', 'error');
  scope.decorateRequest('rawBody');
  scope.addHook('onRequest', async (request) => {
    request.rawBody = Buffer.alloc(0);
  });
  scope.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    (request, body: Buffer, done) => {
      request.rawBody = body;
      parseJson(request, body.toString('utf8'), done);
    },
  );
}

const UNSIGNED: Problem = {
  status: 401,
  code: 'unsigned',
  detail: 'signing headers are missing or malformed',
};

const CLOCK_SKEW: Problem = {
  status: 401,
  code: 'clock-skew',
  detail: `the request's time is more than ${CLOCK_SKEW_MS_MAX / 1_000} s from the directory's`,
};

const WRONG_SIGNATURE: Problem = {
  status: 401,
  code: 'wrong-signature',
  detail: 'the signature is not one of this relay: wrong relay secret, or a changed request',
};

const REPLAYED: Problem = {
  status: 401,
  code: 'replayed',
  detail: 'a request with this nonce has been answered',
};

const TOO_MANY: Problem = {
  status: 429,
  code: 'too-many-requests',
  detail: 'more requests than nonces can be remembered',
  retryAfterSeconds: 30,
};
