import type { Clock } from '../clock.js';
import {
  decodeStreamMessage,
  encodeStreamMessage,
  SEGMENT_HEADER_BYTES,
  type StreamMessage,
} from './message.js';
import { ReceiveWindow, type SegmentVerdict } from './receive-window.js';
import { SendWindow } from './send-window.js';

/** Bytes written and not yet sent, from which on no more should be written. */
export const QUEUE_BYTES_MAX = 262_144;

/** What became of a received message. */
export type StreamVerdict = SegmentVerdict | 'control' | 'malformed';

export interface ByteStreamOptions {
  readonly clock: Clock;
  /** Largest message the path carries. */
  readonly messageBytesMax: number;
  /** Hands one message to the path, which may lose, repeat and reorder it. */
  readonly transmit: (message: Uint8Array) => void;
}

/**
 * Bytes in order in both directions over a path that loses, repeats and reorders messages: what
 * `turnpike peer` puts between standard input and output. It owns no timer: call `poll` after each
 * change and when `deadlineMs` is reached. It outlives the path: after `attach` on a new one it
 * goes on where both sides stand, so no byte is lost or doubled.
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

  /** Bytes written that were never sent. */
  get queuedBytes(): number {
    return this.#sending.queuedBytes;
  }

  /** The other side's stream has ended and all of it was read. */
  get inputEnded(): boolean {
    return this.#receiving.finished;
  }

  /** Both directions have ended and everything has arrived. */
  get complete(): boolean {
    return this.#receiving.finished && this.#sending.finished;
  }

  /** The other side said that it is complete too: it needs nothing more from us. */
  get otherComplete(): boolean {
    return this.#otherComplete;
  }

  /** The other side gave the stream up. */
  get resetByOther(): boolean {
    return this.#resetByOther;
  }

  /** Anything has gone across: a stream that begins anew at the other side cannot be this one. */
  get begun(): boolean {
    return this.#sending.acknowledged > 0 || this.#receiving.next > 0;
  }

  /** Smoothed round trip of segments, ms. */
  get rttMs(): number | undefined {
    return this.#sending.roundTrip.smoothedMs;
  }

  /** Segments sent, copies included, and counted as lost. */
  get counts(): { readonly sent: number; readonly lost: number } {
    return this.#sending.counts;
  }

  write(bytes: Uint8Array): void {
    this.#sending.write(bytes);
  }

  /** Nothing more will be written. */
  end(): void {
    this.#sending.end();
  }

  /** The next bytes in order; undefined when there are none now. */
  read(): Uint8Array | undefined {
    return this.#receiving.read();
  }

  /** A path is there: the first one, or a new one after `detach`. */
  attach(): void {
    this.#attached = true;
    this.#sending.restart();
    this.#receiving.requestAck();
  }

  /** The path is gone; what it held is sent again on the next one. */
  detach(): void {
    this.#attached = false;
  }

  /** Takes a message off the path. Its payload is kept, so the buffer must not be reused. */
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

  /** Asks the other side for an answer, to learn whether the path lives. */
  sendProbe(): void {
    this.#transmit({ type: 'probe' });
  }

  /** Tells the other side that this one gives up. */
  sendReset(): void {
    this.#transmit({ type: 'reset' });
  }

  /** Sends everything that may and must go now. */
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
    // The other side leaves only when it knows that this one is complete.
    if (this.complete && !this.#saidComplete) this.#receiving.requestAck();
    const ackDueMs = this.#receiving.ackDueMs;
    if (ackDueMs !== undefined && ackDueMs <= nowMs) this.acknowledge();
  }

  /** Sends an Ack now. */
  acknowledge(): void {
    this.#saidComplete = this.complete;
    this.#transmit(this.#receiving.takeAck(this.complete));
  }

  /** When `poll` should be called next, monotonic ms. */
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
