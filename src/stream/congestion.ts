import { SEGMENTS_MAX } from './receive-window.js';

/** Initial congestion window of a path. */
export const WINDOW_FIRST = 10;

/** Minimum congestion window. */
export const WINDOW_MIN = 2;

/**
 * Congestion window in segments: NewReno as in QUIC (RFC 9002 section 7). The stream shares the
 * path with other traffic (RFC 8085 section 3.1).
 */
export class Congestion {
  #window: number = WINDOW_FIRST;
  #threshold = Number.POSITIVE_INFINITY;
  /** Losses of transmissions before this one belong to one congestion event. */
  #recoveryOrder = 0;

  get window(): number {
    return Math.floor(this.#window);
  }

  /**
   * Grows the window.
   * @param segments - number of newly acknowledged segments
   * @param busy - whether the window, not the application, limited sending
   */
  onAcknowledged(segments: number, busy: boolean): void {
    if (!busy) return;
    this.#window += this.#window < this.#threshold ? segments : segments / this.#window;
    this.#window = Math.min(this.#window, SEGMENTS_MAX);
  }

  /**
   * Halves the window, once per congestion event.
   * @param lostOrder - number of the newest lost transmission
   * @param nextOrder - number of the next transmission
   */
  onLoss(lostOrder: number, nextOrder: number): void {
    if (lostOrder < this.#recoveryOrder) return;
    this.#recoveryOrder = nextOrder;
    this.#window = Math.max(this.#window / 2, WINDOW_MIN);
    this.#threshold = this.#window;
  }

  /** Reduces the window to the minimum after several unanswered probes (RFC 9002 section 7.6). */
  onSilence(): void {
    this.#window = WINDOW_MIN;
  }

  /** Resets the state for a new path. */
  restart(): void {
    this.#window = WINDOW_FIRST;
    this.#threshold = Number.POSITIVE_INFINITY;
    this.#recoveryOrder = 0;
  }
}
