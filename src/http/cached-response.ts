/** An answer is as good as new for so long. */
const FRESH_MS = 100;

/**
 * An answer that is the same for everybody who asks at about the same time: it is made once, and
 * its bytes are held once, however many ask and do not read it.
 */
export class CachedResponse {
  readonly #make: () => Promise<string> | string;
  readonly #changes: () => number;
  #made: Promise<Buffer> | undefined;
  #madeAtMs = 0;
  #changesSeen = 0;

  /**
   * @param make - makes the text
   * @param changes - a count of what no answer may be late with
   */
  constructor(make: () => Promise<string> | string, changes: () => number = () => 0) {
    this.#make = make;
    this.#changes = changes;
  }

  /** @returns the bytes of an answer of the last tenth of a second, and since the last change */
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
