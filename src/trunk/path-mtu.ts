import { LIMITS } from '../limits.js';

/** RFC 8899 section 5.1.2: MAX_PROBES, losses of one size in a row that count. */
const LOSSES_MAX = 3;
/** Steps smaller than this gain nothing. */
const STEP_BYTES = 8;

/**
 * The longest datagram that passes a way whole, by probes of that size (RFC 8899, DPLPMTUD). Sizes
 * are UDP payloads in bytes, times monotonic milliseconds. What was found is asked again and again,
 * so that neither a way that became narrower nor one wrong result stays unnoticed.
 */
export class PathMtu {
  readonly #max: number;
  /** The longest that passed; 0 while none has. */
  #passed = 0;
  /** The shortest that did not pass. */
  #failed = Number.POSITIVE_INFINITY;
  #losses = 0;
  #searchedAt = Number.NEGATIVE_INFINITY;

  /** @param max - the longest size of interest */
  constructor(max: number) {
    this.#max = max;
  }

  /** Whether a probe has shown what passes. */
  get measured(): boolean {
    return this.#passed > 0;
  }

  /** What to send at most: what passed, or what RFC 8899 section 5.1.2 begins with. */
  get bytes(): number {
    if (this.#passed > 0) return this.#passed;
    const base = Math.min(LIMITS.pathMtuBaseBytes, this.#max);
    return this.#failed > base ? base : Math.min(LIMITS.trunkMtuBytesMin, this.#max);
  }

  /** Whether a search is under way, or the size in use is in doubt. */
  get isSearching(): boolean {
    return this.#losses > 0 || !this.#isFound;
  }

  get #isFound(): boolean {
    return this.#passed > 0 && Math.min(this.#failed, this.#max + 1) - this.#passed <= STEP_BYTES;
  }

  /** The size to probe next: the one in use where nothing is to be searched. */
  next(now: number): number {
    const isDue = now - this.#searchedAt >= LIMITS.pathMtuRaiseMs;
    if (this.#isFound && this.#losses === 0 && this.#passed < this.#max && isDue) {
      this.#failed = Number.POSITIVE_INFINITY;
      this.#searchedAt = now;
    }
    if (this.#passed === 0) {
      return this.#failed > this.#max ? this.#max : this.bytes;
    }
    if (this.#isFound) return this.#passed;
    if (this.#failed > this.#max) return this.#max;
    const middle = Math.floor((this.#passed + this.#failed) / 2);
    return Math.max(this.#passed + 1, middle - (middle % 4));
  }

  /** A probe of so many bytes was answered. */
  answered(bytes: number, now: number): void {
    if (bytes < this.#passed) return;
    this.#losses = 0;
    const wasFound = this.#isFound;
    this.#passed = Math.min(bytes, this.#max);
    // The boundary that a shorter datagram's loss has shown was none.
    if (this.#failed <= bytes) this.#failed = Number.POSITIVE_INFINITY;
    if (!wasFound && this.#isFound) this.#searchedAt = now;
  }

  /** A probe of so many bytes was not answered, while shorter ones were. */
  lost(bytes: number, now: number): void {
    this.#losses += 1;
    if (this.#losses < LOSSES_MAX) return;
    this.#losses = 0;
    this.#failed = Math.min(this.#failed, bytes);
    // Even what passed before passes no more: a black hole (RFC 8899 section 4.3).
    if (bytes <= this.#passed) this.#passed = 0;
    if (this.#passed === 0 && bytes <= LIMITS.trunkMtuBytesMin) {
      this.#failed = Number.POSITIVE_INFINITY;
    }
    if (this.#isFound) this.#searchedAt = now;
  }
}
