import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { TransportAddress } from '../../src/address.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { decodeMessage, type StunMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { legIdentity } from './cluster.js';
import {
  allocateRequest,
  challengeRequest,
  connectRequest,
  Exchange,
  transactionId,
} from './requests.js';
import { readSocketDrops } from './usage.js';

const TICK_MS = 1;
/** Interval of Binding requests, whose responses cost the control plane little. */
const PING_MS = 20;
const PAYLOAD_BYTES = 100;
const CHANNEL_HEAD_BYTES = 4;
/** Time for datagrams under way to arrive at the end of a window. */
const ARRIVAL_MS = 250;
const ANSWER_MS = 2_000;
const LIFETIME_SECONDS = 3_600;
const RECEIVE_BUFFER_BYTES = 4_194_304;
const CONNECTION_ID = 'ff'.repeat(16);

/** Loss and latency of the flow and of the Binding requests (`pings`) in one window of time. */
export interface FlowWindow {
  readonly seconds: number;
  readonly sent: number;
  readonly lost: number;
  /** Number of the lost datagrams that the receiver's socket dropped, not the relay. */
  readonly lostAtReceiver: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** Maximum delay of the sender's timer. It may cause latencies of that size. */
  readonly senderLateMs: number;
  readonly pings: number;
  readonly pingsLost: number;
  readonly pingP99Us: number;
  readonly pingMaxUs: number;
}

/** Options of a flow. */
export interface FlowOptions {
  /** The sender's relay and the receiver's. */
  readonly relays: readonly [TransportAddress, TransportAddress];
  readonly packetsPerSecond: number;
}

/** A connection with a steady flow, and a stranger's Binding requests to the first relay. */
export class Flow {
  readonly #options: FlowOptions;
  readonly #sender = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
  readonly #receiver = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
  readonly #stranger = createSocket('udp4');
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #pingsAt = new Map<number, number>();
  #channel = 0;
  #latency: RecordableHistogram = createHistogram();
  #ping: RecordableHistogram = createHistogram();
  #sent = 0;
  #received = 0;
  #pings = 0;
  #pongs = 0;
  #lateMs = 0;
  #windowAt = 0;
  #paused = false;
  #dropsBefore = 0;

  constructor(options: FlowOptions) {
    this.#options = options;
  }

  /** Connects the two peers and starts the flow and the Binding requests. */
  async open(): Promise<void> {
    const [first, second] = this.#options.relays;
    const ends = [this.#sender, this.#receiver];
    for (const socket of [...ends, this.#stranger]) {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
    }
    const [a, b] = [
      new Handshake(this.#sender, first, 0),
      new Handshake(this.#receiver, second, 1),
    ];
    for (const [one, peerRelay] of [[a, second] as const, [b, first] as const]) {
      await one.allocate(peerRelay);
    }
    const [channel] = await Promise.all([
      a.connect(this.#receiver.address()),
      b.connect(this.#sender.address()),
    ]);
    this.#channel = channel;
    this.#receiver.on('message', (data) => this.#arrived(data));
    this.#stranger.on('message', (data) => this.#ponged(data));
    this.#send();
    this.#askRepeatedly();
  }

  /** Begins a new window. */
  begin(): void {
    this.#latency = createHistogram();
    this.#ping = createHistogram();
    this.#pingsAt.clear();
    this.#sent = this.#received = this.#pings = this.#pongs = this.#lateMs = 0;
    this.#dropsBefore = this.#receiverDrops();
    this.#windowAt = performance.now();
  }

  #receiverDrops(): number {
    return readSocketDrops([this.#receiver.address().port]);
  }

  /** Ends the window. Pauses the flow until datagrams under way have arrived. */
  async read(): Promise<FlowWindow> {
    const seconds = (performance.now() - this.#windowAt) / 1_000;
    this.#paused = true;
    await new Promise((resolve) => setTimeout(resolve, ARRIVAL_MS));
    const window = {
      seconds,
      sent: this.#sent,
      lost: this.#sent - this.#received,
      lostAtReceiver: this.#receiverDrops() - this.#dropsBefore,
      p50Us: this.#latency.percentile(50) / 1_000,
      p99Us: this.#latency.percentile(99) / 1_000,
      maxUs: this.#latency.max / 1_000,
      senderLateMs: this.#lateMs,
      pings: this.#pings,
      pingsLost: this.#pings - this.#pongs,
      pingP99Us: this.#ping.percentile(99) / 1_000,
      pingMaxUs: this.#ping.max / 1_000,
    };
    this.begin();
    this.#paused = false;
    return window;
  }

  /** Stops sending and frees the sockets. */
  end(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const socket of [this.#sender, this.#receiver, this.#stranger]) socket.close();
  }

  #send(): void {
    const { relays, packetsPerSecond } = this.#options;
    const [{ address, port }] = relays;
    let lastAt = performance.now();
    let owed = 0;
    const timer = setInterval(() => {
      const now = performance.now();
      if (!this.#paused) this.#lateMs = Math.max(this.#lateMs, now - lastAt - TICK_MS);
      // Open loop: datagrams that a late timer has not sent are sent at once.
      owed += ((now - lastAt) / 1_000) * packetsPerSecond;
      lastAt = now;
      if (this.#paused) owed = 0;
      for (; owed >= 1; owed -= 1) {
        const data = Buffer.alloc(CHANNEL_HEAD_BYTES + PAYLOAD_BYTES);
        data.writeUInt16BE(this.#channel, 0);
        data.writeUInt16BE(PAYLOAD_BYTES, 2);
        data.writeDoubleBE(performance.now(), CHANNEL_HEAD_BYTES);
        this.#sent += 1;
        this.#sender.send(data, port, address);
      }
    }, TICK_MS);
    this.#timers.push(timer);
  }

  #arrived(data: Buffer): void {
    if (data.length !== CHANNEL_HEAD_BYTES + PAYLOAD_BYTES) return;
    const sentAt = data.readDoubleBE(CHANNEL_HEAD_BYTES);
    if (sentAt < this.#windowAt) return;
    this.#received += 1;
    this.#latency.record(Math.max(1, Math.round((performance.now() - sentAt) * 1e6)));
  }

  #askRepeatedly(): void {
    const [{ address, port }] = this.#options.relays;
    let number = 0;
    const timer = setInterval(() => {
      if (this.#paused) return;
      number += 1;
      this.#pings += 1;
      this.#pingsAt.set(number, performance.now());
      const id = transactionId(Exchange.Challenge, number, 0);
      this.#stranger.send(new MessageWriter('request', Method.Binding, id).finish(), port, address);
    }, PING_MS);
    this.#timers.push(timer);
  }

  #ponged(data: Buffer): void {
    const number = data.readUInt32BE(9);
    const askedAt = this.#pingsAt.get(number);
    if (askedAt === undefined) return;
    this.#pingsAt.delete(number);
    this.#pongs += 1;
    this.#ping.record(Math.max(1, Math.round((performance.now() - askedAt) * 1e6)));
  }
}

/** Allocate and Connect of one peer. */
class Handshake {
  readonly #socket: Socket;
  readonly #relay: TransportAddress;
  readonly #role: 0 | 1;
  #nonce = '';

  constructor(socket: Socket, relay: TransportAddress, role: 0 | 1) {
    this.#socket = socket;
    this.#relay = relay;
    this.#role = role;
  }

  async allocate(peerRelay: TransportAddress): Promise<void> {
    const challenge = await this.#exchange(challengeRequest(this.#id(Exchange.Challenge)));
    this.#nonce = challenge.text(AttributeType.Nonce) ?? '';
    const request = allocateRequest(this.#id(Exchange.Allocate), this.#signing(), {
      peerRelay,
      lifetimeSeconds: LIFETIME_SECONDS,
    });
    const answer = await this.#exchange(request);
    if (answer.messageClass !== 'success') throw new Error('the flow was refused a leg');
  }

  async connect(other: TransportAddress): Promise<number> {
    const request = connectRequest(this.#id(Exchange.Connect), this.#signing(), other);
    const channel = (await this.#exchange(request)).channelNumber();
    if (channel === undefined) throw new Error('the flow was refused a connection');
    return channel;
  }

  #id(exchange: number): Uint8Array {
    return transactionId(exchange, this.#role, 0);
  }

  #signing() {
    return { identity: legIdentity(CONNECTION_ID, this.#role), nonce: this.#nonce };
  }

  async #exchange(request: Uint8Array): Promise<StunMessage> {
    this.#socket.send(request, this.#relay.port, this.#relay.address);
    const signal = AbortSignal.timeout(ANSWER_MS);
    const [data] = (await once(this.#socket, 'message', { signal })) as [Buffer];
    const decoded = decodeMessage(data);
    if (!decoded.ok) throw new Error(`a response is not STUN: ${decoded.reason}`);
    return decoded.message;
  }
}
