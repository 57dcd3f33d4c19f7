import type { Clock } from '../clock.js';
import { TurnpikeError } from '../errors.js';
import type { RandomBytes } from '../random.js';
import { ByteStream } from './byte-stream.js';
import { LossMeter } from './loss-meter.js';
import {
  DropCounts,
  FOREIGN_FRAMES_MAX,
  LingeringMistake,
  type Path,
  PING_MS,
  type Traffic,
} from './path.js';
import { CHANNEL_OVERHEAD_BYTES, type ChannelVerdict, SealedChannel } from './sealed-channel.js';

/** A path on which nothing was heard for this long is probed. */
export const PROBE_QUIET_MS = 4 * PING_MS;

/** Hellos of another key, and none of ours, that show that the keys differ. */
export const BAD_HELLOS_MAX = 8;

export interface SealedStreamOptions {
  /** 32 bytes that both sides were given. */
  readonly roomKey: Uint8Array;
  /** The longest datagram that a path carries. */
  readonly payloadBytesMax: number;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Whether a datagram is of a UDP tunnel, so that the two sides were given different commands. */
  readonly isUdpTunnel: (datagram: Uint8Array) => boolean;
  /** The stream cannot go on. */
  readonly onFailed: (error: Error) => void;
}

/**
 * A byte stream in both directions, sealed, that outlives the connections that carry it: each
 * connection has a sealed channel with keys of its own (docs/stream.md). It owns no timer but that
 * of a mistake: call `poll` after each change and when `deadlineMs` is reached, and `tick` every
 * `PING_MS`.
 */
export class SealedStream {
  /** What is written and read. */
  readonly bytes: ByteStream;
  readonly #options: SealedStreamOptions;
  readonly #streamId: Uint8Array;
  readonly #dropped = new DropCounts();
  readonly #meter = new LossMeter();
  readonly #mistake: LingeringMistake;
  #channel: SealedChannel | undefined;
  #otherStreamId: Uint8Array | undefined;
  #badHellos = 0;
  #foreign = 0;
  #lastHeardMs = Number.NEGATIVE_INFINITY;

  constructor(options: SealedStreamOptions) {
    this.#options = options;
    this.#streamId = options.random(16);
    this.#mistake = new LingeringMistake(options.onFailed);
    this.bytes = new ByteStream({
      clock: options.clock,
      messageBytesMax: options.payloadBytesMax - CHANNEL_OVERHEAD_BYTES,
      transmit: (message) => this.#channel?.send(message),
    });
  }

  /** Monotonic ms at which anything genuine was last heard; -Infinity before. */
  get lastHeardMs(): number {
    return this.#lastHeardMs;
  }

  /** When `poll` should be called next, monotonic ms; undefined without a connection. */
  get deadlineMs(): number | undefined {
    if (this.#channel === undefined) return undefined;
    const deadlinesMs = [this.#channel.deadlineMs, this.bytes.deadlineMs];
    const nextMs = Math.min(...deadlinesMs.map((ms) => ms ?? Number.POSITIVE_INFINITY));
    return Number.isFinite(nextMs) ? nextMs : undefined;
  }

  /** A connection is there. */
  attach(path: Path): void {
    const { roomKey, clock, random } = this.#options;
    this.#badHellos = 0;
    this.#foreign = 0;
    this.#meter.restart();
    this.#channel = new SealedChannel({
      roomKey,
      connectionId: path.connectionId,
      role: path.role,
      streamId: this.#streamId,
      clock,
      random,
      transmit: (datagram) => path.send(datagram),
    });
  }

  /** It is gone. */
  detach(): void {
    this.bytes.detach();
    this.#channel = undefined;
  }

  receive(datagram: Uint8Array): void {
    const verdict = this.#channel?.receive(datagram);
    if (verdict !== undefined) this.#take(verdict, datagram);
  }

  /** Sends everything that may and must go now. */
  poll(): void {
    this.#channel?.poll();
    this.bytes.poll();
  }

  /** Probes a quiet path, to learn whether it lives. */
  tick(): void {
    const quietMs = this.#options.clock.monotonic() - this.#lastHeardMs;
    if (quietMs >= PROBE_QUIET_MS) this.bytes.sendProbe();
  }

  /** Ends what waits. */
  close(): void {
    this.#mistake.cancel();
  }

  /** What has gone over the paths, but for the bytes that were written and read. */
  traffic(): Omit<Traffic, 'bytesIn' | 'bytesOut'> {
    const { sent, lost } = this.bytes.counts;
    const { expected, received } = this.#meter;
    return {
      rttMs: this.bytes.rttMs,
      expectedIn: expected,
      receivedIn: received,
      expectedOut: sent,
      receivedOut: sent - lost,
      dropped: this.#dropped.all,
    };
  }

  #take(verdict: ChannelVerdict, datagram: Uint8Array): void {
    switch (verdict.type) {
      case 'plain':
        this.#heard();
        this.#meter.add(verdict.counter % 2 ** 32);
        if (this.bytes.receive(verdict.message) === 'malformed') this.#dropped.add('malformed');
        return;
      case 'hello':
        return this.#heard();
      case 'keyed':
        this.#heard();
        return this.#onKeyed();
      case 'bad-hello':
        return this.#onBadHello();
      case 'foreign':
        return this.#onForeign(datagram);
      default:
        this.#dropped.add(verdict.type);
    }
  }

  #heard(): void {
    this.#lastHeardMs = this.#options.clock.monotonic();
  }

  /** Decides whether the stream goes on with whoever is at the other end now. */
  #onKeyed(): void {
    const other = this.#channel?.otherStreamId ?? new Uint8Array();
    const before = this.#otherStreamId;
    this.#otherStreamId = other;
    this.bytes.attach();
    if (before === undefined || Buffer.compare(before, other) === 0) return;
    if (!this.bytes.begun) return;
    this.bytes.sendReset();
    this.#options.onFailed(
      new TurnpikeError(
        'ERR_TURNPIKE_CLOSED',
        'the other side was started anew in the middle of the stream: bytes are missing',
      ),
    );
  }

  #onBadHello(): void {
    this.#dropped.add('bad-hello');
    this.#badHellos++;
    if (this.#badHellos < BAD_HELLOS_MAX || this.#channel?.keyed === true) return;
    this.#mistake.note(
      new TurnpikeError(
        'ERR_TURNPIKE_CREDENTIAL',
        'the other side uses another room key: give both the same --room-key-file',
      ),
    );
  }

  /** Payloads of a UDP tunnel, and no hello of a stream, show that the commands differ. */
  #onForeign(datagram: Uint8Array): void {
    this.#dropped.add('foreign');
    if (!this.#options.isUdpTunnel(datagram) || this.#channel?.keyed === true) return;
    if (++this.#foreign < FOREIGN_FRAMES_MAX) return;
    this.#mistake.note(
      new TurnpikeError(
        'ERR_TURNPIKE_CONFIG',
        'the other side carries UDP, this one a byte stream: give both --udp-listen or ' +
          '--udp-forward, or neither',
      ),
    );
  }
}
