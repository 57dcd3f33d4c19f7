const NUMBER = /^-?\d+(\.\d+)?( %)?$/;

/**
 * Aligns the cells of a table: numbers to the right, with their headers, and text to the left.
 * @param rows - the header first; each has as many cells
 * @returns the lines, indented by two blanks
 */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const [header = [], ...body] = rows;
  const widths = header.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const isNumber = header.map((_, at) => body.every((row) => NUMBER.test(row[at] ?? '')));
  const line = (row: readonly string[]) =>
    row.map((cell, at) => {
      const width = widths[at] ?? 0;
      return isNumber[at] ? cell.padStart(width) : cell.padEnd(width);
    });
  return rows.map((row) => `  ${line(row).join('  ')}`.trimEnd());
}
