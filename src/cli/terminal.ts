import { writeSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import type { LogDestination } from '../logging/log-destination.js';

/** Goes to the line's start and clears it (ECMA-48: CR, EL). */
const CLEAR_LINE = '\r\u001b[K';

/** What writes to a terminal; it is behind after Ctrl-S, for example. */
export type TerminalOutput = Pick<LogDestination, 'write' | 'behind'>;

/** The size of a terminal; 0 or undefined if it is not known. */
export interface TerminalSize {
  readonly columns: number | undefined;
  readonly rows: number | undefined;
}

/** On fewer rows no status line is pinned. */
const ROWS_MIN = 4;

/**
 * A terminal with a status line. It stands where the cursor is, and log lines scroll above it; or,
 * once pinned, on the last row, below the rows where a person types.
 */
export class Terminal {
  readonly #output: TerminalOutput;
  readonly #size: () => TerminalSize;
  #status = '';
  #isPinned = false;
  /** Rows of the terminal whose last one is set apart; undefined when none is. */
  #pinnedRows: number | undefined;

  /** @param size - its size now, where it is known */
  constructor(output: TerminalOutput, size: () => TerminalSize) {
    this.#output = output;
    this.#size = size;
  }

  /**
   * Puts the status on the last row from now on, so that it does not touch what a person types:
   * the rows above scroll by themselves (DEC private: DECSTBM).
   */
  pin(): void {
    this.#isPinned = true;
    // Gives the scrolling region back, however the process ends.
    process.once('exit', () => {
      if (this.#pinnedRows === undefined) return;
      try {
        writeSync(2, unpinned(this.#pinnedRows));
      } catch {
        // A terminal that is gone needs nothing.
      }
    });
  }

  /** Writes whole lines above the status line, and above what is being typed. */
  write(text: string): void {
    if (this.#pinnedRows !== undefined) this.#insert(text);
    else if (this.#status === '') this.#output.write(text);
    else this.#output.write(`${CLEAR_LINE}${text}${this.#status}`);
  }

  /**
   * Replaces the status line; cut to the terminal's width, because a wrapped line stays. While the
   * terminal takes nothing it is left as it is: a newer one comes soon.
   */
  status(text: string): void {
    if (this.#output.behind) return;
    const { columns, rows } = this.#size();
    this.#status = text.slice(0, Math.max(0, (columns || 80) - 1));
    if (!this.#isPinned) {
      this.#output.write(`${CLEAR_LINE}${this.#status}`);
    } else if (rows !== undefined && rows >= ROWS_MIN) {
      this.#output.write(`${this.#setApart(rows)}${onRow(rows, this.#status)}`);
    }
  }

  /** Removes the status line. */
  clear(): void {
    if (this.#pinnedRows !== undefined) this.#output.write(unpinned(this.#pinnedRows));
    else if (this.#status !== '' && !this.#isPinned) this.#output.write(CLEAR_LINE);
    this.#pinnedRows = undefined;
    this.#status = '';
  }

  /** Sets the last row apart, unless it is; the cursor leaves it, and what stands there scrolls. */
  #setApart(rows: number): string {
    if (this.#pinnedRows === rows) return '';
    const before = this.#pinnedRows === undefined ? '' : unpinned(this.#pinnedRows);
    this.#pinnedRows = rows;
    return `${before}\u001bD\u001b[A\u001b7\u001b[1;${rows - 1}r\u001b8`;
  }

  /** Makes room above the row that is being typed on, and leaves the cursor where it was on it. */
  #insert(text: string): void {
    const columns = this.#size().columns || 80;
    const lines = text.replace(/\n$/, '').split('\n');
    const rowsOf = (line: string) =>
      Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns));
    const count = lines.reduce((sum, line) => sum + rowsOf(line), 0);
    const room = `${'\u001bD'.repeat(count)}\u001b[${count}A\u001b7\r\u001b[${count}L`;
    this.#output.write(`${room}${lines.join('\r\n')}\u001b8\u001b[${count}B`);
  }
}

/** Writes on a row and puts the cursor back (DECSC, CUP, EL, DECRC). */
function onRow(row: number, text: string): string {
  return `\u001b7\u001b[${row};1H\u001b[2K${text}\u001b8`;
}

/** All rows scroll again, and the last one is empty. */
function unpinned(rows: number): string {
  return `\u001b7\u001b[r\u001b8${onRow(rows, '')}`;
}
