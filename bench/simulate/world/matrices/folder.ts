import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Place } from '../geography.js';
import { type MatrixForm, matrixForm, type NamedMatrix, parseMatrix } from './matrix.js';
import { isSiteList, parseSiteList, type SiteList } from './sites.js';
import { MatrixError, parseTable, type Table } from './table.js';

/** A matrix without gaps, ready to be replayed. */
export interface ReplayMatrix {
  readonly title: string;
  readonly size: number;
  readonly rttMs: Float32Array;
  readonly jitterMs: Float32Array;
  readonly names: readonly string[];
  readonly places: readonly Place[] | undefined;
  /** Sites left out because pairs with them, or their places, are missing. */
  readonly dropped: number;
}

/** The matrices of a folder, and the files that hold none. */
export interface MatrixFolder {
  readonly matrices: readonly ReplayMatrix[];
  readonly ignored: readonly string[];
}

const TEXT = /\.(tsv|csv|txt)(\.gz)?$/;
/** Share of a matrix's sites that a list must know to be its list. */
const KNOWN_SHARE_MIN = 0.8;
/** Fewer sites are no planet. */
const SITES_MIN = 24;

/**
 * Reads all matrices of a folder.
 * @throws MatrixError for a broken file, or if there is no matrix
 */
export function readMatrixFolder(folder: string): MatrixFolder {
  const files = textFiles(folder);
  const tables = files.map((file) => parseTable(file, readText(join(folder, file))));
  const lists = tables.filter(isSiteList).map(parseSiteList);
  const others = tables.filter((table) => !isSiteList(table));
  const forms = new Map(others.map((table) => [table, matrixForm(table)]));
  const whole: ReplayMatrix[] = [];
  const ignored: string[] = [];
  for (const [table, form] of forms) {
    const matrix = form === undefined ? undefined : replayable(table, form, lists);
    if (matrix === undefined || matrix.size < SITES_MIN) ignored.push(table.file);
    else whole.push(matrix);
  }
  if (whole.length === 0) {
    const what = 'no matrix of round-trip times';
    throw new MatrixError(folder, undefined, `${what}: docs/simulation.md shows the formats`);
  }
  return { matrices: whole, ignored };
}

function textFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => TEXT.test(file))
      .sort();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such folder' : message;
    throw new MatrixError(folder, undefined, code === 'ENOTDIR' ? 'it is no folder' : why);
  }
}

function readText(path: string): string {
  const bytes = readFileSync(path);
  if (!path.endsWith('.gz')) return bytes.toString('utf8');
  try {
    return gunzipSync(bytes).toString('utf8');
  } catch (cause) {
    throw new MatrixError(basename(path), undefined, `not gzip: ${(cause as Error).message}`);
  }
}

function replayable(table: Table, form: MatrixForm, lists: readonly SiteList[]): ReplayMatrix {
  const matrix = parseMatrix(table, form);
  const list = siteListOf(matrix, lists);
  const names = matrix.names ?? list?.sites.map(({ name }) => name);
  const byName = placesByName(list);
  const placeOf = (index: number) =>
    matrix.names === undefined ? list?.sites[index] : byName.get(matrix.names[index] ?? '');
  const whole = withoutGaps(matrix);
  const kept = list === undefined ? whole : whole.filter((index) => placeOf(index) !== undefined);
  const cut = (values: Float32Array) =>
    Float32Array.from({ length: kept.length ** 2 }, (_, cell) => {
      const [row, column] = [Math.floor(cell / kept.length), cell % kept.length];
      return values[(kept[row] as number) * matrix.size + (kept[column] as number)] as number;
    });
  return {
    title: table.file.replace(TEXT, ''),
    size: kept.length,
    rttMs: cut(matrix.rttMs),
    jitterMs: cut(matrix.jitterMs),
    names: kept.map((index) => names?.[index] ?? `site ${index}`),
    places: list === undefined ? undefined : kept.map((index) => placeOf(index) as Place),
    dropped: matrix.size - kept.length,
  };
}

/**
 * Returns the site list of a matrix. One with names has the list that holds most of them. One
 * without has a list of as many sites whose file name begins with the same words.
 */
function siteListOf(matrix: NamedMatrix, lists: readonly SiteList[]): SiteList | undefined {
  const { names, size, file } = matrix;
  if (names === undefined) {
    const alike = lists.filter(({ sites }) => sites.length === size);
    return alike.find((list) => stem(list.file) === stem(file));
  }
  const shares = lists.map(({ sites }) => {
    const known = new Set(sites.map(({ name }) => name));
    return names.filter((name) => known.has(name)).length / names.length;
  });
  const most = Math.max(...shares);
  return most >= KNOWN_SHARE_MIN ? lists[shares.indexOf(most)] : undefined;
}

/** Returns the places of the names that only one site has. */
function placesByName(list: SiteList | undefined): Map<string, Place> {
  const places = new Map<string, Place>();
  const seen = new Set<string>();
  for (const site of list?.sites ?? []) {
    if (seen.has(site.name)) places.delete(site.name);
    else places.set(site.name, site);
    seen.add(site.name);
  }
  return places;
}

/** Returns a file's name up to its last word: `towns-2020` of `towns-2020-rtt.tsv`. */
function stem(file: string): string {
  return file.replace(TEXT, '').replace(/[-_][^-_]*$/, '');
}

/** Returns the sites that are left if that with the most gaps is dropped until none has any. */
function withoutGaps({ size, rttMs }: NamedMatrix): number[] {
  const kept = new Set(Array.from({ length: size }, (_, index) => index));
  const gaps = Int32Array.from({ length: size }, (_, site) =>
    rttMs
      .subarray(site * size, (site + 1) * size)
      .reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0),
  );
  for (;;) {
    let worst = -1;
    for (const site of kept) {
      if ((gaps[site] as number) > (worst < 0 ? 0 : (gaps[worst] as number))) worst = site;
    }
    if (worst < 0) return [...kept];
    kept.delete(worst);
    for (const site of kept) {
      if (Number.isNaN(rttMs[site * size + worst])) gaps[site] = (gaps[site] as number) - 1;
    }
  }
}
