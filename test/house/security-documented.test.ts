import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ROOT, readSource } from './source-files.js';

const ACTORS = [
  'A stranger',
  'A peer',
  'A user of TURN',
  'A tenant',
  'A relay with a stolen secret',
  'Someone on the way',
  'A neighbour on the management network',
];

t.test('the threat model has every actor, and the tests that it names exist', async (t) => {
  const { text, lines } = readSource('docs/security.md');
  t.strictSame(
    ACTORS.filter((actor) => !lines.includes(`## ${actor}`)),
    [],
  );
  const rows = lines.filter((line) => line.startsWith('| ') && !/^\| (Asset|Tries) /.test(line));
  const attempts = rows.slice(rows.findIndex((line) => line.includes('any bytes to any parser')));
  t.ok(attempts.length > ACTORS.length);
  for (const row of attempts) {
    t.match(row, /\| [^|]+ \| [^|]+ \| `test\/.+ \|$/, 'has a figure and a test');
  }
  const named = [...text.matchAll(/`((?:test|bench)\/[^`]+)`/g)].map(([, path = '']) => path);
  t.strictSame(
    named.filter((path) => !existsSync(join(ROOT, path))),
    [],
  );
});
