import { createSocket, type Socket } from 'node:dgram';
import type { Logger } from 'pino';
import { familyOf, formatAddress, type TransportAddress, transportAddress } from '../../address.js';
import { TurnpikeError } from '../../errors.js';
import { LIMITS } from '../../limits.js';
import type { Clock } from '../../units.js';
import { stampDifferenceMs, stampOf } from '../stream/message.js';
import { RoundTrip } from '../stream/round-trip.js';
import {
  type DatagramFrame,
  decodeFrame,
  encodeFrame,
  FRAME_HEADER_BYTES,
} from './datagram-frame.js';
import { Counts, type Link, type PeerMode, type Traffic } from './link.js';
import { SequenceMeter } from './sequence-meter.js';

export interface DatagramModeOptions {
  /** `listen`: where local applications send to; `forward`: where the local application listens. */
  readonly local: { readonly type: 'listen' | 'forward'; readonly address: TransportAddress };
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * UDP mode of `turnpike peer`: what a local application sends to this socket comes out at the other
 * side, datagram for datagram. Listening, answers go to whoever sent last, so that an application
 * which restarts on another port is found again; one listener carries one flow.
 */
export class DatagramMode implements PeerMode {
  readonly finished: Promise<number>;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #forward: boolean;
  readonly #dropped = new Counts();
  readonly #meter = new SequenceMeter();
  readonly #roundTrip = new RoundTrip();
  #application: TransportAddress | undefined;
  #link: Link | undefined;
  #pings: NodeJS.Timeout | undefined;
  #sequence = 0;
  #pong: { readonly expected: number; readonly received: number } | undefined;
  #lastHeardMs = Number.NEGATIVE_INFINITY;
  #warned = false;
  #sums = { bytesIn: 0, bytesOut: 0, expectedOut: 0, receivedOut: 0 };

  private constructor(options: DatagramModeOptions, socket: Socket) {
    this.#socket = socket;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#forward = options.local.type === 'forward';
    socket.on('message', (payload, { address, port }) => {
      if (!this.#forward) this.#application = transportAddress(address, port);
      this.#fromApplication(payload);
    });
    // A connected socket reports the ICMP errors of an application that does not listen.
    this.finished = new Promise((_, reject) => {
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNREFUSED') this.#dropped.add('application-refused');
        else reject(error);
      });
    });
    // Nobody waits for it while the path is being made.
    this.finished.catch(() => {});
  }

  /**
   * Opens the local socket.
   * @throws TurnpikeError ERR_TURNPIKE_BIND with `errno` and `address`
   */
  static async open(options: DatagramModeOptions): Promise<DatagramMode> {
    const { type, address } = options.local;
    const bytes = LIMITS.peerSocketBufferBytes;
    const socket = createSocket({
      type: familyOf(address) === 6 ? 'udp6' : 'udp4',
      recvBufferSize: bytes,
      sendBufferSize: bytes,
    });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        if (type === 'listen') socket.bind(address.port, address.address, resolve);
        else socket.connect(address.port, address.address, resolve);
      });
    } catch (cause) {
      socket.close();
      const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
      const failed = type === 'listen' ? 'cannot listen at' : 'cannot send to';
      throw new TurnpikeError(
        'ERR_TURNPIKE_BIND',
        `${failed} udp ${formatAddress(address)}: ${errno}`,
        { cause, errno, address: formatAddress(address) },
      );
    }
    socket.removeAllListeners('error');
    return new DatagramMode(options, socket);
  }

  /** Where the local socket is bound. */
  get localAddress(): TransportAddress {
    const { address, port } = this.#socket.address();
    return transportAddress(address, port);
  }

  get lastHeardMs(): number {
    return this.#lastHeardMs;
  }

  attach(link: Link): void {
    this.#link = link;
    this.#meter.restart();
    this.#pong = undefined;
    this.#ping();
    this.#pings = setInterval(() => this.#ping(), LIMITS.peerPingMs);
  }

  detach(): void {
    this.#link = undefined;
    clearInterval(this.#pings);
  }

  receive(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame === undefined) {
      this.#dropped.add('unknown-frame');
      if (!this.#warned) this.#logger.warn('the other side is not in UDP mode: give both the same');
      this.#warned = true;
      return;
    }
    this.#lastHeardMs = this.#clock.monotonic();
    this.#meter.add(frame.sequence);
    if (frame.type === 'data') this.#toApplication(frame.payload);
    else if (frame.type === 'ping') this.#answer(frame.stamp);
    else this.#onPong(frame);
  }

  interrupt(): number {
    return 0;
  }

  traffic(): Traffic {
    const { expected, received } = this.#meter;
    return {
      ...this.#sums,
      rttMs: this.#roundTrip.smoothedMs,
      expectedIn: expected,
      receivedIn: received,
      dropped: this.#dropped.all,
    };
  }

  async close(): Promise<void> {
    this.detach();
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  #fromApplication(payload: Uint8Array): void {
    const link = this.#link;
    if (link === undefined) return this.#dropped.add('no-path');
    if (payload.length + FRAME_HEADER_BYTES > link.payloadBytesMax) {
      return this.#dropped.add('oversized');
    }
    this.#sums.bytesOut += payload.length;
    link.send(encodeFrame({ type: 'data', sequence: this.#nextSequence(), payload }));
  }

  #toApplication(payload: Uint8Array): void {
    this.#sums.bytesIn += payload.length;
    const onSent = (error: Error | null) => {
      if (error !== null) this.#dropped.add('application-refused');
    };
    if (this.#forward) this.#socket.send(payload, onSent);
    else if (this.#application === undefined) this.#dropped.add('application-unknown');
    else this.#socket.send(payload, this.#application.port, this.#application.address, onSent);
  }

  #ping(): void {
    const stamp = stampOf(this.#clock.monotonic());
    this.#link?.send(encodeFrame({ type: 'ping', sequence: this.#nextSequence(), stamp }));
  }

  #answer(stamp: number): void {
    this.#link?.send(
      encodeFrame({
        type: 'pong',
        sequence: this.#nextSequence(),
        stamp,
        expected: this.#meter.expected % 2 ** 32,
        received: this.#meter.received % 2 ** 32,
      }),
    );
  }

  #onPong({ stamp, expected, received }: DatagramFrame & { type: 'pong' }): void {
    const nowStamp = stampOf(this.#clock.monotonic());
    this.#roundTrip.add(Math.max(0, stampDifferenceMs(nowStamp, stamp)));
    if (this.#pong !== undefined) {
      // Pongs may overtake each other: an older one brings nothing.
      if (((expected - this.#pong.expected) | 0) <= 0) return;
      this.#sums.expectedOut += (expected - this.#pong.expected) >>> 0;
      this.#sums.receivedOut += (received - this.#pong.received) >>> 0;
    }
    this.#pong = { expected, received };
  }

  #nextSequence(): number {
    this.#sequence = (this.#sequence + 1) % 2 ** 32;
    return this.#sequence;
  }
}
