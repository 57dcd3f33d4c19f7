/**
 * Counts the live relays by the newest registry version that each has confirmed, so that the
 * version that all have confirmed is known without a pass over the relays.
 */
export class ConfirmedSequences {
  /** Number of relays by sequence; without sequences of no relay. */
  readonly #relays = new Map<number, number>();
  #lowest: number | undefined = Number.POSITIVE_INFINITY;

  /** The sequence that every relay has confirmed; infinity without a relay. */
  get lowest(): number {
    if (this.#lowest === undefined) {
      this.#lowest = Number.POSITIVE_INFINITY;
      for (const sequence of this.#relays.keys()) this.#lowest = Math.min(this.#lowest, sequence);
    }
    return this.#lowest;
  }

  /** Counts a relay that has confirmed `sequence`; 0 for none. */
  add(sequence: number): void {
    this.#relays.set(sequence, (this.#relays.get(sequence) ?? 0) + 1);
    if (this.#lowest !== undefined) this.#lowest = Math.min(this.#lowest, sequence);
  }

  /** Counts a relay of `sequence` no longer. */
  delete(sequence: number): void {
    const left = (this.#relays.get(sequence) ?? 0) - 1;
    if (left > 0) {
      this.#relays.set(sequence, left);
      return;
    }
    this.#relays.delete(sequence);
    // Looked for when it is read: relays of few different sequences are left.
    if (sequence === this.#lowest) this.#lowest = undefined;
  }
}
