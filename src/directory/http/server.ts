import type { Socket } from 'node:net';
import { createSecureContext, Server as TlsServer } from 'node:tls';
import swagger from '@fastify/swagger';
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Logger } from 'pino';
import { TurnpikeError } from '../../errors.js';
import type { ConnectionLimiter } from '../../http/connection-limiter.js';
import { HTTP_LIMITS } from '../../http/http-limits.js';
import type { RequestLimiter } from '../../http/request-limiter.js';
import type { DirectoryMetrics } from '../metrics.js';
import { NO_ROUTE } from '../metrics.js';
import type { App } from './app.js';
import { answerParserError, problemOf, sendProblem } from './problem.js';

/** Certificate chain and private key, PEM. */
export interface CertificateAndKey {
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
}

/** Dependencies of the HTTP server. */
export interface HttpServerOptions {
  readonly tls: CertificateAndKey | undefined;
  readonly logger: Logger;
  readonly metrics: DirectoryMetrics;
  readonly connections: ConnectionLimiter;
  readonly requestLimiter: RequestLimiter;
}

/**
 * Creates the HTTP server without its routes: strict validation by the routes' schemas, limits on
 * requests and their time, problem documents for every error, OpenAPI at `/docs/json`.
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG if TLS cannot use the files
 */
export async function createHttpServer(options: HttpServerOptions): Promise<App> {
  const limits = {
    maxHeaderSize: HTTP_LIMITS.headerBytesMax,
    connectionsCheckingInterval: HTTP_LIMITS.timeoutCheckMs,
  };
  const common = {
    bodyLimit: HTTP_LIMITS.bodyBytesMax,
    requestTimeout: HTTP_LIMITS.requestMs,
    keepAliveTimeout: HTTP_LIMITS.keepAliveMs,
    forceCloseConnections: true,
    clientErrorHandler: answerParserError,
    frameworkErrors: (error: FastifyError, _request: unknown, reply: unknown) =>
      sendProblem(reply as FastifyReply, problemOf(error)),
  };
  const { tls } = options;
  if (tls !== undefined) checkTls(tls);
  // Both servers have the interface that routes use; only their types differ.
  const bare: FastifyInstance =
    tls === undefined
      ? fastify({ ...common, http: limits })
      : (fastify({
          ...common,
          https: {
            ...limits,
            // `headersTimeout` does not cover the TLS handshake, whose default timeout is two
            // minutes.
            handshakeTimeout: HTTP_LIMITS.headersMs,
            cert: Buffer.from(tls.cert),
            key: Buffer.from(tls.key),
          },
        }) as unknown as FastifyInstance);
  const app = bare
    .withTypeProvider<TypeBoxTypeProvider>()
    .setValidatorCompiler(TypeBoxValidatorCompiler);
  app.server.headersTimeout = HTTP_LIMITS.headersMs;
  limitConnections(app, options.connections, options.requestLimiter);
  endAllSockets(app);
  app.removeContentTypeParser('text/plain');
  answerErrors(app, options.logger);
  countRequests(app, options.metrics);
  await describe(app);
  return app;
}

function limitConnections(
  app: App,
  connections: ConnectionLimiter,
  requestLimiter: RequestLimiter,
): void {
  app.decorateRequest('bodyBytesHeld', NONE);
  app.server.on('connection', (socket: Socket) => connections.accept(socket));
  // Hooks with a callback: a promise for each request costs more than their work.
  app.addHook('onRequest', (request, reply, done) => {
    const { socket } = request;
    connections.request(socket, true);
    const bytes = bodyBytesOf(request);
    const verdict = requestLimiter.begin(socket, bytes);
    if (verdict === 'cut') reply.hijack();
    if (verdict === 'crowded') sendProblem(reply, CROWDED);
    if (verdict !== 'taken') return;
    request.bodyBytesHeld = bytes;
    done();
  });
  app.addHook('onResponse', (request, _reply, done) => {
    connections.request(request.socket, false);
    endRequest(requestLimiter, request);
    done();
  });
}

/** Ends the accounting of a request that was answered or has become a WebSocket. */
export function endRequest(requestLimiter: RequestLimiter, request: FastifyRequest): void {
  if (request.bodyBytesHeld === NONE) return;
  requestLimiter.end(request.socket, request.bodyBytesHeld);
  request.bodyBytesHeld = NONE;
}

/** Returns the body length that is reserved for a request, bytes: the maximum if it is chunked. */
function bodyBytesOf({ headers }: FastifyRequest): number {
  const { 'content-length': length, 'transfer-encoding': encoding } = headers;
  if (encoding !== undefined) return HTTP_LIMITS.registrationBodyBytesMax;
  return Math.min(Number(length ?? 0), HTTP_LIMITS.registrationBodyBytesMax);
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Body bytes that the request limiter counts; `NONE` if it does not count the request. */
    bodyBytesHeld: number;
  }
}

const NONE = -1;

const CROWDED = {
  status: 429,
  code: 'too-many-requests',
  detail: 'too many requests of your address are under way',
  retryAfterSeconds: 1,
};

/**
 * Prepares a replacement of the certificate.
 * @returns a function that replaces it, for later connections
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG if TLS cannot use the files, or the server is plain
 *   HTTP
 */
export function tlsRenewal(app: App, { cert, key }: CertificateAndKey): () => void {
  const { server } = app;
  if (!(server instanceof TlsServer)) {
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', 'the directory was opened without TLS');
  }
  checkTls({ cert, key });
  return () => server.setSecureContext({ cert: Buffer.from(cert), key: Buffer.from(key) });
}

/** @throws TurnpikeError ERR_TURNPIKE_CONFIG if TLS cannot use the files */
function checkTls({ cert, key }: CertificateAndKey): void {
  try {
    createSecureContext({ cert: Buffer.from(cert), key: Buffer.from(key) });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = `TLS certificate and key are not usable: ${code ?? message}`;
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', reason, { cause });
  }
}

/**
 * Destroys every socket at close. Node's own close waits for sockets whose TLS handshake is not
 * done.
 */
function endAllSockets(app: App): void {
  const sockets = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  app.addHook('preClose', async () => {
    // Leaves time for responses that are being sent.
    setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, HTTP_LIMITS.farewellMs).unref();
  });
}

function answerErrors(app: App, logger: Logger): void {
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const problem = problemOf(error);
    if (problem.status >= 500) logger.error({ err: error }, 'request failed');
    return sendProblem(reply, problem);
  });
  const routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    const pattern = new RegExp(`^${url.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+')}$`);
    routes.push({ pattern, methods: [method].flat() });
  });
  app.setNotFoundHandler((request, reply) => {
    const allowed = new Set(
      routes.filter(({ pattern }) => pattern.test(pathOf(request))).flatMap((r) => r.methods),
    );
    if (allowed.size === 0) {
      return sendProblem(reply, { status: 404, code: 'not-found', detail: 'no such resource' });
    }
    // RFC 9110 section 15.5.6: a 405 lists the allowed methods.
    return sendProblem(reply.header('allow', [...allowed].sort().join(', ')), {
      status: 405,
      code: 'method-not-allowed',
      detail: `the resource does not take ${request.method}`,
    });
  });
}

function countRequests(app: App, metrics: DirectoryMetrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? NO_ROUTE;
    metrics.requests.inc({ route, status: String(reply.statusCode) });
    metrics.requestSeconds.observe({ route }, reply.elapsedTime / 1_000);
    done();
  });
}

async function describe(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Turnpike directory',
        version: '1',
        description: 'Picks a pair of relays for two peers.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: {
        securitySchemes: {
          apiKey: { type: 'http', scheme: 'bearer', description: 'Names the tenant.' },
          relaySignature: {
            type: 'apiKey',
            in: 'header',
            name: 'turnpike-signature',
            description: 'HMAC-SHA-256 with the registration key (docs/registration.md).',
          },
        },
      },
    },
  });
  // Serialized once, so that slow readers share one buffer.
  let text: Buffer | undefined;
  app.get('/docs/json', { schema: { hide: true } }, async (_request, reply) => {
    text ??= Buffer.from(JSON.stringify(app.swagger()));
    return reply.type('application/json').send(text);
  });
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}
