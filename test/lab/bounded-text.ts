/** Share of the bound for the beginning, in which programs print their set-up. */
const HEAD_SHARE = 0.25;

/** Keeps the beginning and the end of a text that may be long. */
export class BoundedText {
  readonly #headMax: number;
  readonly #tailMax: number;
  #head = '';
  #tail = '';
  #omitted = 0;

  /** @param max - UTF-16 code units kept */
  constructor(max: number) {
    this.#headMax = Math.floor(max * HEAD_SHARE);
    this.#tailMax = max - this.#headMax;
  }

  add(text: string): this {
    const room = this.#headMax - this.#head.length;
    this.#head += text.slice(0, room);
    this.#tail += text.slice(room);
    // Twice the bound, so that few additions copy the tail.
    if (this.#tail.length > 2 * this.#tailMax) this.#cut();
    return this;
  }

  text(): string {
    this.#cut();
    const gap = this.#omitted === 0 ? '' : `\n... ${this.#omitted} characters left out ...\n`;
    return `${this.#head}${gap}${this.#tail}`;
  }

  #cut(): void {
    const over = Math.max(this.#tail.length - this.#tailMax, 0);
    this.#tail = this.#tail.slice(over);
    this.#omitted += over;
  }
}
