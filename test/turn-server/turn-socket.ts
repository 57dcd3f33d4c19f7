import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { familyOf, type TransportAddress, transportAddress } from '../../src/address.js';
import {
  ClientAuthenticator,
  type IntegrityPreference,
  type Signature,
} from '../../src/auth/client-authenticator.js';
import { AttributeType, UDP_PROTOCOL } from '../../src/stun/attribute-types.js';
import { decodeMessage, type StunMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import type { DatagramSocket } from '../marked-socket.js';

/**
 * Relay ports of tests on loopback: above those that the kernel gives to sockets of other tests.
 */
export const RELAY_PORTS = '61000-65535';

/** Time to wait for a datagram. */
const PATIENCE_MS = 5_000;
const RETRANSMIT_MS = 500;

/** Adds the attributes of a request. */
export type Content = (writer: MessageWriter, transactionId: Uint8Array) => unknown;

/** A bound UDP socket that keeps what it receives, for a peer or a client. */
export class UdpSocket {
  readonly #socket: DatagramSocket;
  #isOpen = true;
  readonly #received: { data: Buffer; from: TransportAddress }[] = [];
  /** The address that it is bound to. */
  readonly address: TransportAddress;

  protected constructor(socket: DatagramSocket) {
    this.#socket = socket;
    const { address, port } = socket.address();
    this.address = { address, port };
    socket.on('message', (data, from) => {
      this.take({ data, from: transportAddress(from.address, from.port) });
    });
  }

  /** Opens a socket at a free port of a loopback address. */
  static async at(ip: string): Promise<UdpSocket> {
    return new UdpSocket(await UdpSocket.bound(ip));
  }

  /** Uses a socket that is bound. */
  static over(socket: DatagramSocket): UdpSocket {
    return new UdpSocket(socket);
  }

  protected static async bound(ip: string): Promise<DatagramSocket> {
    const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4');
    socket.bind(0, ip);
    await once(socket, 'listening');
    return socket;
  }

  protected take(datagram: { data: Buffer; from: TransportAddress }): void {
    this.#received.push(datagram);
  }

  send(data: Uint8Array | string, { address, port }: TransportAddress): void {
    this.#socket.send(data, port, address);
  }

  /** Waits for the next datagram. @throws Error if none comes */
  async next(): Promise<{ data: Buffer; from: TransportAddress }> {
    const until = performance.now() + PATIENCE_MS;
    while (this.#received.length === 0 && performance.now() < until) await delay(5);
    const first = this.#received.shift();
    if (first === undefined) throw new Error(`nothing arrived at ${this.address.address}`);
    return first;
  }

  /** Returns what has arrived and was not taken yet, as text. */
  get waiting(): string[] {
    return this.#received.map(({ data }) => data.toString('latin1'));
  }

  /** Closes the socket. Does nothing if it is closed. */
  close(): void {
    if (this.#isOpen) this.#socket.close();
    this.#isOpen = false;
  }
}

/** Who a client is. */
export interface TurnUser {
  readonly username: string;
  readonly password: string;
  readonly integrity?: IntegrityPreference;
}

/** A TURN client on a UDP socket of its own, made of the project's STUN writer. */
export class TurnSocket extends UdpSocket {
  readonly #server: TransportAddress;
  #authenticator: ClientAuthenticator;
  readonly #responses = new Map<string, StunMessage>();

  private constructor(socket: DatagramSocket, server: TransportAddress, user: TurnUser) {
    super(socket);
    this.#server = server;
    this.#authenticator = new ClientAuthenticator(user);
  }

  /** Opens a client of a server on loopback, at a free port of `ip`. */
  static async open(
    server: TransportAddress,
    user: TurnUser,
    ip = familyOf(server) === 4 ? '127.0.0.1' : '::1',
  ): Promise<TurnSocket> {
    return new TurnSocket(await UdpSocket.bound(ip), server, user);
  }

  /** A client on a socket that is bound. */
  static on(socket: DatagramSocket, server: TransportAddress, user: TurnUser): TurnSocket {
    return new TurnSocket(socket, server, user);
  }

  protected override take(datagram: { data: Buffer; from: TransportAddress }): void {
    const decoded = decodeMessage(datagram.data);
    const isResponse = decoded.ok && /^(success|error)$/.test(decoded.message.messageClass);
    if (!isResponse) return super.take(datagram);
    const { message } = decoded;
    this.#responses.set(Buffer.from(message.transactionId).toString('hex'), message);
  }

  /**
   * Sends a request, after a challenge once more, and returns the response.
   * @throws Error if its integrity is wrong, or if none comes
   */
  async request(method: number, content: Content = () => {}): Promise<StunMessage> {
    let after: Signature | undefined;
    for (;;) {
      const { bytes, signature } = this.prepare(method, content, after);
      const response = await this.exchange(bytes);
      const verdict = this.#authenticator.check(response, signature);
      if (verdict.type === 'ignored') throw new Error(`a response is ignored: ${verdict.why}`);
      if (verdict.type !== 'retry') return response;
      after = signature;
    }
  }

  /** Makes a request with a new transaction id, signed if a challenge was received. */
  prepare(method: number, content: Content = () => {}, after?: Signature) {
    const transactionId = randomBytes(12);
    const writer = new MessageWriter('request', method, transactionId);
    content(writer, transactionId);
    const signature = this.#authenticator.sign(writer, after);
    return { bytes: writer.finish(), signature };
  }

  /** Continues as another user from the same socket. */
  becomes(user: TurnUser): void {
    this.#authenticator = new ClientAuthenticator(user);
  }

  /** The responses that have arrived. */
  get responses(): readonly StunMessage[] {
    return [...this.#responses.values()];
  }

  /** Sends a request until it is answered. @throws Error if it is not */
  async exchange(bytes: Uint8Array): Promise<StunMessage> {
    const id = Buffer.from(bytes.subarray(8, 20)).toString('hex');
    for (let sent = 0; sent * RETRANSMIT_MS < PATIENCE_MS; sent += 1) {
      this.toServer(bytes);
      const until = performance.now() + RETRANSMIT_MS;
      while (performance.now() < until) {
        const response = this.#responses.get(id);
        if (response !== undefined) return response;
        await delay(2);
      }
    }
    throw new Error('no response');
  }

  /** Sends a datagram to the server. */
  toServer(bytes: Uint8Array): void {
    this.send(bytes, this.#server);
  }

  /** Allocates. @returns the relayed transport address @throws Error unless it succeeds */
  async allocate(content: Content = () => {}): Promise<TransportAddress> {
    const response = await this.request(Method.Allocate, (writer, transactionId) => {
      content(writer.requestedTransport(UDP_PROTOCOL), transactionId);
    });
    const relayed = response.address(AttributeType.XorRelayedAddress);
    if (relayed === undefined) throw new Error(`Allocate: ${response.errorCode()?.code}`);
    return relayed;
  }

  /** Sends CreatePermission. @returns the error code; undefined for a success */
  async permit(peer: TransportAddress): Promise<number | undefined> {
    const response = await this.request(Method.CreatePermission, (writer) =>
      writer.address(AttributeType.XorPeerAddress, peer),
    );
    return response.errorCode()?.code;
  }

  /** Sends ChannelBind. @returns as `permit` */
  async bind(channel: number, peer: TransportAddress): Promise<number | undefined> {
    const response = await this.request(Method.ChannelBind, (writer) =>
      writer.channelNumber(channel).address(AttributeType.XorPeerAddress, peer),
    );
    return response.errorCode()?.code;
  }

  /** Sends Refresh. @returns as `permit` */
  async refresh(lifetimeSeconds: number): Promise<number | undefined> {
    const response = await this.request(Method.Refresh, (writer) =>
      writer.u32(AttributeType.Lifetime, lifetimeSeconds),
    );
    return response.errorCode()?.code;
  }

  /** Sends a payload in a Send indication. */
  indicate(payload: string, peer: TransportAddress): void {
    const writer = new MessageWriter('indication', Method.Send, randomBytes(12));
    writer.address(AttributeType.XorPeerAddress, peer);
    this.toServer(writer.bytes(AttributeType.Data, Buffer.from(payload)).finish());
  }

  /** Sends a payload on a channel, without padding. */
  channelData(channel: number, payload: string | Uint8Array): void {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(channel, 0);
    head.writeUInt16BE(payload.length, 2);
    this.toServer(Buffer.concat([head, Buffer.from(payload)]));
  }

  /** Waits for the next Data indication. @returns its peer and payload */
  async indicated(): Promise<{ peer: TransportAddress | undefined; payload: string }> {
    const { data } = await this.next();
    const decoded = decodeMessage(data);
    if (!decoded.ok || decoded.message.method !== Method.Data) {
      throw new Error(`no Data indication: ${data.toString('hex')}`);
    }
    const { message } = decoded;
    const payload = Buffer.from(message.get(AttributeType.Data) ?? []).toString();
    return { peer: message.address(AttributeType.XorPeerAddress), payload };
  }

  /** Waits for the next ChannelData. @returns its channel and payload */
  async onChannel(): Promise<{ channel: number; payload: string }> {
    const { data } = await this.next();
    const length = data.readUInt16BE(2);
    return { channel: data.readUInt16BE(0), payload: data.subarray(4, 4 + length).toString() };
  }
}
