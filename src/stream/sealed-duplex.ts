import { Duplex, type Writable } from 'node:stream';
import { TurnpikeError } from '../errors.js';
import { type Path, PING_MS, type Traffic } from './path.js';
import { SealedStream, type SealedStreamOptions } from './sealed-stream.js';

/** A finished stream waits this long for the other side to know. */
export const STREAM_LINGER_MS = 2_000;

export type SealedDuplexOptions = Omit<SealedStreamOptions, 'onFailed'>;

type Callback = (error?: Error | null) => void;

/**
 * A sealed stream as a Node stream, with the timers that it needs. It emits `finish` when both
 * directions have ended and the other side knows, or has been silent for `STREAM_LINGER_MS`. It
 * fails with ERR_TURNPIKE_CLOSED when the other side resets the stream, and with the errors of
 * `SealedStream`.
 */
export class SealedDuplex extends Duplex {
  readonly #options: SealedDuplexOptions;
  readonly #stream: SealedStream;
  readonly #tick: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  /** Whether the reader takes more. */
  #wanted = false;
  #written: Callback | undefined;
  #finished: Callback | undefined;
  #completeSinceMs: number | undefined;
  #sums = { bytesIn: 0, bytesOut: 0 };

  constructor(options: SealedDuplexOptions) {
    super();
    this.#options = options;
    this.#stream = new SealedStream({ ...options, onFailed: (error) => this.destroy(error) });
    this.#tick = setInterval(() => this.#onTick(), PING_MS);
  }

  /**
   * Whether both directions have ended and everything has arrived. The other side may leave then,
   * although this stream's reader has not read all.
   */
  get complete(): boolean {
    return this.#stream.bytes.complete;
  }

  /** Monotonic ms of the last authentic message; -Infinity before the first. */
  get lastHeardMs(): number {
    return this.#stream.lastHeardMs;
  }

  /** Notes an established connection. */
  attach(path: Path): void {
    this.#stream.attach(path);
    this.#advance();
  }

  /** Notes the end of the connection. */
  detach(): void {
    this.#stream.detach();
    clearTimeout(this.#timer);
    // The other side leaves when it has everything.
    if (this.complete) this.#finish();
  }

  /** Takes a datagram of the connection. */
  receive(datagram: Uint8Array): void {
    this.#stream.receive(datagram);
    this.#advance();
  }

  /** Tells the other side that this side fails. */
  sendReset(): void {
    this.#stream.bytes.sendReset();
  }

  /** Returns the traffic over all connections. */
  traffic(): Traffic {
    return { ...this.#stream.traffic(), ...this.#sums };
  }

  /**
   * Stops a pipe to an output and writes all that has arrived to it, whether it takes more or not.
   * To be called once the stream is complete: the other side counts those bytes as taken.
   */
  writeRestTo(output: Writable): void {
    this.unpipe(output);
    for (let chunk = this.read(); chunk !== null; chunk = this.read()) output.write(chunk);
  }

  override _read(): void {
    this.#wanted = true;
    this.#advance();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, written: Callback): void {
    this.#sums.bytesOut += chunk.length;
    this.#stream.bytes.write(chunk);
    this.#written = written;
    this.#advance();
  }

  override _final(finished: Callback): void {
    this.#finished = finished;
    this.#stream.bytes.end();
    this.#advance();
  }

  override _destroy(error: Error | null, destroyed: Callback): void {
    clearInterval(this.#tick);
    clearTimeout(this.#timer);
    this.#stream.close();
    destroyed(error);
  }

  /** Does everything that the last change made possible, and sets the timer for the rest. */
  #advance(): void {
    // A message that was under way at the end must not start the timer again.
    if (this.destroyed) return;
    this.#pushInput();
    this.#stream.poll();
    if (this.#stream.bytes.writable) this.#takeWritten();
    this.#checkEnd();
    clearTimeout(this.#timer);
    const { deadlineMs } = this.#stream;
    if (this.destroyed || deadlineMs === undefined) return;
    const waitMs = Math.max(0, deadlineMs - this.#options.clock.monotonic());
    this.#timer = setTimeout(() => this.#advance(), waitMs);
  }

  #pushInput(): void {
    const { bytes } = this.#stream;
    while (this.#wanted) {
      const chunk = bytes.read();
      if (chunk === undefined) break;
      this.#sums.bytesIn += chunk.length;
      this.#wanted = this.push(chunk);
    }
    if (bytes.inputEnded && !this.readableEnded) this.push(null);
  }

  #takeWritten(): void {
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }

  #checkEnd(): void {
    const { bytes } = this.#stream;
    if (bytes.resetByOther) {
      const text = 'the other side was interrupted or failed';
      this.destroy(new TurnpikeError('ERR_TURNPIKE_CLOSED', text));
    } else if (bytes.complete) {
      this.#completeSinceMs ??= this.#options.clock.monotonic();
      if (bytes.otherComplete) this.#finish();
    }
  }

  #finish(): void {
    const finished = this.#finished;
    this.#finished = undefined;
    finished?.();
  }

  /**
   * Once complete, finishes when the other side has been silent for a while: until then it may
   * repeat what it thinks lost. Before, probes a silent path.
   */
  #onTick(): void {
    if (this.#completeSinceMs === undefined) return this.#stream.tick();
    const quietSinceMs = Math.max(this.#completeSinceMs, this.lastHeardMs);
    const quietMs = this.#options.clock.monotonic() - quietSinceMs;
    if (quietMs >= STREAM_LINGER_MS) this.#finish();
  }
}
