import { createSocket, type Socket } from 'node:dgram';
import { familyOf, formatAddress, type TransportAddress } from '../address.js';
import { bindAdvice } from '../errno-advice.js';
import { TurnpikeError } from '../errors.js';

/** Requested socket buffers, clamped by the kernel. */
export const SOCKET_BUFFER_BYTES = 4_194_304;

/** Maximum datagrams in a socket's send queue; beyond it the newest is dropped and counted. */
export const SEND_QUEUE_DATAGRAMS_MAX = 1_024;

export interface RelaySocketOptions {
  /** The destination, and the only accepted source. */
  readonly relay: TransportAddress;
  /** Local address; default any address and a free port. */
  readonly bind?: TransportAddress | undefined;
  /** Called for each datagram from the relay; must not throw. */
  readonly onDatagram: (datagram: Buffer) => void;
  /** Called for each datagram from another source that arrived before the socket was connected. */
  readonly onForeign: () => void;
  /** Called for errors of sends; ECONNREFUSED means that nothing listens at the relay's port. */
  readonly onError: (cause: NodeJS.ErrnoException) => void;
}

/**
 * A UDP socket connected to one relay: the kernel drops datagrams from other sources, and reports
 * ICMP errors.
 */
export class RelaySocket {
  readonly #socket: Socket;
  #closed: Promise<void> | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /**
   * Binds and connects.
   * @throws TurnpikeError ERR_TURNPIKE_BIND with `errno` and `address`;
   *   ERR_TURNPIKE_RELAY_UNREACHABLE with `errno` if the host has no route to the relay
   */
  static async open(options: RelaySocketOptions): Promise<RelaySocket> {
    const { relay, bind } = options;
    const socket = createSocket({
      type: familyOf(relay) === 6 ? 'udp6' : 'udp4',
      recvBufferSize: SOCKET_BUFFER_BYTES,
      sendBufferSize: SOCKET_BUFFER_BYTES,
    });
    try {
      await step(socket, (done) => socket.bind(bind?.port ?? 0, bind?.address, done)).catch(
        (cause: NodeJS.ErrnoException) => {
          throw failure('ERR_TURNPIKE_BIND', 'cannot bind', bind ?? ANY, cause);
        },
      );
      await step(socket, (done) => socket.connect(relay.port, relay.address, done)).catch(
        (cause: NodeJS.ErrnoException) => {
          throw failure('ERR_TURNPIKE_RELAY_UNREACHABLE', 'no route to relay', relay, cause);
        },
      );
    } catch (error) {
      socket.close();
      throw error;
    }
    const opened = new RelaySocket(socket);
    opened.#listen(options);
    return opened;
  }

  get localAddress(): TransportAddress {
    const { address, port } = this.#socket.address();
    return { address, port };
  }

  /**
   * Sends a datagram.
   * @param datagram - must not change until it was sent
   * @returns false if it was dropped: closed, or SEND_QUEUE_DATAGRAMS_MAX datagrams are queued
   */
  send(datagram: Uint8Array): boolean {
    if (this.#closed !== undefined) return false;
    if (this.#socket.getSendQueueCount() >= SEND_QUEUE_DATAGRAMS_MAX) return false;
    this.#socket.send(datagram, this.#onSent);
    return true;
  }

  /** Closes the socket; resolves when it is closed. May be called again. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#socket.close(resolve));
    return this.#closed;
  }

  #onSent: (error: Error | null) => void = () => {};

  #listen(options: RelaySocketOptions): void {
    const { onDatagram, onForeign, onError } = options;
    // Datagrams before `connect` may have any source. Compared with the kernel's spelling.
    const { address, port } = this.#socket.remoteAddress();
    this.#socket.on('message', (datagram, from) => {
      if (from.port === port && from.address === address) onDatagram(datagram);
      else onForeign();
    });
    this.#onSent = (error) => {
      if (error !== null && this.#closed === undefined) onError(error);
    };
    this.#socket.on('error', onError);
  }
}

/**
 * Returns the source address of packets to a destination. Sends nothing: connecting a UDP socket
 * only looks up the route.
 * @returns undefined without a route
 */
export async function sourceTo({ address, port }: TransportAddress): Promise<string | undefined> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  try {
    await step(socket, (done) => socket.bind(0, done));
    await step(socket, (done) => socket.connect(port, address, done));
    return socket.address().address;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

const ANY: TransportAddress = { address: '0.0.0.0', port: 0 };

/** Runs a step of a socket: bind fails by an 'error' event, connect by the callback's argument. */
export function step(
  socket: Socket,
  start: (done: (error?: Error) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    start((error) => {
      socket.off('error', reject);
      if (error === undefined) resolve();
      else reject(error);
    });
  });
}

function failure(
  code: 'ERR_TURNPIKE_BIND' | 'ERR_TURNPIKE_RELAY_UNREACHABLE',
  what: string,
  address: TransportAddress,
  cause: NodeJS.ErrnoException,
): TurnpikeError {
  const where = formatAddress(address);
  const errno = cause.code;
  const advice = code === 'ERR_TURNPIKE_BIND' ? bindAdvice(errno, address) : '';
  return new TurnpikeError(code, `${what} ${where}: ${errno ?? cause.message}${advice}`, {
    cause,
    address: where,
    ...(errno === undefined ? {} : { errno }),
  });
}
