/** Counts by name, each from the first time it is one. */
export class Counts<Name extends string> {
  readonly #counts = new Map<Name, number>();

  add(name: Name): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  of(name: Name): number {
    return this.#counts.get(name) ?? 0;
  }

  entries(): Iterable<[Name, number]> {
    return this.#counts;
  }
}
