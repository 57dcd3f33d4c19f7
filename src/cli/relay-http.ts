import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatAddress, type TransportAddress, transportAddress } from '../address.js';
import { bindAdvice } from '../advice.js';
import { ConnectionLedger } from '../directory/http/connection-ledger.js';
import { TurnpikeError } from '../errors.js';
import { type Health, healthAnswer } from '../health.js';
import { LIMITS } from '../limits.js';
import { systemClock } from '../units.js';

/** What the server shows of a relay. */
export interface ObservedRelay {
  health(): Health;
  /** Prometheus text of everything the relay counts. */
  metrics(): string | Promise<string>;
}

/** A relay's small HTTP server for operators. */
export interface RelayHttp {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves `/healthz`, `/readyz` and `/metrics` of a relay.
 * @param listen - where; port 0 takes a free one
 * @param relay - whose
 * @throws TurnpikeError ERR_TURNPIKE_BIND when the address cannot be bound
 */
export async function openRelayHttp(
  listen: TransportAddress,
  relay: ObservedRelay,
): Promise<RelayHttp> {
  const connections = new ConnectionLedger(BOUNDS, systemClock);
  const server = createServer(TIMES, (request, response) => {
    connections.request(request.socket, true);
    response.once('close', () => connections.request(request.socket, false));
    void answer(relay, request.method ?? '', request.url ?? '', response);
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
  const bound = server.address() as AddressInfo;
  return {
    url: `http://${formatAddress(transportAddress(bound.address, bound.port))}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A scraper gone wild must take neither a probe's turn nor descriptors that registration needs. */
const BOUNDS = {
  connectionsMax: LIMITS.relayHttpConnectionsMax,
  relaysReserve: 0,
  rendezvousMax: 0,
};

const TIMES = {
  headersTimeout: LIMITS.httpHeadersMs,
  requestTimeout: LIMITS.httpHeadersMs,
  keepAliveTimeout: LIMITS.httpKeepAliveMs,
  connectionsCheckingInterval: LIMITS.httpTimeoutCheckMs,
};

const PROBES: ReadonlyMap<string, 'live' | 'ready'> = new Map([
  ['/healthz', 'live'],
  ['/readyz', 'ready'],
]);

async function answer(
  relay: ObservedRelay,
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
    const { status, body } = healthAnswer(relay.health(), probe);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(body)}\n`);
    return;
  }
  try {
    const text = await relay.metrics();
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(text);
  } catch {
    response.writeHead(500).end();
  }
}
