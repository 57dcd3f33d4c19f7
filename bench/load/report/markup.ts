const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** Text as HTML and SVG can hold it. */
export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
}

/** A cell: text, or a number's text that aligns to the right. */
export interface Cell {
  readonly text: string;
  readonly numeric?: boolean;
  /** A class that colours it. */
  readonly mark?: 'met' | 'missed';
}

/** A figure's cell. */
export function figure(text: string): Cell {
  return { text, numeric: true };
}

/** A table that scrolls where the page is narrower. */
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

/** A list of lines. */
export function bullets(lines: readonly string[]): string {
  return `<ul>${lines.map((line) => `<li>${escapeMarkup(line)}</li>`).join('')}</ul>`;
}
