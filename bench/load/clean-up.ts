/** Registers the undo of a step. To be called before the step, because a step may fail half-way. */
export type OnEnd = (undo: () => Promise<unknown>) => void;

/** Undoes steps in reverse order. */
export class CleanUp {
  readonly #undos: (() => Promise<unknown>)[] = [];

  /** Registers the undo of a step, which must have no effect if the step was not made. */
  readonly onEnd: OnEnd = (undo) => {
    this.#undos.push(undo);
  };

  /**
   * Undoes every step, even if an undo fails, and forgets them.
   * @throws Error with the messages of all undos that failed
   */
  async run(): Promise<void> {
    const failures: string[] = [];
    for (const undo of this.#undos.splice(0).reverse()) {
      await undo().catch((error: Error) => failures.push(error.message));
    }
    if (failures.length > 0) throw new Error(`it was not undone: ${failures.join('; ')}`);
  }

  /** Undoes every step after a failure. @returns the failure, with those of the undos */
  async after(failure: unknown): Promise<unknown> {
    const cause = failure as Error;
    return this.run().then(
      () => cause,
      (error: Error) => new Error(`${cause.message}; ${error.message}`, { cause }),
    );
  }
}
