/** Measures loss by gaps in a sender's message counter, which wraps at 32 bits. */
export class LossMeter {
  #highest: number | undefined;
  #expected = 0;
  #received = 0;

  /** Number of messages that were sent, by the counter. */
  get expected(): number {
    return this.#expected;
  }

  /** Number of these that arrived. A duplicate compensates for a lost message. */
  get received(): number {
    return Math.min(this.#received, this.#expected);
  }

  /** Notes a received message. @param sequence - its counter, unsigned 32 bits */
  add(sequence: number): void {
    this.#received++;
    // Signed 32-bit difference (RFC 1982), right across a wrap.
    const ahead = this.#highest === undefined ? 1 : (sequence - this.#highest) | 0;
    if (ahead <= 0) return;
    this.#highest = sequence;
    this.#expected += ahead;
  }

  /** Notes that the counter starts again: another sender, or another connection. */
  restart(): void {
    this.#highest = undefined;
  }
}
