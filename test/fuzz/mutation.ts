/** Returns uniform numbers in [0, 1). */
export type Random = () => number;

/** Values near common lengths, counts and signs. */
const NUMBERS = [0, 1, 2, 3, 4, 7, 8, 15, 16, 20, 31, 32, 63, 64, 127, 128, 255] as const;
const LARGE = [0, 1, 0x7f, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe, 0xffff, 0x1_0000, 0xffff_ffff];
const CHANGES_MAX = 4;

/** Mutates inputs in ways that often break parsers. */
export class Mutator {
  readonly #random: Random;
  readonly #words: readonly Uint8Array[];
  readonly #bytesMax: number;

  /** @param bytesMax - maximum length of a mutated input */
  constructor(random: Random, words: readonly string[], bytesMax: number) {
    this.#random = random;
    this.#words = words.map((word) => Buffer.from(word, 'latin1'));
    this.#bytesMax = bytesMax;
  }

  /**
   * Returns a mutation of an input.
   * @param input - not changed
   * @param other - another input, from which pieces are taken
   */
  change(input: Uint8Array, other: Uint8Array): Uint8Array {
    let changed: Uint8Array = Uint8Array.from(input);
    for (let left = 1 + this.#below(CHANGES_MAX); left > 0; left--) {
      changed = this.#changeOnce(changed, other);
    }
    return changed.subarray(0, this.#bytesMax);
  }

  #changeOnce(input: Uint8Array, other: Uint8Array): Uint8Array {
    const at = this.#below(input.length + 1);
    switch (this.#below(9)) {
      case 0:
        return this.#set(input, at, (input[at] ?? 0) ^ (1 << this.#below(8)));
      case 1:
        return this.#set(input, at, this.#pick(NUMBERS));
      case 2:
        return this.#set(input, at, this.#below(256));
      case 3:
        return this.#setNumber(input, at);
      case 4:
        return joined(input.subarray(0, at), input.subarray(at + 1 + this.#below(8)));
      case 5:
        return input.slice(0, at);
      case 6:
        return joined(input.subarray(0, at), this.#piece(input), input.subarray(at));
      case 7:
        return joined(input.subarray(0, at), this.#piece(other), input.subarray(at));
      default:
        return joined(input.subarray(0, at), this.#word(), input.subarray(at));
    }
  }

  #set(input: Uint8Array, at: number, value: number): Uint8Array {
    if (at < input.length) input[at] = value;
    return input;
  }

  /** Sets a big-endian number of two or four bytes. */
  #setNumber(input: Uint8Array, at: number): Uint8Array {
    const bytes = this.#below(2) === 0 ? 2 : 4;
    if (at + bytes > input.length) return input;
    const value = this.#below(2) === 0 ? this.#pick(LARGE) : input.length - this.#below(24);
    const view = new DataView(input.buffer, input.byteOffset);
    if (bytes === 2) view.setUint16(at, value);
    else view.setUint32(at, value);
    return input;
  }

  #piece(of: Uint8Array): Uint8Array {
    const at = this.#below(of.length);
    return of.slice(at, at + 1 + this.#below(32));
  }

  #word(): Uint8Array {
    return this.#words.length === 0 ? Uint8Array.of(this.#below(256)) : this.#pick(this.#words);
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[this.#below(items.length)] as Item;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
