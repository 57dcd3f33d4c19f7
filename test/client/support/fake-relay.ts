import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { type TransportAddress, transportAddress } from '../../../src/address.js';
import type { ConnectionGrant } from '../../../src/client/index.js';
import { AttributeType } from '../../../src/stun/attribute-types.js';
import {
  type IntegrityKind,
  integrityKind,
  longTermKey,
  verifyIntegrity,
} from '../../../src/stun/integrity.js';
import { copiedTransactionId, decodeMessage, type StunMessage } from '../../../src/stun/message.js';
import { type MessageClass, Method } from '../../../src/stun/methods.js';
import { MessageWriter } from '../../../src/stun/writer.js';

/** A nonce whose cookie announces password algorithms (RFC 8489 section 9.2). */
const NONCE_WITH_ALGORITHMS = 'obMatJos2gAABfirst';
export const NONCE_PLAIN = 'plain-nonce';

export const CONNECTION_ID = '000102030405060708090a0b0c0d0e0f';
const PASSWORD = 'sXF7rz6BJ0IPbRwUzamHx2WbVwQUMkNQF3fQ8nt/TTg=';
const USERNAME = `1800000000:default/${CONNECTION_ID}/0`;

/** A STUN message that the relay received. */
export interface Received {
  readonly message: StunMessage;
  readonly from: RemoteInfo;
  /** Kind of the valid integrity; undefined if it is missing or wrong. */
  readonly signed: IntegrityKind | undefined;
}

interface AnswerOptions {
  /** By default that of the request; `none` omits it, `forged` uses another key. */
  readonly integrity?: IntegrityKind | 'none' | 'forged';
  readonly method?: number;
  readonly transactionId?: Uint8Array;
  /** REFUSAL-CAUSE of an error. */
  readonly cause?: number;
}

type Handler = (received: Received, relay: FakeRelay) => boolean;

/** A relay for one peer on a real socket, scripted by the test; records what it receives. */
export class FakeRelay {
  realm = 'turnpike';
  nonce = NONCE_WITH_ALGORITHMS;
  /** PASSWORD-ALGORITHMS of challenges; undefined for none. */
  algorithms: readonly number[] | undefined = [2, 1];
  channel = 0x4001;
  lifetimeSeconds = 600;
  /** Number of further requests to drop. */
  drop = 0;
  /** Called for each request; returns true if the default response must not be sent. */
  handler: Handler = () => false;
  /** Payloads that the peer sent on the channel. */
  readonly payloads: Buffer[] = [];
  readonly #socket: Socket;
  readonly #received: Received[] = [];
  readonly #watchers = new Set<() => void>();
  #lastKind: IntegrityKind = 'sha256';
  /** Transaction id of the newest Allocate or Connect. */
  #turn: Uint8Array = new Uint8Array(12);
  #peer: RemoteInfo | undefined;
  #closed: Promise<void> | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (datagram, from) => this.#receive(datagram, from));
  }

  static async open(address = '127.0.0.1', port = 0): Promise<FakeRelay> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    await new Promise<void>((resolve) => socket.bind(port, address, resolve));
    return new FakeRelay(socket);
  }

  get address(): TransportAddress {
    const { address, port } = this.#socket.address();
    return transportAddress(address, port);
  }

  get grant(): ConnectionGrant {
    return {
      connectionId: CONNECTION_ID,
      expiresAt: '2026-11-22T15:00:00Z',
      realm: 'turnpike',
      role: 0,
      relay: { id: 'fra-1', region: 'fra', ...this.address },
      peerRelay: transportAddress('192.0.2.20', 3478),
      username: USERNAME,
      password: PASSWORD,
    };
  }

  /** The peer's source address. */
  get peer(): RemoteInfo {
    if (this.#peer === undefined) throw new Error('nothing was received from a peer yet');
    return this.#peer;
  }

  /** Closes the socket; may be called again. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#socket.close(resolve));
    return this.#closed;
  }

  /** Returns the number of requests and indications of a method so far. */
  count(method: number): number {
    return this.#received.filter(({ message }) => message.method === method).length;
  }

  /** Waits for the nth (from 0) request or indication of a method, and returns it. */
  async nth(method: number, n: number): Promise<Received> {
    for (;;) {
      const found = this.#received.filter(({ message }) => message.method === method)[n];
      if (found !== undefined) return found;
      await this.#change();
    }
  }

  /** Waits until the peer has sent n payloads. */
  async payloadsReach(n: number): Promise<Buffer[]> {
    while (this.payloads.length < n) await this.#change();
    return this.payloads;
  }

  /** Sends bytes to the peer. */
  send(bytes: Uint8Array): void {
    this.#socket.send(bytes, this.peer.port, this.peer.address);
  }

  challenge({ message }: Received, code: 401 | 438 = 401): Uint8Array {
    const writer = new MessageWriter('error', message.method, message.transactionId)
      .errorCode(code)
      .text(AttributeType.Realm, this.realm)
      .text(AttributeType.Nonce, this.nonce);
    if (this.algorithms !== undefined) writer.passwordAlgorithms(this.algorithms);
    return writer.finish();
  }

  success(
    received: Received,
    write: (writer: MessageWriter) => void = (writer) => this.#writeSuccess(writer, received),
    options: AnswerOptions = {},
  ): Uint8Array {
    return this.#answer('success', received, write, options);
  }

  error(received: Received, code: number, options: AnswerOptions = {}): Uint8Array {
    const write = (writer: MessageWriter) => {
      writer.errorCode(code);
      if (options.cause !== undefined) writer.u32(AttributeType.RefusalCause, options.cause);
    };
    return this.#answer('error', received, write, options);
  }

  closed(
    code: number,
    options: AnswerOptions & { connectionId?: string; cause?: number } = {},
  ): Uint8Array {
    const transactionId = options.transactionId ?? this.#turn;
    const writer = new MessageWriter('indication', Method.Closed, transactionId)
      .connectionIdentifier(options.connectionId ?? CONNECTION_ID)
      .errorCode(code);
    if (options.cause !== undefined) writer.u32(AttributeType.RefusalCause, options.cause);
    return this.#sealed(writer, options.integrity ?? this.#lastKind);
  }

  #answer(
    messageClass: MessageClass,
    { message, signed }: Received,
    write: (writer: MessageWriter) => void,
    { integrity = signed ?? 'none', method, transactionId }: AnswerOptions,
  ): Uint8Array {
    const writer = new MessageWriter(
      messageClass,
      method ?? message.method,
      transactionId ?? message.transactionId,
    );
    write(writer);
    return this.#sealed(writer, integrity);
  }

  #sealed(writer: MessageWriter, integrity: NonNullable<AnswerOptions['integrity']>): Uint8Array {
    if (integrity === 'none') return writer.finish();
    if (integrity === 'forged') return writer.integrity('sha256', Buffer.alloc(32, 1)).finish();
    return writer.integrity(integrity, this.#key(integrity)).finish();
  }

  #key(kind: IntegrityKind): Uint8Array {
    return longTermKey(kind === 'sha256' ? 'sha256' : 'md5', USERNAME, this.realm, PASSWORD);
  }

  #receive(datagram: Buffer, from: RemoteInfo): void {
    this.#peer = from;
    if ((datagram[0] ?? 0) >= 0x40) {
      this.payloads.push(datagram.subarray(4, 4 + datagram.readUInt16BE(2)));
    } else {
      this.#receiveMessage(datagram, from);
    }
    for (const watcher of [...this.#watchers]) watcher();
  }

  #receiveMessage(datagram: Buffer, from: RemoteInfo): void {
    const decoded = decodeMessage(datagram);
    if (!decoded.ok) throw new Error(`the peer sent no STUN message: ${decoded.reason}`);
    const { message } = decoded;
    const kind = integrityKind(message);
    const genuine = kind !== undefined && verifyIntegrity(message, kind, this.#key(kind));
    const received = { message, from, signed: genuine ? kind : undefined };
    this.#received.push(received);
    if (received.signed !== undefined) this.#lastKind = received.signed;
    if (message.messageClass !== 'request') return;
    if (message.method !== Method.Refresh) this.#turn = copiedTransactionId(message.transactionId);
    if (this.drop > 0) this.drop -= 1;
    else if (!this.handler(received, this)) this.send(this.#usualAnswer(received));
  }

  #usualAnswer(received: Received): Uint8Array {
    if (received.signed === undefined) return this.challenge(received);
    const nonce = received.message.text(AttributeType.Nonce);
    return nonce === this.nonce ? this.success(received) : this.challenge(received, 438);
  }

  #writeSuccess(writer: MessageWriter, { message, from }: Received): void {
    if (message.method === Method.Allocate) {
      writer.address(AttributeType.XorMappedAddress, transportAddress(from.address, from.port));
    }
    if (message.method === Method.Connect) writer.channelNumber(this.channel);
    const asked = message.lifetimeSeconds();
    writer.u32(AttributeType.Lifetime, asked === 0 ? 0 : this.lifetimeSeconds);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const watcher = () => {
        this.#watchers.delete(watcher);
        resolve();
      };
      this.#watchers.add(watcher);
    });
  }
}
