import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ROOT } from '../house/source-files.js';

const page = readFileSync(join(ROOT, 'docs', 'data-plane.md'), 'utf8');
/** The programs of the page, each with the output that the page gives. */
const programs = [
  ...page.matchAll(/```js\n([^`]*?openDataPlane\([\s\S]*?)```\n+It prints `([^`]*)`/g),
];

// A project with the package installed.
const folder = mkdtempSync(join(tmpdir(), 'turnpike-embedding-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, 'node_modules'));
symlinkSync(ROOT, join(folder, 'node_modules', 'turnpike'));

t.test('the programs of docs/data-plane.md print the output that it gives', async (t) => {
  t.equal(programs.length, 2);
  for (const [, source = '', prints = ''] of programs) {
    const file = join(folder, 'program.mjs');
    writeFileSync(file, source);
    const output = execFileSync(process.execPath, [file], { encoding: 'utf8', timeout: 30_000 });
    t.equal(output.trim(), prints);
  }
});
