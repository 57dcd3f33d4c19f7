/** Goes to the line's start and clears it (ECMA-48: CR, EL). */
const CLEAR_LINE = '\r\u001b[K';

/** What a terminal is written by. */
export interface TerminalOutput {
  write(text: string): void;
  /** Whether it takes nothing now, as after Ctrl-S. */
  readonly behind: boolean;
}

/** A terminal with a status line at the bottom that log lines scroll above. */
export class Terminal {
  readonly #output: TerminalOutput;
  readonly #columns: () => number | undefined;
  #status = '';

  /** @param columns - its width now, where it is known */
  constructor(output: TerminalOutput, columns: () => number | undefined) {
    this.#output = output;
    this.#columns = columns;
  }

  /** Writes whole lines above the status line. */
  write(text: string): void {
    if (this.#status === '') this.#output.write(text);
    else this.#output.write(`${CLEAR_LINE}${text}${this.#status}`);
  }

  /**
   * Replaces the status line; cut to the terminal's width, because a wrapped line stays. While the
   * terminal takes nothing it is left as it is: a newer one comes soon.
   */
  status(text: string): void {
    if (this.#output.behind) return;
    const columns = this.#columns() || 80;
    this.#status = text.slice(0, Math.max(0, columns - 1));
    this.#output.write(`${CLEAR_LINE}${this.#status}`);
  }

  /** Removes the status line. */
  clear(): void {
    if (this.#status !== '') this.#output.write(CLEAR_LINE);
    this.#status = '';
  }
}
