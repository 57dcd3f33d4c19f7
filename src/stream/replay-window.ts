/** Remembers which counters were seen, from the highest down to a fixed depth. */
export class ReplayWindow {
  readonly #depth: number;
  /** Counter last seen in each place; a place belongs to one counter at a time. */
  readonly #seen: Float64Array;
  #highest = -1;

  /** @param depth - counters below the highest that can still be told apart */
  constructor(depth: number) {
    this.#depth = depth;
    this.#seen = new Float64Array(depth).fill(-1);
  }

  /** @returns whether the counter is new; it is not again */
  accept(counter: number): boolean {
    if (counter <= this.#highest - this.#depth) return false;
    const place = counter % this.#depth;
    if (this.#seen[place] === counter) return false;
    this.#seen[place] = counter;
    this.#highest = Math.max(this.#highest, counter);
    return true;
  }
}
