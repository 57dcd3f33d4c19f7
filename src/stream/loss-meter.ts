/**
 * Tells loss from gaps in a counter that the sender raises by one for each message. 32 bits of it
 * are on the wire, so it wraps.
 */
export class LossMeter {
  #highest: number | undefined;
  #expected = 0;
  #received = 0;

  /** Messages that the counter says were sent. */
  get expected(): number {
    return this.#expected;
  }

  /** Of these, the ones that came. A message that came twice makes up for a lost one. */
  get received(): number {
    return Math.min(this.#received, this.#expected);
  }

  /** @param sequence - unsigned 32 bits */
  add(sequence: number): void {
    this.#received++;
    // Signed difference of 32 bits (RFC 1982): right across a wrap.
    const ahead = this.#highest === undefined ? 1 : (sequence - this.#highest) | 0;
    if (ahead <= 0) return;
    this.#highest = sequence;
    this.#expected += ahead;
  }

  /** The counter begins anew: another sender, or another connection. */
  restart(): void {
    this.#highest = undefined;
  }
}
