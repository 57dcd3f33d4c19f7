/** Maximum age of a cached response, ms. */
const FRESH_MS = 100;

/**
 * Caches a response that is the same for all clients. It is serialized once, and all readers share
 * its buffer.
 */
export class CachedResponse {
  readonly #make: () => Promise<string> | string;
  readonly #changes: () => number;
  #made: Promise<Buffer> | undefined;
  #madeAtMs = 0;
  #changesSeen = 0;

  /**
   * @param make - makes the response's text
   * @param changes - returns a counter; the cached response expires when it changes
   */
  constructor(make: () => Promise<string> | string, changes: () => number = () => 0) {
    this.#make = make;
    this.#changes = changes;
  }

  /**
   * Returns the response: at most `FRESH_MS` old, and made since the last change.
   * @throws what `make` throws; a failure is not cached
   */
  get(): Promise<Buffer> {
    const now = performance.now();
    const changes = this.#changes();
    const isFresh = now - this.#madeAtMs < FRESH_MS && changes === this.#changesSeen;
    if (this.#made === undefined || !isFresh) {
      this.#madeAtMs = now;
      this.#changesSeen = changes;
      this.#made = this.#render();
      this.#made.catch(() => {
        this.#made = undefined;
      });
    }
    return this.#made;
  }

  async #render(): Promise<Buffer> {
    return Buffer.from(await this.#make());
  }
}
