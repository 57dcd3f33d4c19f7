import type { Clock } from '../clock.js';
import { type Ack, type Segment, type SequenceRange, stampOf } from './message.js';

/** Maximum segments that a receiver holds. */
export const SEGMENTS_MAX = 1_024;

/** Maximum selective ranges in one Ack. */
export const ACK_RANGES_MAX = 32;

/** Maximum delay of an Ack. */
export const ACK_DELAY_MS = 10;

/** Result of a received segment. */
export type SegmentVerdict = 'accepted' | 'duplicate' | 'beyond-window';

/**
 * The receiving half of a byte stream: orders segments, holds at most `SEGMENTS_MAX` unread ones,
 * and schedules Acks.
 */
export class ReceiveWindow {
  readonly #clock: Clock;
  /** Segments received out of order, by sequence; all are within the window. */
  readonly #early = new Map<number, Segment>();
  /** Payloads in order, not yet read. */
  readonly #ready: Uint8Array[] = [];
  #next = 0;
  #finalSequence: number | undefined;
  #unacknowledged = 0;
  #ackDueMs: number | undefined;
  #echo: { readonly stamp: number; readonly atMs: number } | undefined;
  #lastWindow: number = SEGMENTS_MAX;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether all bytes up to the end of the stream have been read. */
  get finished(): boolean {
    return this.#finalSequence !== undefined && this.#next > this.#finalSequence
      ? this.#ready.length === 0
      : false;
  }

  /** When an Ack should be sent, monotonic ms; undefined if none is due. */
  get ackDueMs(): number | undefined {
    return this.#ackDueMs;
  }

  /** Number of segments received in order. */
  get next(): number {
    return this.#next;
  }

  accept(segment: Segment): SegmentVerdict {
    const { sequence } = segment;
    this.#echo ??= { stamp: segment.stamp, atMs: this.#clock.monotonic() };
    if (sequence < this.#next || this.#early.has(sequence)) {
      this.requestAck();
      return 'duplicate';
    }
    if (sequence >= this.#next + this.#window || sequence > (this.#finalSequence ?? sequence)) {
      this.requestAck();
      return 'beyond-window';
    }
    if (segment.final) this.#finalSequence = sequence;
    const inOrder = sequence === this.#next && this.#early.size === 0;
    this.#early.set(sequence, segment);
    this.#moveReady();
    this.#unacknowledged++;
    // RFC 9000 section 13.2.2: an Ack for every second segment, and at once if one is missing.
    if (!inOrder || segment.final || this.#unacknowledged >= 2) this.requestAck();
    else this.#ackDueMs ??= this.#clock.monotonic() + ACK_DELAY_MS;
    return 'accepted';
  }

  /** Returns the next bytes in order; undefined if there are none now. */
  read(): Uint8Array | undefined {
    const bytes = this.#ready.shift();
    // The sender was told that the window is nearly closed: tell it once half is open again.
    const reopened = this.#window >= SEGMENTS_MAX / 2;
    if (reopened && this.#lastWindow < SEGMENTS_MAX / 4) this.requestAck();
    return bytes;
  }

  /** Makes an Ack due at once. */
  requestAck(): void {
    this.#ackDueMs = 0;
  }

  /** Returns the Ack of the present state; afterwards none is due. */
  takeAck(complete: boolean): Ack {
    const nowMs = this.#clock.monotonic();
    const echo =
      this.#echo === undefined
        ? undefined
        : (this.#echo.stamp + stampOf(nowMs - this.#echo.atMs)) % 2 ** 32;
    this.#echo = undefined;
    this.#unacknowledged = 0;
    this.#ackDueMs = undefined;
    this.#lastWindow = this.#window;
    const ranges = this.#ranges();
    return { type: 'ack', next: this.#next, window: this.#window, echo, complete, ranges };
  }

  /**
   * The window counts from `next`, so it shrinks as fast as `next` grows while nothing is read: an
   * allowed sequence is never revoked.
   */
  get #window(): number {
    return SEGMENTS_MAX - this.#ready.length;
  }

  #moveReady(): void {
    for (;;) {
      const segment = this.#early.get(this.#next);
      if (segment === undefined) return;
      this.#early.delete(this.#next);
      this.#next++;
      if (segment.payload.length > 0) this.#ready.push(segment.payload);
    }
  }

  #ranges(): SequenceRange[] {
    const ranges: { first: number; last: number }[] = [];
    for (const sequence of [...this.#early.keys()].sort((a, b) => a - b)) {
      const open = ranges.at(-1);
      if (open !== undefined && open.last === sequence - 1) open.last = sequence;
      else if (ranges.length === ACK_RANGES_MAX) break;
      else ranges.push({ first: sequence, last: sequence });
    }
    return ranges;
  }
}
