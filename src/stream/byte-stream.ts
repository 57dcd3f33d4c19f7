import type { Clock } from '../clock.js';
import {
  decodeStreamMessage,
  encodeStreamMessage,
  SEGMENT_HEADER_BYTES,
  type StreamMessage,
} from './message.js';
import { ReceiveWindow, type SegmentVerdict } from './receive-window.js';
import { SendWindow } from './send-window.js';

/** Unsent bytes from which on no more should be written. */
export const QUEUE_BYTES_MAX = 262_144;

/** Result of a received message. */
export type StreamVerdict = SegmentVerdict | 'control' | 'malformed';

export interface ByteStreamOptions {
  readonly clock: Clock;
  /** Maximum message of the path, bytes. */
  readonly messageBytesMax: number;
  /** Sends one message over the path, which may lose, repeat and reorder it. */
  readonly transmit: (message: Uint8Array) => void;
}

/**
 * Reliable, ordered bytes in both directions over a path that loses, repeats and reorders messages
 * (docs/stream.md). It has no timer: call `poll` after each change and at `deadlineMs`. It outlives
 * the path: after `attach` on a new one it continues from the state of both sides, so no byte is
 * lost or duplicated.
 */
export class ByteStream {
  readonly #options: ByteStreamOptions;
  readonly #sending: SendWindow;
  readonly #receiving: ReceiveWindow;
  #attached = false;
  #saidComplete = false;
  #otherComplete = false;
  #resetByOther = false;

  constructor(options: ByteStreamOptions) {
    this.#options = options;
    this.#sending = new SendWindow({
      clock: options.clock,
      segmentBytesMax: options.messageBytesMax - SEGMENT_HEADER_BYTES,
    });
    this.#receiving = new ReceiveWindow(options.clock);
  }

  /** Whether more bytes should be written now. */
  get writable(): boolean {
    return this.#sending.queuedBytes < QUEUE_BYTES_MAX;
  }

  /** Number of written bytes that were never sent. */
  get queuedBytes(): number {
    return this.#sending.queuedBytes;
  }

  /** Whether the other side's stream has ended and was read completely. */
  get inputEnded(): boolean {
    return this.#receiving.finished;
  }

  /** Whether both directions have ended and everything has arrived. */
  get complete(): boolean {
    return this.#receiving.finished && this.#sending.finished;
  }

  /** Whether the other side has reported that it is complete. */
  get otherComplete(): boolean {
    return this.#otherComplete;
  }

  /** Whether the other side has reset the stream. */
  get resetByOther(): boolean {
    return this.#resetByOther;
  }

  /**
   * Whether anything was transferred: then a stream that starts at the other side is another one.
   */
  get begun(): boolean {
    return this.#sending.acknowledged > 0 || this.#receiving.next > 0;
  }

  /** Smoothed round trip of segments, ms; undefined before a sample. */
  get rttMs(): number | undefined {
    return this.#sending.roundTrip.smoothedMs;
  }

  /** Number of segments sent, copies included, and of those counted as lost. */
  get counts(): { readonly sent: number; readonly lost: number } {
    return this.#sending.counts;
  }

  write(bytes: Uint8Array): void {
    this.#sending.write(bytes);
  }

  /** Marks the end of the written bytes. */
  end(): void {
    this.#sending.end();
  }

  /** Returns the next bytes in order; undefined if there are none now. */
  read(): Uint8Array | undefined {
    return this.#receiving.read();
  }

  /** Notes a usable path: the first one, or a new one after `detach`. */
  attach(): void {
    this.#attached = true;
    this.#sending.restart();
    this.#receiving.requestAck();
  }

  /** Notes the end of the path; unacknowledged segments are sent again on the next one. */
  detach(): void {
    this.#attached = false;
  }

  /** Takes a message of the path. Its payload is kept, so the buffer must not be reused. */
  receive(bytes: Uint8Array): StreamVerdict {
    const message = decodeStreamMessage(bytes);
    switch (message?.type) {
      case undefined:
        return 'malformed';
      case 'segment':
        return this.#receiving.accept(message);
      case 'ack':
        this.#sending.onAck(message);
        this.#otherComplete ||= message.complete;
        return 'control';
      case 'probe':
        this.#receiving.requestAck();
        return 'control';
      case 'reset':
        this.#resetByOther = true;
        return 'control';
    }
  }

  /** Sends a Probe, to check whether the path works. */
  sendProbe(): void {
    this.#transmit({ type: 'probe' });
  }

  /** Sends a Reset, because this side has failed. */
  sendReset(): void {
    this.#transmit({ type: 'reset' });
  }

  /** Sends all messages that are due and allowed. */
  poll(): void {
    if (!this.#attached) return;
    const nowMs = this.#options.clock.monotonic();
    const sendDueMs = this.#sending.deadlineMs;
    if (sendDueMs !== undefined && sendDueMs <= nowMs) this.#sending.onDeadline();
    for (;;) {
      const message = this.#sending.next();
      if (message === undefined) break;
      this.#transmit(message);
    }
    // The other side ends only when it knows that this side is complete.
    if (this.complete && !this.#saidComplete) this.#receiving.requestAck();
    const ackDueMs = this.#receiving.ackDueMs;
    if (ackDueMs !== undefined && ackDueMs <= nowMs) this.acknowledge();
  }

  /** Sends an Ack now. */
  acknowledge(): void {
    this.#saidComplete = this.complete;
    this.#transmit(this.#receiving.takeAck(this.complete));
  }

  /** When to call `poll` next, monotonic ms; undefined if nothing is due. */
  get deadlineMs(): number | undefined {
    if (!this.#attached) return undefined;
    const deadlines = [this.#sending.deadlineMs, this.#receiving.ackDueMs];
    const earliest = Math.min(...deadlines.map((ms) => ms ?? Number.POSITIVE_INFINITY));
    return Number.isFinite(earliest) ? earliest : undefined;
  }

  #transmit(message: StreamMessage): void {
    if (this.#attached) this.#options.transmit(encodeStreamMessage(message));
  }
}
