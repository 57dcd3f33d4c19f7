import type { CommandIo } from './command.js';

/** Goes to the line's start and clears it (ECMA-48: CR, EL). */
const CLEAR_LINE = '\r\u001b[K';

/** A terminal with a status line at the bottom that log lines scroll above. */
export class Terminal {
  readonly #stream: CommandIo['stderr'];
  #status = '';

  constructor(stream: CommandIo['stderr']) {
    this.#stream = stream;
  }

  /** Writes whole lines above the status line. */
  write(text: string): void {
    if (this.#status === '') this.#stream.write(text);
    else this.#stream.write(`${CLEAR_LINE}${text}${this.#status}`);
  }

  /** Replaces the status line; cut to the terminal's width, because a wrapped line stays. */
  status(text: string): void {
    const columns = this.#stream.columns || 80;
    this.#status = text.slice(0, Math.max(0, columns - 1));
    this.#stream.write(`${CLEAR_LINE}${this.#status}`);
  }

  /** Removes the status line. */
  clear(): void {
    if (this.#status !== '') this.#stream.write(CLEAR_LINE);
    this.#status = '';
  }
}
