/** Data planes and UDP sockets for the tests of this folder. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { familyOf, type TransportAddress, transportAddress } from '../../src/address.js';
import { utcDay } from '../../src/auth/keys.js';
import type { CounterName } from '../../src/native/counters.js';
import type { DataPlaneEvent } from '../../src/native/events.js';
import { openDataPlane } from '../../src/native/index.js';
import { listenerHandle } from '../../src/native/transport-handle.js';
import type {
  DataPlane,
  DataPlaneOptions,
  FiveTuple,
  PuntedDatagram,
} from '../../src/native/types.js';
import { MessageWriter } from '../../src/stun/writer.js';
import type { DatagramSocket } from '../marked-socket.js';
import { STEERING } from '../steering.js';
import { until } from '../until.js';

export { until };

export const V4: TransportAddress = { address: '127.0.0.1', port: 0 };
export const V6: TransportAddress = { address: '::1', port: 0 };
/** Relayed endpoints at this address, which no peer has, are steered where STEERING is `auto`. */
export const RELAY_V4: TransportAddress = { address: '127.0.0.2', port: 0 };
/** The options of a plane with such endpoints. */
export const RELAYING = {
  relayedAddresses: { address: RELAY_V4.address },
  steering: STEERING,
} as const;
export const KEY = new Uint8Array(16).fill(7);

/** Makes a Binding request, which a data plane punts. */
export function bindingRequest(): Uint8Array {
  return new MessageWriter('request', 0x001, new Uint8Array(12)).finish();
}

/** A data plane that keeps the punted datagrams and events. */
export class TestPlane {
  readonly plane: DataPlane;
  readonly punted: PuntedDatagram[] = [];
  readonly events: DataPlaneEvent[] = [];
  #settled = 0;

  constructor(options: Partial<DataPlaneOptions> = {}) {
    this.plane = openDataPlane({
      clientAddresses: [V4],
      trunkAddresses: [V4],
      workers: 2,
      ...options,
      onBatch: ({ datagrams, events }) => {
        this.punted.push(...datagrams);
        this.events.push(...events);
      },
    });
  }

  count(name: CounterName): number {
    return Number(this.plane.counters()[name]);
  }

  clientAddress(socket = 0): TransportAddress {
    return this.plane.clientAddresses[socket] as TransportAddress;
  }

  trunkAddress(socket = 0): TransportAddress {
    return this.plane.trunkAddresses[socket] as TransportAddress;
  }

  /** Puts a trunk peer that sends from and listens on `address`, with a key of today. */
  join(relayIndex: number, address: TransportAddress, sources = [address]): void {
    const keys = [{ epoch: utcDay(Date.now()), key: KEY }];
    this.plane.putRemoteRelay(relayIndex, {
      sources,
      socket: 0,
      destination: address,
      sendKeys: keys,
      receiveKeys: keys,
      recordsMax: 8,
    });
  }

  /** Puts another plane of this process as a trunk peer. */
  joinPlane(relayIndex: number, other: TestPlane): void {
    const address = other.trunkAddress();
    const lanes = other.plane.trunkLanePorts[0] as readonly number[];
    this.join(relayIndex, address, [address, ...lanes.map((port) => ({ ...address, port }))]);
  }

  /**
   * Lets a socket send a request, and another each second until one has arrived, since the buffers
   * may be full. @returns its 5-tuple and the worker that received it
   */
  async meet(remote: Remote, socket = 0): Promise<{ tuple: FiveTuple; worker: number }> {
    const seen = this.punted.length;
    const ask = () => remote.send(this.clientAddress(socket), bindingRequest());
    ask();
    const again = setInterval(ask, 1_000);
    await until(() => this.punted.length > seen);
    clearInterval(again);
    const { tuple, worker } = this.punted[seen] as PuntedDatagram;
    return { tuple, worker };
  }

  /**
   * Waits until every worker has executed every command: a datagram to `remote` is sent then. What
   * else `remote` has received stays there.
   */
  async settle(remote: Remote, socket = 0): Promise<void> {
    const marker = Buffer.from(`settled ${++this.#settled}`);
    const tuple = { handle: listenerHandle('client', socket), remote: remote.address };
    this.plane.send([{ side: 'client', tuple, data: marker }]);
    await remote.take(marker);
  }
}

/** A UDP socket on loopback, of a peer or another relay. */
export class Remote {
  readonly #socket: DatagramSocket;
  readonly #received: Buffer[] = [];
  readonly #sources: TransportAddress[] = [];

  private constructor(socket: DatagramSocket) {
    this.#socket = socket;
    socket.on('message', (data, from) => {
      this.#received.push(data);
      this.#sources.push(transportAddress(from.address, from.port));
    });
  }

  static async open(address: TransportAddress = V4): Promise<Remote> {
    const type = familyOf(address) === 4 ? 'udp4' : 'udp6';
    const socket = createSocket({ type, recvBufferSize: 1 << 20, sendBufferSize: 1 << 20 });
    socket.bind(address.port, address.address);
    await once(socket, 'listening');
    return new Remote(socket);
  }

  /** Uses a socket that is bound. */
  static over(socket: DatagramSocket): Remote {
    return new Remote(socket);
  }

  get address(): TransportAddress {
    const { address, port } = this.#socket.address();
    return transportAddress(address, port);
  }

  send(to: TransportAddress, data: Uint8Array): void {
    this.#socket.send(data, to.port, to.address);
  }

  /** Waits for the next datagram, and returns it. */
  async receive(): Promise<Buffer> {
    await until(() => this.#received.length > 0);
    this.#sources.shift();
    return this.#received.shift() as Buffer;
  }

  /** Waits for the next datagram, and returns it with its source. */
  async receiveFrom(): Promise<{ data: Buffer; source: TransportAddress }> {
    await until(() => this.#received.length > 0);
    const source = this.#sources[0] as TransportAddress;
    return { data: await this.receive(), source };
  }

  /** Waits for a datagram with these bytes, and removes it alone. */
  async take(data: Buffer): Promise<void> {
    const find = () => this.#received.findIndex((each) => each.equals(data));
    await until(() => find() >= 0);
    const index = find();
    this.#received.splice(index, 1);
    this.#sources.splice(index, 1);
  }

  /** Number of datagrams that have arrived and were not read. */
  get waiting(): number {
    return this.#received.length;
  }

  close(): void {
    this.#socket.close();
  }
}
