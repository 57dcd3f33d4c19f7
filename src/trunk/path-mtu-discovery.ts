import { DATA_PLANE_LIMITS } from '../native/interface.js';

/** BASE_PLPMTU (RFC 8899 section 5.1.2), as UDP payload. */
export const PATH_MTU_BASE_BYTES = 1_200;
/** Tried where BASE_PLPMTU does not pass. */
export const PATH_MTU_LOWER_BYTES = 800;
/** PMTU_RAISE_TIMER (RFC 8899 section 5.1.1): when a longer datagram is tried again. */
export const PATH_MTU_RAISE_MS = 60_000;

/** RFC 8899 section 5.1.2: MAX_PROBES, losses of one size in a row that count. */
const LOSSES_MAX = 3;
/** Steps smaller than this gain nothing. */
const STEP_BYTES = 8;
/** Tried where the longest does not pass; the first is used while nothing is known. */
const LOWER_BYTES = [PATH_MTU_BASE_BYTES, PATH_MTU_LOWER_BYTES, DATA_PLANE_LIMITS.trunkMtuBytesMin];

/**
 * The longest datagram that passes a path whole, by probes of that size (RFC 8899, DPLPMTUD). Sizes
 * are UDP payloads in bytes, times monotonic milliseconds. A size counts once a probe of it was
 * answered, and until three in a row are not: neither a path that became narrower nor one wrong
 * result stays unnoticed, as the size in use, and now and then a longer one, is asked again.
 */
export class PathMtuDiscovery {
  readonly #max: number;
  /** Asked before any has passed, the longest first; the first is the longest of interest. */
  readonly #candidates: readonly number[];
  /** The longest that passed; 0 while none does. */
  #passed = 0;
  /** The shortest that did not pass. */
  #failed = Number.POSITIVE_INFINITY;
  /** The shortest that did not pass when a longer one than `#passed` was last looked for. */
  #failedBefore = Number.POSITIVE_INFINITY;
  /** Losses in a row of one size. */
  #lost = { bytes: 0, times: 0 };
  #searchedAt = Number.NEGATIVE_INFINITY;
  #turn = 0;

  /** @param max - the longest size of interest, at least DATA_PLANE_LIMITS.trunkMtuBytesMin */
  constructor(max: number) {
    this.#max = max;
    this.#candidates = [max, ...LOWER_BYTES.filter((bytes) => bytes < max)];
  }

  /** Whether a probe has shown what passes. */
  get measured(): boolean {
    return this.#passed > 0;
  }

  /** What to send at most: what passed, else RFC 8899's base, or less where that did not. */
  get bytes(): number {
    if (this.#passed > 0) return this.#passed;
    const open = LOWER_BYTES.find((bytes) => bytes < this.#failed);
    return Math.min(open ?? DATA_PLANE_LIMITS.trunkMtuBytesMin, this.#max);
  }

  /** Whether a search is under way, or the size in use is in doubt. */
  get isSearching(): boolean {
    return !this.#isHopeless && (this.#lost.times > 0 || !this.#isFound);
  }

  /** Whether even the shortest does not pass: then each is tried in turn, without haste. */
  get #isHopeless(): boolean {
    return this.#passed === 0 && this.#failed <= (this.#candidates.at(-1) ?? 0);
  }

  get #isFound(): boolean {
    return this.#passed > 0 && Math.min(this.#failed, this.#max + 1) - this.#passed <= STEP_BYTES;
  }

  /** The size to probe next: the one in use where nothing is to be searched. */
  next(now: number): number {
    if (this.#isHopeless) {
      this.#turn = (this.#turn + 1) % this.#candidates.length;
      return this.#candidates[this.#turn] ?? this.#max;
    }
    if (this.#passed === 0) {
      return this.#candidates.find((bytes) => bytes < this.#failed) ?? this.#max;
    }
    const isDue = now - this.#searchedAt >= PATH_MTU_RAISE_MS;
    if (this.#isFound && this.#lost.times === 0 && this.#passed < this.#max && isDue) {
      this.#failedBefore = this.#failed;
      this.#failed = Number.POSITIVE_INFINITY;
    }
    if (this.#isFound) return this.#passed;
    if (this.#failed > this.#max) return this.#max;
    // Mostly nothing has changed, and this ends the search.
    if (this.#failedBefore < this.#failed) return this.#failedBefore;
    const middle = Math.floor((this.#passed + this.#failed) / 2);
    return Math.max(this.#passed + 1, middle - (middle % 4));
  }

  /** A probe of so many bytes was answered. */
  answered(bytes: number, now: number): void {
    if (bytes < DATA_PLANE_LIMITS.trunkMtuBytesMin || bytes < this.#passed) return;
    if (bytes >= this.#lost.bytes) this.forgive();
    const wasFound = this.#isFound;
    this.#passed = Math.min(bytes, this.#max);
    // The boundary that the loss of a shorter one has shown was none.
    if (this.#failed <= bytes) this.#failed = Number.POSITIVE_INFINITY;
    if (this.#failedBefore <= bytes) this.#failedBefore = Number.POSITIVE_INFINITY;
    if (!wasFound && this.#isFound) this.#searchedAt = now;
  }

  /** A probe of so many bytes was not answered, while short ones were. */
  lost(bytes: number, now: number): void {
    if (bytes < DATA_PLANE_LIMITS.trunkMtuBytesMin || bytes < this.#passed || bytes >= this.#failed)
      return;
    const times = bytes === this.#lost.bytes ? this.#lost.times + 1 : 1;
    this.#lost = { bytes, times };
    if (times < LOSSES_MAX) return;
    this.forgive();
    this.#failed = bytes;
    if (bytes === this.#passed) {
      // What passed before passes no more: a black hole (RFC 8899 section 4.3).
      this.#passed = 0;
      this.#failedBefore = Number.POSITIVE_INFINITY;
    }
    if (this.#isFound) this.#searchedAt = now;
  }

  /** Forgets losses that may have had another cause than the size. */
  forgive(): void {
    this.#lost = { bytes: 0, times: 0 };
  }
}
