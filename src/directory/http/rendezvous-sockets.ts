import { isIP } from 'node:net';
import websocket from '@fastify/websocket';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { RawData, WebSocket } from 'ws';
import { canonicalIp, isLoopback } from '../../address.js';
import type { Clock } from '../../clock.js';
import { KeyCounter } from '../../collections/key-counter.js';
import { TokenBucket } from '../../collections/token-bucket.js';
import type { ClientSources } from '../../http/client-sources.js';
import type { ConnectionLimiter } from '../../http/connection-limiter.js';
import { WEB_SOCKET_LIMITS } from '../../http/web-socket-limits.js';
import type { DirectoryMetrics } from '../metrics.js';
import {
  type OutgoingMessage,
  parseIncoming,
  RENDEZVOUS_ERRORS,
  type RendezvousErrorCode,
} from '../rendezvous/messages.js';
import { RENDEZVOUS_LIMITS } from '../rendezvous/rendezvous-limits.js';
import type { Member, Rooms } from '../rendezvous/rooms.js';
import type { App } from './app.js';
import { sendProblem } from './problem.js';

/** Time for the close handshake before the socket is destroyed (RFC 6455 section 7.1.1). */
const CLOSE_MS = 1_000;
/** `retryAfterSeconds` of `shutting-down` and `socket-limit`. */
const RETRY_SECONDS = 2;

/** Dependencies of `RendezvousSockets`. */
export interface RendezvousOptions {
  readonly rooms: Rooms;
  /** Maximum open sockets. */
  readonly socketsMax: number;
  readonly connections: Pick<ConnectionLimiter, 'isRoom'>;
  readonly sources: Pick<ClientSources, 'clientOf'>;
  readonly clock: Clock;
  readonly metrics: DirectoryMetrics;
  readonly logger: Logger;
}

/**
 * The rendezvous' WebSockets. Bounds their number, the size and rate of messages, the send backlog
 * and the time of silence. `Rooms` handles the messages.
 */
export class RendezvousSockets {
  readonly #options: RendezvousOptions;
  readonly #sockets = new Set<RendezvousSocket>();
  readonly #perTenant = new KeyCounter();

  constructor(options: RendezvousOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** Returns whether a tenant may open another socket. */
  hasRoomFor(tenant: string): boolean {
    return (
      this.#sockets.size < this.#options.socketsMax &&
      this.#perTenant.of(tenant) < RENDEZVOUS_LIMITS.socketsPerTenantMax
    );
  }

  /** Counts a refused socket. */
  refuse(): void {
    this.#options.metrics.refused.add('socket-limit');
  }

  /** Serves an open WebSocket until it closes. */
  add(webSocket: WebSocket, request: Pick<FastifyRequest, 'tenant' | 'socket' | 'headers'>): void {
    const { tenant } = request;
    const { connections, sources } = this.#options;
    connections.isRoom(request.socket);
    const from = request.socket.remoteAddress;
    const client = sources.clientOf(from, request.headers['x-forwarded-for']);
    const source = sourceOf(client);
    const socket = new RendezvousSocket(webSocket, { tenant, from, source }, this.#options);
    this.#sockets.add(socket);
    this.#perTenant.add(tenant);
    webSocket.once('close', () => {
      this.#sockets.delete(socket);
      this.#perTenant.remove(tenant);
      this.#options.rooms.leave(socket);
    });
  }

  /** Closes or pings sockets that are due. To be called a few times a second. */
  sweep(): void {
    for (const socket of this.#sockets) socket.sweep();
  }

  /** Tells every socket that the directory stops, and closes it. */
  close(): void {
    for (const socket of this.#sockets) {
      socket.fail('shutting-down', { retryAfterSeconds: RETRY_SECONDS });
    }
  }
}

class RendezvousSocket implements Member {
  readonly tenant: string;
  readonly from: string | undefined;
  readonly source: string | undefined;
  heardAtMs: number;
  readonly #webSocket: WebSocket;
  readonly #options: RendezvousOptions;
  readonly #openedAtMs: number;
  #pingedAtMs: number;
  readonly #messages: TokenBucket;
  #joined = false;

  constructor(
    webSocket: WebSocket,
    { tenant, from, source }: Pick<RendezvousSocket, 'tenant' | 'from' | 'source'>,
    options: RendezvousOptions,
  ) {
    const now = options.clock.monotonic();
    this.tenant = tenant;
    this.from = from;
    this.source = source;
    this.#webSocket = webSocket;
    this.#options = options;
    this.heardAtMs = now;
    this.#openedAtMs = now;
    this.#pingedAtMs = now;
    const { messagesPerSecond: perSecond, messagesBurst: burst } = RENDEZVOUS_LIMITS;
    this.#messages = new TokenBucket({ perSecond, burst }, now);
    webSocket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    const heard = () => {
      this.heardAtMs = options.clock.monotonic();
    };
    webSocket.on('pong', heard);
    webSocket.on('ping', heard);
  }

  send(message: OutgoingMessage): void {
    const socket = this.#webSocket;
    if (socket.readyState !== socket.OPEN) return;
    socket.send(JSON.stringify(message));
    if (socket.bufferedAmount > RENDEZVOUS_LIMITS.backlogBytesMax) this.drop();
  }

  fail(
    code: RendezvousErrorCode,
    details: { reason?: string; retryAfterSeconds?: number } = {},
  ): void {
    const { reason, ...rest } = details;
    const { close, message } = RENDEZVOUS_ERRORS[code];
    this.#options.metrics.rendezvousErrors.inc({ code });
    this.#options.metrics.refused.add(code);
    this.#options.logger.debug({ tenant: this.tenant, code, reason }, 'rendezvous peer refused');
    this.send({
      type: 'error',
      code,
      message: reason === undefined ? message : `${message}: ${reason}`,
      ...rest,
    });
    this.#webSocket.close(close, code);
  }

  ping(): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.#pingedAtMs = this.#options.clock.monotonic();
    this.#webSocket.ping();
  }

  drop(): void {
    this.#webSocket.terminate();
  }

  /** Destroys a silent socket, closes one that has not joined in time, and pings the others. */
  sweep(): void {
    const now = this.#options.clock.monotonic();
    if (now - this.heardAtMs >= WEB_SOCKET_LIMITS.silenceMs) {
      this.drop();
    } else if (!this.#joined && now - this.#openedAtMs >= RENDEZVOUS_LIMITS.joinMs) {
      this.fail('join-timeout');
    } else if (now - this.#pingedAtMs >= RENDEZVOUS_LIMITS.pingIntervalMs) {
      this.ping();
    }
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.heardAtMs = this.#options.clock.monotonic();
    if (!this.#messages.take(this.heardAtMs)) {
      this.fail('rate-limited', { retryAfterSeconds: RATE_RETRY_SECONDS });
      return;
    }
    const incoming = isBinary
      ? ({ ok: false, reason: 'binary' } as const)
      : parseIncoming(String(data));
    if (!incoming.ok) {
      this.fail('bad-message', { reason: incoming.reason });
    } else if (incoming.message.type === 'join') {
      this.#joined = true;
      this.#options.rooms.join(this, incoming.message);
    } else {
      this.#options.rooms.address(this, incoming.message);
    }
  }
}

const RATE_RETRY_SECONDS = 10;

/**
 * Returns the address by which a peer's network is told; undefined for a loopback address, which is
 * that of a proxy or tunnel on this host, and for an unknown one.
 */
function sourceOf(client: string | undefined): string | undefined {
  if (client === undefined || isIP(client) === 0 || client.includes('%')) return undefined;
  const address = canonicalIp(client);
  return isLoopback({ address, port: 0 }) ? undefined : address;
}

/**
 * Registers the WebSocket plugin. When the server closes, sockets get an error message and a close
 * frame; `CLOSE_MS` later they are destroyed.
 */
export async function acceptWebSockets(
  app: App,
  { sockets, logger }: { sockets: RendezvousSockets; logger: Logger },
): Promise<void> {
  const options = { maxPayload: RENDEZVOUS_LIMITS.messageBytesMax, closeTimeout: CLOSE_MS };
  await app.register(websocket, {
    options,
    // ws answers a malformed frame with a close frame itself, and destroys the socket after
    // `CLOSE_MS`.
    errorHandler: (error) => logger.debug({ err: error }, 'rendezvous socket failed'),
    preClose(done) {
      sockets.close();
      this.websocketServer.close();
      done();
    },
  });
}

/**
 * Adds the rendezvous' route. The scope's hook authenticates by API key.
 * @param endRequest - called when a request has become a WebSocket and no longer counts as a
 *   request
 */
export function rendezvousRoute(
  scope: App,
  sockets: RendezvousSockets,
  endRequest: (request: FastifyRequest) => void,
): void {
  scope.route({
    method: 'GET',
    url: '/v1/rendezvous',
    schema: { hide: true },
    preHandler: async (request: FastifyRequest, reply: FastifyReply) => {
      if (!request.ws || sockets.hasRoomFor(request.tenant)) return undefined;
      sockets.refuse();
      return sendProblem(reply, {
        status: 503,
        code: 'socket-limit',
        detail: 'no more rendezvous sockets can be opened',
        retryAfterSeconds: RETRY_SECONDS,
      });
    },
    handler: async (_request, reply) =>
      // RFC 9110 section 15.5.22: a 426 names the protocol to upgrade to.
      sendProblem(reply.header('upgrade', 'websocket'), {
        status: 426,
        code: 'upgrade-required',
        detail: 'the rendezvous is a WebSocket',
      }),
    wsHandler: (socket, request) => {
      endRequest(request);
      sockets.add(socket, request);
    },
  });
}
