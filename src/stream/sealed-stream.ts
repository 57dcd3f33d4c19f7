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

/** Silence after which a path is probed. */
export const PROBE_QUIET_MS = 4 * PING_MS;

/** Hellos of another key, without any of ours, that indicate different room keys. */
export const BAD_HELLOS_MAX = 8;

export interface SealedStreamOptions {
  /** The secret of both sides, 32 bytes. */
  readonly roomKey: Uint8Array;
  /** Maximum datagram of a path, bytes. */
  readonly payloadBytesMax: number;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /**
   * Returns whether a datagram belongs to a UDP tunnel: then the two sides have different commands.
   */
  readonly isUdpTunnel: (datagram: Uint8Array) => boolean;
  /** Called when the stream has failed. */
  readonly onFailed: (error: Error) => void;
}

/**
 * An encrypted byte stream in both directions that outlives its connections: each connection has a
 * sealed channel with keys of its own (docs/stream.md). It has no timer but that of a configuration
 * error: call `poll` after each change and at `deadlineMs`, and `tick` every `PING_MS`.
 */
export class SealedStream {
  /** The byte stream to write to and read from. */
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

  /** Monotonic ms of the last authentic message; -Infinity before the first. */
  get lastHeardMs(): number {
    return this.#lastHeardMs;
  }

  /** When to call `poll` next, monotonic ms; undefined if nothing is due. */
  get deadlineMs(): number | undefined {
    if (this.#channel === undefined) return undefined;
    const deadlinesMs = [this.#channel.deadlineMs, this.bytes.deadlineMs];
    const nextMs = Math.min(...deadlinesMs.map((ms) => ms ?? Number.POSITIVE_INFINITY));
    return Number.isFinite(nextMs) ? nextMs : undefined;
  }

  /** Notes an established connection. */
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

  /** Notes the end of the connection. */
  detach(): void {
    this.bytes.detach();
    this.#channel = undefined;
  }

  receive(datagram: Uint8Array): void {
    const verdict = this.#channel?.receive(datagram);
    if (verdict !== undefined) this.#take(verdict, datagram);
  }

  /** Sends all messages that are due and allowed. */
  poll(): void {
    this.#channel?.poll();
    this.bytes.poll();
  }

  /** Probes a silent path. To be called every `PING_MS`. */
  tick(): void {
    const quietMs = this.#options.clock.monotonic() - this.#lastHeardMs;
    if (quietMs >= PROBE_QUIET_MS) this.bytes.sendProbe();
  }

  /** Cancels the timer. */
  close(): void {
    this.#mistake.cancel();
  }

  /** Returns the traffic over all paths, without the bytes written and read. */
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

  /** Continues the stream if the other side's stream is still the same, else fails. */
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

  /** Payloads of a UDP tunnel, without a hello of a stream, show that the commands differ. */
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
