import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatAddress, type TransportAddress, transportAddress } from '../address.js';
import { systemClock } from '../clock.js';
import { bindAdvice } from '../errno-advice.js';
import { TurnpikeError } from '../errors.js';
import { CachedResponse } from './cached-response.js';
import { ClientSources } from './client-sources.js';
import { ConnectionLimiter } from './connection-limiter.js';
import { type Health, healthAnswer } from './health.js';
import { HTTP_LIMITS } from './http-limits.js';
import { REQUEST_LIMITS, RequestLimiter } from './request-limiter.js';

/** Maximum open connections of an operators' HTTP server. */
export const CONNECTIONS_MAX = 64;

/** The relay or directory that the server reports on. */
export interface ObservedService {
  health(): Health;
  /** Returns its metrics in Prometheus' text format. */
  metrics(): string | Promise<string>;
}

/** A service's HTTP server for operators, on an address of its own. */
export interface OperatorHttp {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves `/healthz`, `/readyz` and `/metrics` of a relay or a directory without authentication, to
 * everybody who reaches the address.
 * @param listen - the address to bind; port 0 selects a free port
 * @param service - the relay or directory
 * @returns the open server
 * @throws TurnpikeError ERR_TURNPIKE_BIND with `errno` and `address` when it cannot be bound
 */
export async function openOperatorHttp(
  listen: TransportAddress,
  service: ObservedService,
): Promise<OperatorHttp> {
  const sources = new ClientSources();
  const connections = new ConnectionLimiter(BOUNDS, sources, systemClock);
  const requestLimiter = new RequestLimiter(REQUEST_LIMITS, sources, systemClock);
  const metrics = new CachedResponse(() => service.metrics());
  const server = createServer(TIMES, (request, response) => {
    connections.request(request.socket, true);
    response.once('close', () => connections.request(request.socket, false));
    if (!isTaken(requestLimiter, request, response)) return;
    void answer({ service, metrics }, request.method ?? '', request.url ?? '', response);
  });
  server.on('connection', (socket) => connections.accept(socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const address = formatAddress(listen);
      reject(
        new TurnpikeError(
          'ERR_TURNPIKE_BIND',
          `cannot serve HTTP at ${address}: ${cause.code}${bindAdvice(cause.code, listen)}`,
          {
            cause,
            address,
            ...(cause.code === undefined ? {} : { errno: cause.code }),
          },
        ),
      );
    });
    server.listen(listen.port, listen.address, resolve);
  });
  const sweep = setInterval(() => requestLimiter.sweep(), SWEEP_MS);
  const bound = server.address() as AddressInfo;
  return {
    url: `http://${formatAddress(transportAddress(bound.address, bound.port))}`,
    close: () =>
      new Promise((resolve) => {
        clearInterval(sweep);
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Bounds the server, so that a faulty scraper does not use up the process's descriptors. */
const BOUNDS = {
  connectionsMax: CONNECTIONS_MAX,
  relaysReserve: 0,
  perSourceMax: CONNECTIONS_MAX,
  perNetworkMax: CONNECTIONS_MAX,
  rendezvousMax: 0,
};

const TIMES = {
  headersTimeout: HTTP_LIMITS.headersMs,
  requestTimeout: HTTP_LIMITS.headersMs,
  keepAliveTimeout: HTTP_LIMITS.keepAliveMs,
  connectionsCheckingInterval: HTTP_LIMITS.timeoutCheckMs,
};

/** Interval of closing connections whose client does not read. */
const SWEEP_MS = 250;

const PROBES: ReadonlyMap<string, 'live' | 'ready'> = new Map([
  ['/healthz', 'live'],
  ['/readyz', 'ready'],
]);

/** Accounts for a request, or refuses it with 429. Bodies are not read, so they count no bytes. */
function isTaken(
  requestLimiter: RequestLimiter,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { socket } = request;
  const verdict = requestLimiter.begin(socket, 0);
  if (verdict === 'crowded') response.writeHead(429, { 'retry-after': '1' }).end();
  if (verdict !== 'taken') return false;
  response.once('close', () => requestLimiter.end(socket, 0));
  return true;
}

async function answer(
  { service, metrics }: { service: ObservedService; metrics: CachedResponse },
  method: string,
  url: string,
  response: ServerResponse,
): Promise<void> {
  const path = url.split('?')[0] ?? '';
  const probe = PROBES.get(path);
  const known = probe !== undefined || path === '/metrics';
  if (!known || (method !== 'GET' && method !== 'HEAD')) {
    response.writeHead(known ? 405 : 404, known ? { allow: 'GET, HEAD' } : {}).end();
    return;
  }
  if (probe !== undefined) {
    const { status, body } = healthAnswer(service.health(), probe);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(body)}\n`);
    return;
  }
  try {
    const text = await metrics.get();
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(text);
  } catch {
    response.writeHead(500).end();
  }
}
