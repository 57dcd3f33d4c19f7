/** Takes how a step is undone. Told before the step, as a step may fail half-way. */
export type OnEnd = (undo: () => Promise<unknown>) => void;

/** Undoes steps, the last one first. */
export class CleanUp {
  readonly #undos: (() => Promise<unknown>)[] = [];

  /** Told before each step; its undo must do no harm where the step was never made. */
  readonly onEnd: OnEnd = (undo) => {
    this.#undos.push(undo);
  };

  /**
   * Undoes every step, also where one cannot be undone. Nothing is left to undo after that.
   * @throws Error that names all that could not be undone
   */
  async run(): Promise<void> {
    const failures: string[] = [];
    for (const undo of this.#undos.splice(0).reverse()) {
      await undo().catch((error: Error) => failures.push(error.message));
    }
    if (failures.length > 0) throw new Error(`it was not undone: ${failures.join('; ')}`);
  }

  /** Undoes every step because of a failure; returns that, with what could not be undone. */
  async after(failure: unknown): Promise<unknown> {
    const cause = failure as Error;
    return this.run().then(
      () => cause,
      (error: Error) => new Error(`${cause.message}; ${error.message}`, { cause }),
    );
  }
}
