import { MatrixError, parseCell, shortened, type Table, type TableRow } from './table.js';

/** A matrix of round-trip times between named sites. */
export interface NamedMatrix {
  readonly file: string;
  /** Undefined if the file does not name its sites. */
  readonly names: readonly string[] | undefined;
  readonly size: number;
  /** Row by row, ms; both directions averaged; NaN where missing. */
  readonly rttMs: Float32Array;
  /** Mean deviation, ms; 0 where the file has none. */
  readonly jitterMs: Float32Array;
}

/** Forms of a matrix. */
export type MatrixForm = 'square' | 'pairs' | 'triangle';

/** Names of columns of a pair list, the best first. */
const RTT_HEADS = ['rtt', 'rtt_ms', 'avg', 'avg_ms', 'mean', 'p50', 'median', 'min'];
const JITTER_HEADS = ['mdev', 'jitter', 'jitter_ms', 'std_ms', 'sd'];
const ENDS = [
  ['from', 'to'],
  ['a', 'b'],
  ['source', 'destination'],
] as const;
/** A larger matrix would need more than 400 MB. */
const SITES_MAX = 5_000;
const TENTHS = /tenths of a (ms|millisecond)/i;

/** Returns the form of a table by its header and the lengths of its rows; undefined for none. */
export function matrixForm({ rows, comments }: Table): MatrixForm | undefined {
  const [first, second] = rows;
  if (first === undefined || second === undefined) return undefined;
  const heads = first.cells.map((head) => head.toLowerCase());
  if (pairColumns(heads) !== undefined) return 'pairs';
  if (comments.some((comment) => /upper triangle/i.test(comment))) return 'triangle';
  const names = new Set(first.cells.slice(1));
  const named = rows.slice(1).filter(({ cells }) => names.has(cells[0] ?? '')).length;
  return names.size >= 2 && named >= names.size / 2 ? 'square' : undefined;
}

function pairColumns(heads: readonly string[]) {
  const ends = ENDS.find((names) => names.every((name) => heads.includes(name)));
  const rtt = RTT_HEADS.find((name) => heads.includes(name));
  if (ends === undefined || rtt === undefined) return undefined;
  const jitter = JITTER_HEADS.find((name) => heads.includes(name));
  return {
    from: heads.indexOf(ends[0]),
    to: heads.indexOf(ends[1]),
    rtt: heads.indexOf(rtt),
    jitter: jitter === undefined ? -1 : heads.indexOf(jitter),
  };
}

/**
 * Reads a matrix in one of the forms of docs/simulation.md.
 * @throws MatrixError with the line and the reason
 */
export function parseMatrix(table: Table, form: MatrixForm): NamedMatrix {
  if (form === 'pairs') return parsePairs(table);
  return form === 'square' ? parseSquare(table) : parseTriangle(table);
}

/** Sums up both directions of each pair. */
class Cells {
  readonly #size: number;
  readonly #rtt: Float64Array;
  readonly #jitter: Float64Array;
  readonly #count: Uint8Array;

  constructor(file: string, size: number) {
    if (size > SITES_MAX) {
      throw new MatrixError(file, undefined, `${size} sites are more than ${SITES_MAX}`);
    }
    this.#size = size;
    this.#rtt = new Float64Array(size * size);
    this.#jitter = new Float64Array(size * size);
    this.#count = new Uint8Array(size * size);
  }

  add(a: number, b: number, rttMs: number, jitterMs: number): void {
    for (const cell of [a * this.#size + b, b * this.#size + a]) {
      if (this.#count[cell] === 255) continue;
      this.#rtt[cell] = (this.#rtt[cell] as number) + rttMs;
      this.#jitter[cell] = (this.#jitter[cell] as number) + jitterMs;
      this.#count[cell] = (this.#count[cell] as number) + 1;
    }
  }

  matrix(file: string, names: readonly string[] | undefined): NamedMatrix {
    const size = this.#size;
    const mean = (sum: number, cell: number) => sum / (this.#count[cell] as number);
    const rttMs = Float32Array.from(this.#rtt, mean);
    const jitterMs = Float32Array.from(this.#jitter, mean);
    for (let site = 0; site < size; site++) rttMs[site * size + site] = 0;
    return { file, names, size, rttMs, jitterMs };
  }
}

function parseSquare({ file, rows }: Table): NamedMatrix {
  const [header, ...others] = rows as [TableRow, ...TableRow[]];
  const columns = header.cells.slice(1);
  // Some programs end each line with a separator.
  if (columns.at(-1) === '') columns.pop();
  const index = new Map(columns.map((name, at) => [name, at]));
  if (index.size < columns.length) {
    throw new MatrixError(file, header.line, 'the header names a site twice');
  }
  // A site may have a row but no column: each direction counts for both.
  for (const { cells } of others) {
    const [name = ''] = cells;
    if (!index.has(name)) index.set(name, index.size);
  }
  const found = new Cells(file, index.size);
  const seen = new Set<string>();
  for (const { line, cells } of others) {
    const [name = '', ...values] = cells;
    if (name === '') throw new MatrixError(file, line, 'the row names no site');
    if (seen.has(name)) {
      throw new MatrixError(file, line, `the site '${shortened(name)}' has a row already`);
    }
    seen.add(name);
    if (values.slice(columns.length).some((cell) => cell !== '')) {
      const counts = `${values.length} values for ${columns.length} columns`;
      throw new MatrixError(file, line, counts);
    }
    const from = index.get(name) ?? 0;
    for (const [to, cell] of values.slice(0, columns.length).entries()) {
      const value = parseCell(cell, file, line);
      if (value !== undefined && to !== from) found.add(from, to, ...rttAndJitter(value));
    }
  }
  return found.matrix(file, [...index.keys()]);
}

function parsePairs({ file, rows }: Table): NamedMatrix {
  const [header, ...others] = rows as [TableRow, ...TableRow[]];
  const columns = pairColumns(header.cells.map((head) => head.toLowerCase()));
  if (columns === undefined) throw new MatrixError(file, header.line, 'no header of a pair list');
  const index = new Map<string, number>();
  const site = (name: string, line: number) => {
    if (name === '') throw new MatrixError(file, line, 'a site has no name');
    const at = index.get(name) ?? index.size;
    index.set(name, at);
    return at;
  };
  const pairs = others.map(({ line, cells }) => ({
    from: site(cells[columns.from] ?? '', line),
    to: site(cells[columns.to] ?? '', line),
    rtt: parseCell(cells[columns.rtt] ?? '', file, line),
    jitter: columns.jitter < 0 ? undefined : parseCell(cells[columns.jitter] ?? '', file, line),
  }));
  const found = new Cells(file, index.size);
  for (const { from, to, rtt, jitter } of pairs) {
    if (from !== to && rtt !== undefined) found.add(from, to, rtt[0] ?? 0, jitter?.[0] ?? 0);
  }
  return found.matrix(file, [...index.keys()]);
}

function parseTriangle({ file, rows, comments }: Table): NamedMatrix {
  const size = rows.length + 1;
  const unit = comments.some((comment) => TENTHS.test(comment)) ? 0.1 : 1;
  const found = new Cells(file, size);
  for (const [from, { line, cells }] of rows.entries()) {
    const expected = size - 1 - from;
    if (cells.length !== expected) {
      const counts = `${cells.length} values; row ${from + 1} of ${size} sites has ${expected}`;
      throw new MatrixError(file, line, counts);
    }
    for (const [at, cell] of cells.entries()) {
      const value = parseCell(cell, file, line);
      if (value === undefined) continue;
      const [rttMs, jitterMs] = rttAndJitter(value);
      found.add(from, from + 1 + at, rttMs * unit, jitterMs * unit);
    }
  }
  return found.matrix(file, undefined);
}

/** Takes `rtt`, `min/avg` or `min/avg/mdev`. */
function rttAndJitter(values: readonly number[]): [rttMs: number, jitterMs: number] {
  const [first = 0, average = first, deviation = 0] = values;
  return [average, deviation];
}
