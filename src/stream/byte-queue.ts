/** A FIFO queue of bytes, read in pieces of any size. */
export class ByteQueue {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#length += bytes.length;
  }

  /** Removes and returns the first `bytesMax` bytes, or all if there are fewer. */
  take(bytesMax: number): Uint8Array {
    const taken = new Uint8Array(Math.min(bytesMax, this.#length));
    let filled = 0;
    while (filled < taken.length) {
      const [chunk] = this.#chunks;
      if (chunk === undefined) break;
      const part = chunk.subarray(0, taken.length - filled);
      taken.set(part, filled);
      filled += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    this.#length -= filled;
    return taken;
  }
}
