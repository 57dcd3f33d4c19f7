import { createSocket, type Socket } from 'node:dgram';
import { familyOf, formatAddress, type TransportAddress } from '../address.js';
import { bindAdvice } from '../errno-advice.js';
import { TurnpikeError } from '../errors.js';

/** A peer's socket buffers, clamped by the kernel. */
export const SOCKET_BUFFER_BYTES = 4_194_304;

/** Datagrams that a socket may owe the kernel; beyond it the newest is dropped and counted. */
export const SEND_QUEUE_DATAGRAMS_MAX = 1_024;

export interface RelaySocketOptions {
  /** Where everything goes to, and the only source that is listened to. */
  readonly relay: TransportAddress;
  /** Local address; any, with a free port, when left out. */
  readonly bind?: TransportAddress | undefined;
  /** Called for each datagram from the relay; must not throw. */
  readonly onDatagram: (datagram: Buffer) => void;
  /** Called for each datagram from anyone else that was waiting before the socket was connected. */
  readonly onForeign: () => void;
  /** The network, or the system, could not send: ECONNREFUSED says that nobody listens there. */
  readonly onError: (cause: NodeJS.ErrnoException) => void;
}

/**
 * A UDP socket connected to one relay: the kernel drops what others send to it, and hands us the
 * relay's ICMP errors.
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
   *   ERR_TURNPIKE_RELAY_UNREACHABLE with `errno` where the host has no route to the relay
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
   * @param datagram - must not change until it was sent
   * @returns false when the kernel is SEND_QUEUE_DATAGRAMS_MAX datagrams behind: dropped
   */
  send(datagram: Uint8Array): boolean {
    if (this.#closed !== undefined) return false;
    if (this.#socket.getSendQueueCount() >= SEND_QUEUE_DATAGRAMS_MAX) return false;
    this.#socket.send(datagram, this.#onSent);
    return true;
  }

  /** Idempotent; resolves when the socket is gone. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#socket.close(resolve));
    return this.#closed;
  }

  #onSent: (error: Error | null) => void = () => {};

  #listen(options: RelaySocketOptions): void {
    const { onDatagram, onForeign, onError } = options;
    // Datagrams that came before `connect` may be from anyone. Compared as the kernel spells it.
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
 * The address that packets to another one would leave from. Nothing is sent: connecting a UDP
 * socket only asks the routing table.
 * @returns undefined where there is no route
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
