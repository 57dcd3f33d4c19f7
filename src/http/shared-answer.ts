/** An answer is as good as new for so long. */
const FRESH_MS = 100;

/**
 * An answer that is the same for everybody who asks at about the same time: it is made once, and
 * its bytes are held once, however many ask and do not read it.
 */
export class SharedAnswer {
  readonly #make: () => Promise<string> | string;
  #made: Promise<Buffer> | undefined;
  #madeAtMs = 0;

  /** @param make - makes the text */
  constructor(make: () => Promise<string> | string) {
    this.#make = make;
  }

  /** @returns the bytes of an answer that was made at most a tenth of a second ago */
  get(): Promise<Buffer> {
    const now = performance.now();
    if (this.#made === undefined || now - this.#madeAtMs >= FRESH_MS) {
      this.#madeAtMs = now;
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
