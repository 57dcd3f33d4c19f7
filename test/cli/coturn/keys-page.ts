import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { COTURN_KEYS, type CoturnVerdict } from '../../../src/cli/coturn/coturn-keys.js';

/** The page, whose table of keys is made from the code. */
export const PAGE = fileURLToPath(new URL('../../../docs/from-coturn.md', import.meta.url));

const [BEGIN, END] = ['<!-- begin keys -->', '<!-- end keys -->'];

const VERDICTS: Readonly<Record<CoturnVerdict, string>> = {
  taken: 'taken',
  same: 'so anyway',
  'no-effect': 'no effect',
  warned: 'warning',
  refused: 'does not start',
};

/** Returns the page with its table made from `COTURN_KEYS`: a row for each verdict and reason. */
export function renewed(page: string): string {
  const rows = new Map<string, string[]>();
  for (const [key, { verdict, here, usual }] of Object.entries(COTURN_KEYS)) {
    const unless = usual === undefined ? '' : ` (\`${usual}\` is so anyway)`;
    const row = `${VERDICTS[verdict]} | ${here}${unless}`;
    rows.set(row, [...(rows.get(row) ?? []), `\`${key}\``]);
  }
  const table = [...rows].map(([row, keys]) => `| ${keys.join(', ')} | ${row} |`);
  const text = ['| Key | Verdict | Here |', '|---|---|---|', ...table].join('\n');
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before < 0 || after < before) throw new Error(`docs/from-coturn.md has no ${BEGIN}`);
  return `${page.slice(0, before)}${BEGIN}\n\n${text}\n\n${page.slice(after)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(PAGE, renewed(readFileSync(PAGE, 'utf8')));
}
