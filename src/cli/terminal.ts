import { writeSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import type { LogDestination } from '../logging/log-destination.js';

/** Moves to the start of the line and clears it (ECMA-48: CR, EL). */
const CLEAR_LINE = '\r\u001b[K';

/** What writes to a terminal; it is behind after Ctrl-S, for example. */
export type TerminalOutput = Pick<LogDestination, 'write' | 'behind'>;

/** The size of a terminal; 0 or undefined if it is not known. */
export interface TerminalSize {
  readonly columns: number | undefined;
  readonly rows: number | undefined;
}

/** Rows of the smallest terminal with a pinned status line. */
const ROWS_MIN = 4;

/**
 * A terminal with a status line, which is in the row of the cursor, below the log lines. A pinned
 * status line is in the last row, below typed input and output.
 */
export class Terminal {
  readonly #output: TerminalOutput;
  readonly #size: () => TerminalSize;
  #status = '';
  #isPinned = false;
  /** Rows of the terminal while its last one is excluded from scrolling; else undefined. */
  #pinnedRows: number | undefined;

  /** @param size - returns the present size */
  constructor(output: TerminalOutput, size: () => TerminalSize) {
    this.#output = output;
    this.#size = size;
  }

  /** Shows the status in the last row from now on: only the rows above scroll (DECSTBM). */
  pin(): void {
    this.#isPinned = true;
    // Restores the scrolling region at every end of the process.
    process.once('exit', () => {
      if (this.#pinnedRows === undefined) return;
      try {
        writeSync(2, unpinned(this.#pinnedRows));
      } catch {
        // The terminal is closed.
      }
    });
  }

  /** Writes whole lines above the status line and above typed input. */
  write(text: string): void {
    if (this.#pinnedRows !== undefined) this.#insert(text);
    else if (this.#status === '') this.#output.write(text);
    else this.#output.write(`${CLEAR_LINE}${text}${this.#status}`);
  }

  /**
   * Replaces the status line. It is cut to the terminal's width, because a wrapped line cannot be
   * replaced. Does nothing while the terminal is behind.
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

  /** Excludes the last row from scrolling, and moves the cursor and the text there up. */
  #setApart(rows: number): string {
    if (this.#pinnedRows === rows) return '';
    const before = this.#pinnedRows === undefined ? '' : unpinned(this.#pinnedRows);
    this.#pinnedRows = rows;
    return `${before}\u001bD\u001b[A\u001b7\u001b[1;${rows - 1}r\u001b8`;
  }

  /** Inserts lines above the row of the cursor, and restores the cursor. */
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

/** Writes in a row and restores the cursor (DECSC, CUP, EL, DECRC). */
function onRow(row: number, text: string): string {
  return `\u001b7\u001b[${row};1H\u001b[2K${text}\u001b8`;
}

/** Lets all rows scroll, and clears the last one. */
function unpinned(rows: number): string {
  return `\u001b7\u001b[r\u001b8${onRow(rows, '')}`;
}
