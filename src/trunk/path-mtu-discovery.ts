import { DATA_PLANE_LIMITS } from '../native/interface.js';

/** BASE_PLPMTU (RFC 8899 section 5.1.2), as UDP payload. */
export const PATH_MTU_BASE_BYTES = 1_200;
/** Size probed if BASE_PLPMTU does not pass. */
export const PATH_MTU_LOWER_BYTES = 800;
/** PMTU_RAISE_TIMER (RFC 8899 section 5.1.1): interval of probes for a larger size. */
export const PATH_MTU_RAISE_MS = 60_000;

/** MAX_PROBES (RFC 8899 section 5.1.2): losses of one size in a row that count as failure. */
const LOSSES_MAX = 3;
/** A search ends when its bounds are this close, bytes. */
const STEP_BYTES = 8;
/** Sizes probed if the longest does not pass; the first is assumed until one has passed. */
const LOWER_BYTES = [PATH_MTU_BASE_BYTES, PATH_MTU_LOWER_BYTES, DATA_PLANE_LIMITS.trunkMtuBytesMin];

/**
 * Datagram path MTU discovery by probes (RFC 8899, DPLPMTUD). Sizes are bytes of UDP payload, times
 * are monotonic ms. A size is valid from the first reply to a probe of it until `LOSSES_MAX` probes
 * in a row are lost. The size in use is probed all the time, and a larger one from time to time, so
 * that both a narrower and a wider path are noticed. `RelayPaths` passes the size in use to the
 * data plane, which fills bundles up to it.
 */
export class PathMtuDiscovery {
  readonly #max: number;
  /**
   * Sizes probed before any has passed, the longest first; the first is the search's upper limit.
   */
  readonly #candidates: readonly number[];
  /** The largest size that passed; 0 if none has. */
  #passed = 0;
  /** The smallest size that failed. */
  #failed = Number.POSITIVE_INFINITY;
  /** The smallest size that had failed when the last raise began. */
  #failedBefore = Number.POSITIVE_INFINITY;
  /** Losses of one size in a row. */
  #lost = { bytes: 0, times: 0 };
  #searchedAt = Number.NEGATIVE_INFINITY;
  #turn = 0;

  /** @param max - upper limit of the search, at least DATA_PLANE_LIMITS.trunkMtuBytesMin */
  constructor(max: number) {
    this.#max = max;
    this.#candidates = [max, ...LOWER_BYTES.filter((bytes) => bytes < max)];
  }

  /** Whether a size has passed. */
  get measured(): boolean {
    return this.#passed > 0;
  }

  /**
   * The maximum size to send: the largest that passed, else BASE_PLPMTU, or less if that failed.
   */
  get bytes(): number {
    if (this.#passed > 0) return this.#passed;
    const open = LOWER_BYTES.find((bytes) => bytes < this.#failed);
    return Math.min(open ?? DATA_PLANE_LIMITS.trunkMtuBytesMin, this.#max);
  }

  /** Whether a search is under way, or probes of the size in use are lost. */
  get isSearching(): boolean {
    return !this.#isHopeless && (this.#lost.times > 0 || !this.#isFound);
  }

  /** Whether even the smallest size failed: then each is probed in turn. */
  get #isHopeless(): boolean {
    return this.#passed === 0 && this.#failed <= (this.#candidates.at(-1) ?? 0);
  }

  get #isFound(): boolean {
    return this.#passed > 0 && Math.min(this.#failed, this.#max + 1) - this.#passed <= STEP_BYTES;
  }

  /** Returns the size of the next probe: that of the search, else the size in use. */
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
    // The former limit most likely still holds; probing it ends the search at once.
    if (this.#failedBefore < this.#failed) return this.#failedBefore;
    const middle = Math.floor((this.#passed + this.#failed) / 2);
    return Math.max(this.#passed + 1, middle - (middle % 4));
  }

  /** Takes a reply to a probe of this size. */
  answered(bytes: number, now: number): void {
    if (bytes < DATA_PLANE_LIMITS.trunkMtuBytesMin || bytes < this.#passed) return;
    if (bytes >= this.#lost.bytes) this.forgive();
    const wasFound = this.#isFound;
    this.#passed = Math.min(bytes, this.#max);
    // A larger size has passed, so the recorded failure was not due to size.
    if (this.#failed <= bytes) this.#failed = Number.POSITIVE_INFINITY;
    if (this.#failedBefore <= bytes) this.#failedBefore = Number.POSITIVE_INFINITY;
    if (!wasFound && this.#isFound) this.#searchedAt = now;
  }

  /** Takes the loss of a probe of this size while small probes get replies. */
  lost(bytes: number, now: number): void {
    if (bytes < DATA_PLANE_LIMITS.trunkMtuBytesMin || bytes < this.#passed || bytes >= this.#failed)
      return;
    const times = bytes === this.#lost.bytes ? this.#lost.times + 1 : 1;
    this.#lost = { bytes, times };
    if (times < LOSSES_MAX) return;
    this.forgive();
    this.#failed = bytes;
    if (bytes === this.#passed) {
      // A black hole (RFC 8899 section 4.3): the size in use no longer passes.
      this.#passed = 0;
      this.#failedBefore = Number.POSITIVE_INFINITY;
    }
    if (this.#isFound) this.#searchedAt = now;
  }

  /** Discards losses that may have had another cause than size. */
  forgive(): void {
    this.#lost = { bytes: 0, times: 0 };
  }
}
