/**
 * What was computed lately, by name. Two generations: when the young one is full it becomes the old
 * one, and what was in the old one and not asked for since is forgotten. Unlike a map whose oldest
 * entry is deleted for each new one, it never walks over the holes that deletion leaves.
 */
export class BoundedCache<Value> {
  readonly #generationMax: number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  /** @param entriesMax - entries held at most; half of them are sure to be the latest */
  constructor(entriesMax: number) {
    this.#generationMax = Math.ceil(entriesMax / 2);
  }

  /** The value remembered under a name, if it is still. */
  get(name: string): Value | undefined {
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const old = this.#old.get(name);
    if (old !== undefined) this.set(name, old);
    return old;
  }

  /** Remembers a value. */
  set(name: string, value: Value): void {
    if (this.#young.size >= this.#generationMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, value);
  }
}
