import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ROOT, readSource } from './source-files.js';

const { lines, text } = readSource('docs/standards.md');

/** The rows of its tables, as cells, without the headings. */
const rows = lines
  .filter((line, index) => line.startsWith('| ') && !(lines[index + 1] ?? '').startsWith('|---'))
  .map((line) => line.slice(2, -2).split(' | '));

/** What stands for no code or no test. */
const NONE = '–';

/** Returns whether a file of tests has one with a title. */
function hasTest(path: string, title: string): boolean {
  const source = readSource(path).text;
  const [suite = '', name = ''] = title.split('.');
  if (path.endsWith('.cc')) return source.includes(`TEST(${suite}, ${name})`);
  // A title may be made of a template, whose beginning is named then.
  const plain = source.replaceAll("\\'", "'");
  return ["'", '"', '`'].some((quote) => plain.includes(`${quote}${title}`));
}

t.test('every test that docs/standards.md names exists', async (t) => {
  const named = rows
    .map((cells) => cells.at(-1) ?? '')
    .filter((cell) => cell !== NONE)
    .flatMap((cell) => cell.split('<br>'))
    .map((entry) => /^`(test\/[^`]+)`: (.+)$/.exec(entry)?.slice(1) ?? [entry, '']);
  t.ok(named.length > 100);
  const missing = named.filter(
    ([path = '', title = '']) => !existsSync(join(ROOT, path)) || !hasTest(path, title),
  );
  t.strictSame(missing, []);
});

t.test('a row of docs/standards.md without a test says why', async (t) => {
  const bare = rows.filter((cells) => {
    const here = cells.at(cells.length === 5 ? 2 : -2) ?? '';
    return cells.at(-1) === NONE && here === 'yes';
  });
  t.strictSame(bare, []);
  t.strictSame(
    rows.filter((cells) => cells.length !== 5 && cells.length !== 4),
    [],
  );
});

t.test('docs/standards.md has each of the behaviours of clients', async (t) => {
  const [, table = ''] = text.split('## What clients depend on');
  const numbers = [...table.matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number));
  t.strictSame(
    numbers,
    Array.from({ length: 31 }, (_, index) => index + 1),
  );
});
