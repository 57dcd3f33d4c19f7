import { SEGMENTS_MAX } from './receive-window.js';

/** Segments that may be under way at the start of a path. */
export const WINDOW_FIRST = 10;

/** Segments that may always be under way. */
export const WINDOW_MIN = 2;

/**
 * How many segments may be under way: NewReno as QUIC has it (RFC 9002 section 7), counted in
 * segments. The stream shares the path with other traffic (RFC 8085 section 3.1).
 */
export class Congestion {
  #window: number = WINDOW_FIRST;
  #threshold = Number.POSITIVE_INFINITY;
  /** Losses among what was sent before this are one and the same event. */
  #recoveryOrder = 0;

  get window(): number {
    return Math.floor(this.#window);
  }

  /**
   * @param segments - how many were acknowledged
   * @param busy - the window, not the application, was what held sending back
   */
  onAcknowledged(segments: number, busy: boolean): void {
    if (!busy) return;
    this.#window += this.#window < this.#threshold ? segments : segments / this.#window;
    this.#window = Math.min(this.#window, SEGMENTS_MAX);
  }

  /**
   * @param lostOrder - place of the newest lost transmission in the order of sending
   * @param nextOrder - place of the next transmission
   */
  onLoss(lostOrder: number, nextOrder: number): void {
    if (lostOrder < this.#recoveryOrder) return;
    this.#recoveryOrder = nextOrder;
    this.#window = Math.max(this.#window / 2, WINDOW_MIN);
    this.#threshold = this.#window;
  }

  /** Nothing came back for several probes: start from the least (RFC 9002 section 7.6). */
  onSilence(): void {
    this.#window = WINDOW_MIN;
  }

  /** A new path: what was learnt of the old one says nothing. */
  restart(): void {
    this.#window = WINDOW_FIRST;
    this.#threshold = Number.POSITIVE_INFINITY;
    this.#recoveryOrder = 0;
  }
}
