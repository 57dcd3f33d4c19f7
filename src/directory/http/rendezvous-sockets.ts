import websocket from '@fastify/websocket';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../../clock.js';
import { KeyCounter } from '../../collections/key-counter.js';
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

/** How long a socket that was closed has to say so before it is cut. */
const CLOSE_MS = 1_000;
/** When to come back after `shutting-down` and `socket-limit`. */
const RETRY_SECONDS = 2;

/** What the rendezvous' sockets work with. */
export interface RendezvousOptions {
  readonly rooms: Rooms;
  /** Sockets in all. */
  readonly socketsMax: number;
  readonly connections: Pick<ConnectionLimiter, 'isRoom'>;
  readonly clock: Clock;
  readonly metrics: DirectoryMetrics;
  readonly logger: Logger;
}

/**
 * The sockets of the rendezvous: bounded in number, in size and rate of messages, in what waits to
 * be sent, and in silence. What the messages mean is for `Rooms`.
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

  /** Whether a tenant may open another socket. */
  hasRoomFor(tenant: string): boolean {
    return (
      this.#sockets.size < this.#options.socketsMax &&
      this.#perTenant.of(tenant) < RENDEZVOUS_LIMITS.socketsPerTenantMax
    );
  }

  /** Counts a socket that was not let in. */
  refuse(): void {
    this.#options.metrics.refuse('socket-limit');
  }

  /** Takes an open WebSocket until it closes. */
  add(webSocket: WebSocket, request: Pick<FastifyRequest, 'tenant' | 'socket'>): void {
    const { tenant } = request;
    this.#options.connections.isRoom(request.socket);
    const from = request.socket.remoteAddress;
    const socket = new RendezvousSocket(webSocket, { tenant, from }, this.#options);
    this.#sockets.add(socket);
    this.#perTenant.add(tenant);
    webSocket.once('close', () => {
      this.#sockets.delete(socket);
      this.#perTenant.remove(tenant);
      this.#options.rooms.leave(socket);
    });
  }

  /** To be called a few times a second. */
  sweep(): void {
    for (const socket of this.#sockets) socket.sweep();
  }

  /** Tells every socket that the directory stops. */
  close(): void {
    for (const socket of this.#sockets) {
      socket.fail('shutting-down', { retryAfterSeconds: RETRY_SECONDS });
    }
  }
}

class RendezvousSocket implements Member {
  readonly tenant: string;
  readonly from: string | undefined;
  heardAtMs: number;
  readonly #webSocket: WebSocket;
  readonly #options: RendezvousOptions;
  readonly #openedAtMs: number;
  #pingedAtMs: number;
  #tokens: number = RENDEZVOUS_LIMITS.messagesBurst;
  #tokensAtMs: number;
  #joined = false;

  constructor(
    webSocket: WebSocket,
    { tenant, from }: { tenant: string; from: string | undefined },
    options: RendezvousOptions,
  ) {
    const now = options.clock.monotonic();
    this.tenant = tenant;
    this.from = from;
    this.#webSocket = webSocket;
    this.#options = options;
    this.heardAtMs = now;
    this.#openedAtMs = now;
    this.#pingedAtMs = now;
    this.#tokensAtMs = now;
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
    this.#options.metrics.refuse(code);
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

  /** Ends a socket that is silent or has not joined; keeps the others alive. */
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
    if (!this.#takeToken()) {
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

  #takeToken(): boolean {
    const now = this.heardAtMs;
    const gained = ((now - this.#tokensAtMs) / 1_000) * RENDEZVOUS_LIMITS.messagesPerSecond;
    this.#tokens = Math.min(RENDEZVOUS_LIMITS.messagesBurst, this.#tokens + gained);
    this.#tokensAtMs = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

const RATE_RETRY_SECONDS = 10;

/** Adds WebSockets to the server. At its close sockets are told, and cut a second later. */
export async function acceptWebSockets(
  app: App,
  { sockets, logger }: { sockets: RendezvousSockets; logger: Logger },
): Promise<void> {
  const options = { maxPayload: RENDEZVOUS_LIMITS.messageBytesMax, closeTimeout: CLOSE_MS };
  await app.register(websocket, {
    options,
    // A broken frame is its sender's matter: ws has answered it with a close frame by now, and
    // cuts the socket when that is not answered.
    errorHandler: (error) => logger.debug({ err: error }, 'rendezvous socket failed'),
    preClose(done) {
      sockets.close();
      this.websocketServer.close();
      done();
    },
  });
}

/**
 * The rendezvous' route; its scope asks for an API key.
 * @param endRequest - a request has become a WebSocket, whose bounds are its own
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
      // RFC 9110 section 15.5.22.
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
