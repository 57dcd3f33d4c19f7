const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** Escapes text for HTML and SVG. */
export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
}

/** A cell of a table. */
export interface Cell {
  readonly text: string;
  /** Whether it is a number, which is not wrapped. */
  readonly numeric?: boolean;
  /** Class that sets its colour. */
  readonly mark?: 'met' | 'missed';
}

/** Returns the cell of a figure. */
export function figure(text: string): Cell {
  return { text, numeric: true };
}

/** Returns a table that scrolls on a narrower page. */
export function table(heads: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const head = heads.map((text) => `<th scope="col">${escapeMarkup(text)}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n');
  return (
    `<div class="scroll"><table><thead><tr>${head}</tr></thead>\n` +
    `<tbody>${body}</tbody></table></div>`
  );
}

function cell({ text, numeric, mark }: Cell): string {
  const classes = [numeric === true ? 'number' : '', mark ?? ''].filter((name) => name !== '');
  const attribute = classes.length === 0 ? '' : ` class="${classes.join(' ')}"`;
  return `<td${attribute}>${escapeMarkup(text)}</td>`;
}

/** Returns a list with an item for each line. */
export function bullets(lines: readonly string[]): string {
  return `<ul>${lines.map((line) => `<li>${escapeMarkup(line)}</li>`).join('')}</ul>`;
}
