import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { TurnpikeError } from '../../errors.js';
import { LIMITS } from '../../limits.js';
import type { RandomBytes } from '../../random.js';
import { ByteStream } from '../../stream/byte-stream.js';
import { CHANNEL_OVERHEAD_BYTES, SealedChannel } from '../../stream/sealed-channel.js';
import { EXIT, SIGNAL_EXIT } from '../exit-codes.js';
import { LossMeter } from './loss-meter.js';
import {
  Counts,
  FOREIGN_FRAMES_MAX,
  type Link,
  MISTAKE_LINGER_MS,
  type PeerMode,
  PING_MS,
  type Traffic,
} from './peer-mode.js';
import type { StandardStreams } from './standard-streams.js';
import { isUdpFrame } from './udp-frame.js';

/** A finished stream waits this long for the other side to know. */
export const STREAM_LINGER_MS = 2_000;

/** Quiet after which the path is probed. */
const QUIET_MS = 4 * PING_MS;

/** Hellos of another key, and none of ours, that show that the keys differ. */
const BAD_HELLOS_MAX = 8;

export interface StreamModeOptions {
  readonly streams: StandardStreams;
  /** 32 bytes that both sides were given. */
  readonly roomKey: Uint8Array;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly logger: Logger;
}

/**
 * Stdin/stdout mode of `turnpike peer`: bytes in order, sealed, both ways. The byte stream outlives
 * connections; every connection gets a sealed channel with keys of its own.
 */
export class StreamMode implements PeerMode {
  readonly finished: Promise<number>;
  readonly #options: StreamModeOptions;
  readonly #stream: ByteStream;
  readonly #streamId: Uint8Array;
  readonly #dropped = new Counts();
  readonly #meter = new LossMeter();
  readonly #tick: NodeJS.Timeout;
  #resolve: (exitCode: number) => void = () => {};
  #reject: (error: Error) => void = () => {};
  #channel: SealedChannel | undefined;
  #otherStreamId: Uint8Array | undefined;
  #timer: NodeJS.Timeout | undefined;
  #badHellos = 0;
  #foreign = 0;
  #failing: NodeJS.Timeout | undefined;
  #lastHeardMs = Number.NEGATIVE_INFINITY;
  #completeSinceMs: number | undefined;
  #sums = { bytesIn: 0, bytesOut: 0 };
  #closed = false;

  constructor(options: StreamModeOptions) {
    this.#options = options;
    this.#streamId = options.random(16);
    this.#stream = new ByteStream({
      clock: options.clock,
      messageBytesMax: LIMITS.payloadBytesRecommended - CHANNEL_OVERHEAD_BYTES,
      transmit: (message) => this.#channel?.send(message),
    });
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.finished.catch(() => {});
    this.#tick = setInterval(() => this.#onTick(), PING_MS);
    options.streams.start({
      onInput: (bytes) => this.#onInput(bytes),
      onInputEnd: () => {
        this.#stream.end();
        this.#advance();
      },
      onWritable: () => this.#advance(),
      onFailure: (error) => {
        this.#stream.sendReset();
        this.#reject(error);
      },
    });
  }

  get lastHeardMs(): number {
    return this.#lastHeardMs;
  }

  attach(link: Link): void {
    const { roomKey, clock, random } = this.#options;
    this.#badHellos = 0;
    this.#foreign = 0;
    this.#meter.restart();
    this.#channel = new SealedChannel({
      roomKey,
      connectionId: link.connectionId,
      role: link.role,
      streamId: this.#streamId,
      clock,
      random,
      transmit: (datagram) => link.send(datagram),
    });
    this.#advance();
  }

  detach(): void {
    this.#stream.detach();
    this.#channel = undefined;
    clearTimeout(this.#timer);
    // The other side left when it had everything; so have we.
    if (this.#stream.complete) this.#resolve(EXIT.ok);
  }

  receive(datagram: Uint8Array): void {
    const verdict = this.#channel?.receive(datagram);
    if (verdict === undefined) return;
    switch (verdict.type) {
      case 'plain':
        this.#heard();
        this.#meter.add(verdict.counter % 2 ** 32);
        if (this.#stream.receive(verdict.message) === 'malformed') this.#dropped.add('malformed');
        break;
      case 'hello':
        this.#heard();
        break;
      case 'keyed':
        this.#heard();
        this.#onKeyed();
        break;
      case 'bad-hello':
        this.#onBadHello();
        break;
      case 'foreign':
        this.#onForeign(datagram);
        break;
      default:
        this.#dropped.add(verdict.type);
    }
    this.#advance();
  }

  interrupt(signal: string): number {
    if (this.#stream.complete) return EXIT.ok;
    this.#stream.sendReset();
    return SIGNAL_EXIT[signal] ?? EXIT.failed;
  }

  traffic(): Traffic {
    const { sent, lost } = this.#stream.counts;
    const { expected, received } = this.#meter;
    return {
      ...this.#sums,
      rttMs: this.#stream.rttMs,
      expectedIn: expected,
      receivedIn: received,
      expectedOut: sent,
      receivedOut: sent - lost,
      dropped: this.#dropped.all,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#tick);
    clearTimeout(this.#timer);
    clearTimeout(this.#failing);
    this.#options.streams.stop();
  }

  #heard(): void {
    this.#lastHeardMs = this.#options.clock.monotonic();
  }

  #onInput(bytes: Uint8Array): void {
    this.#sums.bytesOut += bytes.length;
    this.#stream.write(bytes);
    this.#advance();
  }

  /** Decides whether the stream goes on with whoever is at the other end now. */
  #onKeyed(): void {
    const other = this.#channel?.otherStreamId ?? new Uint8Array();
    const before = this.#otherStreamId;
    this.#otherStreamId = other;
    this.#stream.attach();
    if (before === undefined || Buffer.compare(before, other) === 0) return;
    if (!this.#stream.begun) return;
    this.#stream.sendReset();
    this.#reject(
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
    this.#mistaken(
      new TurnpikeError(
        'ERR_TURNPIKE_CREDENTIAL',
        'the other side uses another room key: give both the same --room-key-file',
      ),
    );
  }

  /** Payloads of UDP mode, and no hello of ours, show that the two sides are of two modes. */
  #onForeign(datagram: Uint8Array): void {
    this.#dropped.add('foreign');
    if (!isUdpFrame(datagram) || this.#channel?.keyed === true) return;
    if (++this.#foreign < FOREIGN_FRAMES_MAX) return;
    this.#mistaken(
      new TurnpikeError(
        'ERR_TURNPIKE_CONFIG',
        'the other side carries UDP, this one a byte stream: give both --udp-listen or ' +
          '--udp-forward, or neither',
      ),
    );
  }

  /** Ends the command, but not before the other side has learnt the same from our hellos. */
  #mistaken(error: TurnpikeError): void {
    this.#failing ??= setTimeout(() => this.#reject(error), MISTAKE_LINGER_MS);
  }

  /** Does everything that the last change made possible, and sets the clock for the rest. */
  #advance(): void {
    // A message that was under way at the close must not start the clock again.
    if (this.#closed) return;
    const { streams, clock } = this.#options;
    while (streams.writable) {
      const bytes = this.#stream.read();
      if (bytes === undefined) break;
      this.#sums.bytesIn += bytes.length;
      streams.write(bytes);
    }
    this.#channel?.poll();
    this.#stream.poll();
    if (this.#stream.inputEnded && streams.onlyReceives) this.#endInput();
    streams.setReading(this.#stream.writable);
    this.#checkEnd();
    clearTimeout(this.#timer);
    const deadlinesMs = [this.#channel?.deadlineMs, this.#stream.deadlineMs];
    const nextMs = Math.min(...deadlinesMs.map((ms) => ms ?? Number.POSITIVE_INFINITY));
    if (this.#channel === undefined || !Number.isFinite(nextMs)) return;
    this.#timer = setTimeout(() => this.#advance(), Math.max(0, nextMs - clock.monotonic()));
  }

  /** Nobody types into a terminal whose output goes to a file: the end of one is both's. */
  #endInput(): void {
    this.#stream.end();
    this.#stream.poll();
  }

  #checkEnd(): void {
    if (this.#stream.resetByOther) {
      this.#reject(
        new TurnpikeError('ERR_TURNPIKE_CLOSED', 'the other side was interrupted or failed'),
      );
    } else if (this.#stream.complete) {
      this.#completeSinceMs ??= this.#options.clock.monotonic();
      if (this.#stream.otherComplete) this.#resolve(EXIT.ok);
    }
  }

  /**
   * Keeps a quiet path known to be alive; and once complete, leaves when the other side, which may
   * still be repeating what it thinks lost, has been quiet for a while.
   */
  #onTick(): void {
    const nowMs = this.#options.clock.monotonic();
    if (this.#completeSinceMs !== undefined) {
      const quietSinceMs = Math.max(this.#completeSinceMs, this.#lastHeardMs);
      if (nowMs - quietSinceMs >= STREAM_LINGER_MS) this.#resolve(EXIT.ok);
    } else if (nowMs - this.#lastHeardMs >= QUIET_MS) {
      this.#stream.sendProbe();
    }
  }
}
