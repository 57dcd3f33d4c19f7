import type { Clock } from '../clock.js';
import { type Ack, type Segment, type SequenceRange, stampOf } from './message.js';

/** Segments that a receiver holds. */
export const SEGMENTS_MAX = 1_024;

/** Selective ranges in one Ack. */
export const ACK_RANGES_MAX = 32;

/** The longest that an Ack is held back. */
export const ACK_DELAY_MS = 10;

/** What became of a segment. */
export type SegmentVerdict = 'accepted' | 'duplicate' | 'beyond-window';

/**
 * The receiving half of a byte stream: puts segments in order, holds at most
 * `SEGMENTS_MAX` that nobody has read, and knows when an Ack is due.
 */
export class ReceiveWindow {
  readonly #clock: Clock;
  /** Out of order, by sequence; all within the window. */
  readonly #early = new Map<number, Segment>();
  /** In order, not yet read. */
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

  /** All bytes up to the end of the stream have been read. */
  get finished(): boolean {
    return this.#finalSequence !== undefined && this.#next > this.#finalSequence
      ? this.#ready.length === 0
      : false;
  }

  /** When an Ack should be sent, monotonic ms; undefined when none is owed. */
  get ackDueMs(): number | undefined {
    return this.#ackDueMs;
  }

  /** Segments taken in order so far. */
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
    // RFC 9000 section 13.2.2: an Ack for every second segment, at once when one is missing.
    if (!inOrder || segment.final || this.#unacknowledged >= 2) this.requestAck();
    else this.#ackDueMs ??= this.#clock.monotonic() + ACK_DELAY_MS;
    return 'accepted';
  }

  /** The next bytes in order; undefined when there are none now. */
  read(): Uint8Array | undefined {
    const bytes = this.#ready.shift();
    // The sender was told that the window is nearly shut: tell it once half is open again.
    const reopened = this.#window >= SEGMENTS_MAX / 2;
    if (reopened && this.#lastWindow < SEGMENTS_MAX / 4) this.requestAck();
    return bytes;
  }

  /** Makes an Ack due at once. */
  requestAck(): void {
    this.#ackDueMs = 0;
  }

  /** The Ack of the present state; none is owed after it. */
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
   * Room is counted from `next`, so it shrinks exactly as fast as `next` grows while nobody reads:
   * a sequence once allowed is never taken back.
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
