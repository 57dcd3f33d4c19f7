/** A table of a text file: comments, and rows of cells with their line numbers. */
export interface Table {
  readonly file: string;
  readonly comments: readonly string[];
  readonly rows: readonly TableRow[];
}

export interface TableRow {
  /** Number of the line, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** A file that cannot be used, with the line and the reason. */
export class MatrixError extends Error {
  constructor(file: string, line: number | undefined, why: string) {
    super(line === undefined ? `${file}: ${why}` : `${file}:${line}: ${why}`);
    this.name = 'MatrixError';
  }
}

/**
 * Splits a text into cells. Cells are separated by tabs, or by commas if no line has a tab. Lines
 * that begin with # are comments; empty lines are left out.
 * @param file - name for messages
 */
export function parseTable(file: string, text: string): Table {
  const lines = text.split(/\r?\n/).map((content, index) => ({ content, line: index + 1 }));
  const isComment = ({ content }: { content: string }) => content.startsWith('#');
  const filled = lines.filter((one) => one.content.trim() !== '' && !isComment(one));
  const separator = filled.some(({ content }) => content.includes('\t')) ? '\t' : ',';
  return {
    file,
    comments: lines.filter(isComment).map(({ content }) => content.slice(1).trim()),
    rows: filled.map(({ content, line }) => ({
      line,
      cells: content.split(separator).map((cell) => cell.trim()),
    })),
  };
}

/**
 * Returns the numbers of a cell, which / separates.
 * @returns undefined for a missing value: empty, `-` or `NaN`
 * @throws MatrixError for anything that is no number
 */
export function parseCell(cell: string, file: string, line: number): readonly number[] | undefined {
  if (cell === '' || cell === '-' || cell.toLowerCase() === 'nan') return undefined;
  const values = cell.split('/').map(Number);
  if (
    cell.includes(' ') ||
    values.some((value) => !Number.isFinite(value)) ||
    /\/\/|^\/|\/$/.test(cell)
  ) {
    throw new MatrixError(file, line, `'${shortened(cell)}' is no round-trip time in ms`);
  }
  if (values.some((value) => value < 0)) {
    throw new MatrixError(file, line, `a round-trip time of ${shortened(cell)} is negative`);
  }
  return values;
}

const SHOWN_LENGTH = 40;

/** Returns the beginning of a text from a file, for a message. */
export function shortened(text: string): string {
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}
