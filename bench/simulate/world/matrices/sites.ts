import type { Place } from '../geography.js';
import { MatrixError, shortened, type Table, type TableRow } from './table.js';

/** The sites of a matrix by name, in the order of the file. */
export interface SiteList {
  readonly file: string;
  readonly sites: readonly (Place & { readonly name: string })[];
}

const LATITUDE = ['lat', 'latitude'];
const LONGITUDE = ['lon', 'lng', 'longitude'];
const NAME = ['name', 'region', 'site', 'city', 'id'];

/** Returns whether a table has the header of a site list: a latitude and a longitude. */
export function isSiteList({ rows }: Table): boolean {
  const heads = rows[0]?.cells.map((head) => head.toLowerCase()) ?? [];
  return [LATITUDE, LONGITUDE].every((names) => heads.some((head) => names.includes(head)));
}

/**
 * Reads a site list: a header with `lat` and `lon` (degrees) and a name.
 * @throws MatrixError for a site without a name or with an impossible place
 */
export function parseSiteList(table: Table): SiteList {
  const { file, rows } = table;
  const [header, ...others] = rows;
  const heads = header?.cells.map((head) => head.toLowerCase()) ?? [];
  const column = (names: readonly string[]) =>
    names.map((name) => heads.indexOf(name)).find((at) => at >= 0) ?? -1;
  const at = { name: column(NAME), latitude: column(LATITUDE), longitude: column(LONGITUDE) };
  if (at.name < 0) {
    throw new MatrixError(file, header?.line, `the header has no ${NAME.join(', ')} column`);
  }
  const sites = others.map((row) => {
    const name = row.cells[at.name] ?? '';
    if (name === '') throw new MatrixError(file, row.line, 'the site has no name');
    const latitude = degrees(file, row, at.latitude, 90);
    return { name, latitude, longitude: degrees(file, row, at.longitude, 180) };
  });
  return { file, sites };
}

function degrees(file: string, { line, cells }: TableRow, column: number, most: number): number {
  const text = cells[column] ?? '';
  const value = Number(text);
  if (text === '' || !(Math.abs(value) <= most)) {
    throw new MatrixError(file, line, `'${shortened(text)}' is no angle of -${most} to ${most}`);
  }
  return value;
}
