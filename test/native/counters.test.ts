import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { COUNTERS, type CounterMeaning } from '../../src/native/counters.js';
import { ROOT } from '../house/source-files.js';

const entries = Object.entries(COUNTERS as Record<string, CounterMeaning>);

t.test('docs/data-plane.md lists every counter with its unit and meaning', async (t) => {
  const page = readFileSync(join(ROOT, 'docs', 'data-plane.md'), 'utf8');
  const rows = page.split('\n').filter((line) => /^\| `\w+` \| \w+ \| /.test(line));
  t.strictSame(
    rows.filter((row) => row.startsWith('| `') && !row.includes('ERR_')),
    entries.map(([name, { unit, dropped, means }]) => {
      return `| \`${name}\` | ${unit} | ${dropped === true ? 'dropped: ' : ''}${means} |`;
    }),
  );
});
