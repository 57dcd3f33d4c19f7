import { createSocket, type Socket } from 'node:dgram';
import { familyOf, formatAddress, type TransportAddress, transportAddress } from '../address.js';
import { SOCKET_BUFFER_BYTES } from '../client/relay-socket.js';
import type { Clock } from '../clock.js';
import { bindAdvice } from '../errno-advice.js';
import { TurnpikeError } from '../errors.js';

/** Maximum flows. Datagrams of a further one are dropped and counted. */
export const UDP_FLOWS_MAX = 256;

/** Silence after which a flow ends. */
export const UDP_FLOW_IDLE_MS = 60_000;

/** Callbacks of the local sockets of a UDP tunnel. */
export interface FlowEvents {
  /** Called with a datagram of a local application or service. @returns whether it was sent */
  readonly onDatagram: (flow: number, payload: Uint8Array) => boolean;
  /** Called if the listening side has no such flow any more, so that it tells the other side. */
  readonly onEnded: (flow: number) => void;
  /** Called for each dropped datagram, with the reason's name. */
  readonly onDropped: (reason: string) => void;
  /** Called when a local socket has failed. */
  readonly onFailure: (error: Error) => void;
}

/** Options of `ListenFlows` and `ForwardFlows`. */
export interface FlowsOptions {
  /** The address to listen on, or the address of the service. */
  readonly address: TransportAddress;
  readonly clock: Clock;
  readonly events: FlowEvents;
}

/** The local end of the flows. A flow is one application's exchange with one service. */
export interface Flows {
  /** The address to which applications send; undefined at the forwarding side. */
  readonly localAddress: TransportAddress | undefined;
  /** Number of open flows. */
  readonly size: number;
  /** Delivers a datagram of the other side to its application or to the service. */
  deliver(flow: number, payload: Uint8Array): void;
  /** Notes that the other side has no such flow any more. */
  end(flow: number): void;
  /** Notes that the other side has restarted: its flow numbers denote other flows. */
  reset(): void;
  /** Ends flows that have been idle for UDP_FLOW_IDLE_MS. To be called every few seconds. */
  sweep(): void;
  close(): Promise<void>;
}

interface ListenFlow {
  readonly flow: number;
  readonly application: TransportAddress;
  lastMs: number;
}

/**
 * Number of flow numbers: 16 bits. They are taken in turn. At most UDP_FLOWS_MAX are in use, each
 * for at least UDP_FLOW_IDLE_MS, so a number is reused after four hours at the earliest.
 */
const FLOW_NUMBERS = 65_536;

/** The listening end: each source address and port is a flow, to which responses go back. */
export class ListenFlows implements Flows {
  readonly localAddress: TransportAddress;
  readonly #socket: Socket;
  readonly #options: FlowsOptions;
  readonly #byApplication = new Map<string, ListenFlow>();
  readonly #byNumber = new Map<number, ListenFlow>();
  #next = 0;
  #closed = false;

  private constructor(socket: Socket, options: FlowsOptions) {
    this.#socket = socket;
    this.#options = options;
    const { address, port } = socket.address();
    this.localAddress = transportAddress(address, port);
    socket.on('error', options.events.onFailure);
    socket.on('message', (payload, from) => this.#receive(payload, from));
  }

  /** Binds the socket. @throws TurnpikeError ERR_TURNPIKE_BIND with `errno` and `address` */
  static async open(options: FlowsOptions): Promise<ListenFlows> {
    const { address } = options;
    const socket = newSocket(address);
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind(address.port, address.address, resolve);
      });
    } catch (cause) {
      socket.close();
      const { code } = cause as NodeJS.ErrnoException;
      const at = formatAddress(address);
      throw new TurnpikeError(
        'ERR_TURNPIKE_BIND',
        `cannot listen at udp ${at}: ${code ?? cause}${bindAdvice(code, address)}`,
        { cause, address: at, ...(code === undefined ? {} : { errno: code }) },
      );
    }
    socket.removeAllListeners('error');
    return new ListenFlows(socket, options);
  }

  get size(): number {
    return this.#byNumber.size;
  }

  deliver(flow: number, payload: Uint8Array): void {
    const { clock, events } = this.#options;
    const known = this.#byNumber.get(flow);
    if (known === undefined || this.#closed) {
      // The service still sends to an application whose flow has ended.
      events.onEnded(flow);
      return events.onDropped('application-unknown');
    }
    known.lastMs = clock.monotonic();
    const { address, port } = known.application;
    this.#socket.send(payload, port, address, (error) => {
      if (error !== null) events.onDropped('application-refused');
    });
  }

  /** No effect: the flow ends when the application is silent. Only this side sends `end`. */
  end(): void {}

  /** No effect: the numbers are this side's own and stay valid. */
  reset(): void {}

  sweep(): void {
    const idleSinceMs = this.#options.clock.monotonic() - UDP_FLOW_IDLE_MS;
    for (const [key, { flow, lastMs }] of this.#byApplication) {
      if (lastMs > idleSinceMs) continue;
      this.#byApplication.delete(key);
      this.#byNumber.delete(flow);
      this.#options.events.onEnded(flow);
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    return closed(this.#socket);
  }

  #receive(payload: Uint8Array, from: { address: string; port: number }): void {
    const { clock, events } = this.#options;
    const key = `${from.address} ${from.port}`;
    const flow = this.#byApplication.get(key) ?? this.#open(key, from);
    if (flow === undefined) return events.onDropped('flows-full');
    flow.lastMs = clock.monotonic();
    events.onDatagram(flow.flow, payload);
  }

  #open(key: string, from: { address: string; port: number }): ListenFlow | undefined {
    if (this.#byNumber.size >= UDP_FLOWS_MAX) this.sweep();
    if (this.#byNumber.size >= UDP_FLOWS_MAX) return undefined;
    while (this.#byNumber.has(this.#next)) this.#next = (this.#next + 1) % FLOW_NUMBERS;
    const opened = { flow: this.#next, application: { ...from }, lastMs: 0 };
    this.#next = (this.#next + 1) % FLOW_NUMBERS;
    this.#byApplication.set(key, opened);
    this.#byNumber.set(opened.flow, opened);
    return opened;
  }
}

/** Maximum datagrams of a flow that wait for its socket. */
const WAITING_MAX = 64;

interface ForwardFlow {
  readonly socket: Socket;
  /** Datagrams that arrived before the socket was connected; undefined afterwards. */
  waiting: Uint8Array[] | undefined;
  lastMs: number;
}

/** The forwarding end: each flow has a socket of its own, so that the service tells flows apart. */
export class ForwardFlows implements Flows {
  readonly localAddress = undefined;
  readonly #options: FlowsOptions;
  /** The least recently used first. */
  readonly #flows = new Map<number, ForwardFlow>();
  #closed = false;

  constructor(options: FlowsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#flows.size;
  }

  deliver(flow: number, payload: Uint8Array): void {
    if (this.#closed) return;
    const known = this.#flows.get(flow) ?? this.#open(flow);
    this.#touch(flow, known);
    if (known.waiting === undefined) this.#send(known, payload);
    else if (known.waiting.length < WAITING_MAX) known.waiting.push(Uint8Array.from(payload));
    else this.#options.events.onDropped('flow-opening');
  }

  end(flow: number): void {
    this.#flows.get(flow)?.socket.close();
    this.#flows.delete(flow);
  }

  reset(): void {
    for (const flow of [...this.#flows.keys()]) this.end(flow);
  }

  sweep(): void {
    const idleSinceMs = this.#options.clock.monotonic() - UDP_FLOW_IDLE_MS;
    for (const [flow, { lastMs }] of [...this.#flows]) {
      if (lastMs <= idleSinceMs) this.end(flow);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.reset();
  }

  #open(flow: number): ForwardFlow {
    // The listening side has no more flows than this, so the least recently used has ended there.
    const [oldest] = this.#flows.keys();
    if (this.#flows.size >= UDP_FLOWS_MAX && oldest !== undefined) this.end(oldest);
    const { address, events } = this.#options;
    const socket = newSocket(address);
    const opened: ForwardFlow = { socket, waiting: [], lastMs: 0 };
    this.#flows.set(flow, opened);
    const isOpen = () => this.#flows.get(flow) === opened;
    socket.on('message', (payload) => {
      // A datagram that was not sent does not extend the flow.
      if (isOpen() && events.onDatagram(flow, payload)) this.#touch(flow, opened);
    });
    // A connected socket reports ICMP errors of a service that does not listen.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      events.onDropped(error.code === 'ECONNREFUSED' ? 'application-refused' : 'flow-failed');
      if (error.code !== 'ECONNREFUSED' && isOpen()) this.end(flow);
    });
    socket.connect(address.port, address.address, (error?: Error) => {
      const { waiting } = opened;
      opened.waiting = undefined;
      if (error !== undefined) {
        // There is no route to the service now; the flow's next datagram tries again.
        events.onDropped('flow-failed');
        if (isOpen()) this.end(flow);
      } else if (isOpen()) for (const payload of waiting ?? []) this.#send(opened, payload);
    });
    return opened;
  }

  #send({ socket }: ForwardFlow, payload: Uint8Array): void {
    socket.send(payload, (error) => {
      if (error !== null) this.#options.events.onDropped('application-refused');
    });
  }

  #touch(flow: number, known: ForwardFlow): void {
    known.lastMs = this.#options.clock.monotonic();
    this.#flows.delete(flow);
    this.#flows.set(flow, known);
  }
}

function newSocket(address: TransportAddress): Socket {
  const bytes = SOCKET_BUFFER_BYTES;
  return createSocket({
    type: familyOf(address) === 6 ? 'udp6' : 'udp4',
    recvBufferSize: bytes,
    sendBufferSize: bytes,
  });
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}
