import type { IncomingMessage } from 'node:http';
import WebSocket from 'ws';
import { WEB_SOCKET_LIMITS } from '../http/web-socket-limits.js';
import {
  type DirectoryAccess,
  directoryProblem,
  directoryUnreachable,
  routeUrl,
} from './directory-problem.js';
import { DIRECTORY_ANSWER_BYTES_MAX, DIRECTORY_ANSWER_MS, readText } from './http-json.js';
import { networkWatch } from './network-watch.js';
import { aborted } from './peer-errors.js';
import { type Cancel, IdleTimer, type Scheduler } from './scheduler.js';

export interface RendezvousSocketOptions {
  readonly access: DirectoryAccess;
  readonly scheduler: Scheduler;
  readonly signal?: AbortSignal | undefined;
  /** Called with each JSON object from the directory. */
  readonly onMessage: (message: Readonly<Record<string, unknown>>) => void;
  /** Called once when the socket has closed. */
  readonly onClosed: () => void;
}

/**
 * A WebSocket to the directory's rendezvous (docs/rendezvous.md), with JSON objects in both
 * directions.
 */
export class RendezvousSocket {
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /**
   * Opens the socket.
   * @throws TurnpikeError ERR_TURNPIKE_DIRECTORY with `status` if the directory refuses;
   *   ERR_TURNPIKE_DIRECTORY_UNREACHABLE; ERR_TURNPIKE_CONFIG for the URL; ERR_TURNPIKE_ABORTED
   */
  static async open(options: RendezvousSocketOptions): Promise<RendezvousSocket> {
    const { access, signal } = options;
    const url = routeUrl(access.directoryUrl, 'v1/rendezvous');
    if (signal?.aborted) throw aborted(signal);
    const socket = new WebSocket(url, {
      headers: { authorization: `Bearer ${access.apiKey}` },
      handshakeTimeout: DIRECTORY_ANSWER_MS,
      maxPayload: DIRECTORY_ANSWER_BYTES_MAX,
      perMessageDeflate: false,
      ...(access.ca === undefined ? {} : { ca: access.ca }),
    });
    const onAbort = () => socket.terminate();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await opened(socket, url);
    } catch (error) {
      throw signal?.aborted ? aborted(signal) : error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    const result = new RendezvousSocket(socket);
    result.#listen(options);
    return result;
  }

  /** Sends an object; no effect while the socket is closing. */
  send(message: Readonly<Record<string, unknown>>): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /**
   * Sends a close frame, and destroys the socket if the directory does not answer it within 2 s.
   */
  close(): void {
    this.#socket.close(1000);
    const timer = setTimeout(() => this.#socket.terminate(), CLOSE_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #listen({ scheduler, onMessage, onClosed }: RendezvousSocketOptions): void {
    const socket = this.#socket;
    // The directory pings every 5 s, so silence shows that it, or the path to it, is gone.
    const silence = new IdleTimer(scheduler, WEB_SOCKET_LIMITS.silenceMs, () => socket.terminate());
    silence.start();
    // After a change of network the former path is probably gone: ping the directory at once.
    let cancelCheck: Cancel | undefined;
    const heard = () => {
      silence.touch();
      cancelCheck?.();
      cancelCheck = undefined;
    };
    const check = () => {
      if (cancelCheck !== undefined || socket.readyState !== WebSocket.OPEN) return;
      cancelCheck = scheduler.after(WEB_SOCKET_LIMITS.probeMs, () => socket.terminate());
      socket.ping();
    };
    const network = networkWatch(scheduler);
    const endWatch = network.listen({
      onLook: (changed) => changed && network.inTurn(check),
      onWake: check,
    });
    socket.on('ping', heard);
    socket.on('pong', heard);
    socket.on('message', (data, isBinary) => {
      heard();
      const message = isBinary ? undefined : parseObject(String(data));
      if (message !== undefined) onMessage(message);
    });
    socket.on('error', () => socket.terminate());
    socket.once('close', () => {
      silence.stop();
      cancelCheck?.();
      endWatch();
      onClosed();
    });
  }
}

const CLOSE_MS = 2_000;

function opened(socket: WebSocket, url: URL): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.off('error', onError);
      resolve();
    });
    const onError = (cause: Error) => reject(directoryUnreachable(url, cause));
    socket.on('error', onError);
    socket.once('unexpected-response', (request, answer: IncomingMessage) => {
      readText(answer)
        .then((text) => reject(directoryProblem(answer.statusCode ?? 0, text)), onError)
        .finally(() => request.destroy());
    });
  });
}

/** Returns an object; undefined for any other value, which newer directories may send. */
function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
