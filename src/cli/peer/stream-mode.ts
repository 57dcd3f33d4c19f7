import type { Clock } from '../../clock.js';
import { TurnpikeError } from '../../errors.js';
import type { RandomBytes } from '../../random.js';
import { PING_MS, type Traffic } from '../../stream/path.js';
import { SealedStream } from '../../stream/sealed-stream.js';
import { PAYLOAD_BYTES_RECOMMENDED } from '../../stun/channel-data.js';
import { isUdpFrame } from '../../udp-tunnel/frame.js';
import { EXIT, SIGNAL_EXIT } from '../exit-codes.js';
import type { Link, PeerMode } from './peer-mode.js';
import type { StandardStreams } from './standard-streams.js';

/** A finished stream waits this long for the other side to know. */
export const STREAM_LINGER_MS = 2_000;

export interface StreamModeOptions {
  readonly streams: StandardStreams;
  /** 32 bytes that both sides were given. */
  readonly roomKey: Uint8Array;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/** `turnpike peer` without `--udp-…`: a sealed stream between standard input and output. */
export class StreamMode implements PeerMode {
  readonly finished: Promise<number>;
  readonly #streams: StandardStreams;
  readonly #clock: Clock;
  readonly #stream: SealedStream;
  readonly #tick: NodeJS.Timeout;
  #resolve: (exitCode: number) => void = () => {};
  #reject: (error: Error) => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #completeSinceMs: number | undefined;
  #sums = { bytesIn: 0, bytesOut: 0 };
  #closed = false;

  constructor({ streams, roomKey, clock, random }: StreamModeOptions) {
    this.#streams = streams;
    this.#clock = clock;
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.finished.catch(() => {});
    this.#stream = new SealedStream({
      ...{ roomKey, clock, random },
      payloadBytesMax: PAYLOAD_BYTES_RECOMMENDED,
      isUdpTunnel: isUdpFrame,
      onFailed: (error) => this.#reject(error),
    });
    this.#tick = setInterval(() => this.#onTick(), PING_MS);
    streams.start({
      onInput: (bytes) => {
        this.#sums.bytesOut += bytes.length;
        this.#stream.bytes.write(bytes);
        this.#advance();
      },
      onInputEnd: () => {
        this.#stream.bytes.end();
        this.#advance();
      },
      onWritable: () => this.#advance(),
      onFailure: (error) => {
        this.#stream.bytes.sendReset();
        this.#reject(error);
      },
    });
  }

  get lastHeardMs(): number {
    return this.#stream.lastHeardMs;
  }

  attach(link: Link): void {
    this.#stream.attach(link);
    this.#advance();
  }

  detach(): void {
    this.#stream.detach();
    clearTimeout(this.#timer);
    // The other side left when it had everything; so have we.
    if (this.#stream.bytes.complete) this.#resolve(EXIT.ok);
  }

  receive(datagram: Uint8Array): void {
    this.#stream.receive(datagram);
    this.#advance();
  }

  interrupt(signal: string): number {
    if (this.#stream.bytes.complete) return EXIT.ok;
    this.#stream.bytes.sendReset();
    return SIGNAL_EXIT[signal] ?? EXIT.failed;
  }

  traffic(): Traffic {
    return { ...this.#stream.traffic(), ...this.#sums };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#tick);
    clearTimeout(this.#timer);
    this.#stream.close();
    this.#streams.stop();
  }

  /** Does everything that the last change made possible, and sets the timer for the rest. */
  #advance(): void {
    // A message that was under way at the close must not start the timer again.
    if (this.#closed) return;
    const { bytes } = this.#stream;
    while (this.#streams.writable) {
      const chunk = bytes.read();
      if (chunk === undefined) break;
      this.#sums.bytesIn += chunk.length;
      this.#streams.write(chunk);
    }
    this.#stream.poll();
    // Nobody types into a terminal whose output goes to a file: the end of one is both's.
    if (bytes.inputEnded && this.#streams.onlyReceives) {
      bytes.end();
      bytes.poll();
    }
    this.#streams.setReading(bytes.writable);
    this.#checkEnd();
    clearTimeout(this.#timer);
    const { deadlineMs } = this.#stream;
    if (deadlineMs === undefined) return;
    const waitMs = Math.max(0, deadlineMs - this.#clock.monotonic());
    this.#timer = setTimeout(() => this.#advance(), waitMs);
  }

  #checkEnd(): void {
    const { bytes } = this.#stream;
    if (bytes.resetByOther) {
      const text = 'the other side was interrupted or failed';
      this.#reject(new TurnpikeError('ERR_TURNPIKE_CLOSED', text));
    } else if (bytes.complete) {
      this.#completeSinceMs ??= this.#clock.monotonic();
      if (bytes.otherComplete) this.#resolve(EXIT.ok);
    }
  }

  /**
   * Once complete, leaves when the other side, which may still be repeating what it thinks lost,
   * has been quiet for a while; before, keeps a quiet path known to be alive.
   */
  #onTick(): void {
    if (this.#completeSinceMs === undefined) return this.#stream.tick();
    const quietSinceMs = Math.max(this.#completeSinceMs, this.lastHeardMs);
    if (this.#clock.monotonic() - quietSinceMs >= STREAM_LINGER_MS) this.#resolve(EXIT.ok);
  }
}
