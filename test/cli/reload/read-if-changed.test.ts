import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { ReadIfChanged } from '../../../src/cli/reload/read-if-changed.js';

t.test('an unchanged file is read three times, and a changed or renamed one again', async (t) => {
  const folder = t.testdir({ users: 'one' });
  const path = join(folder, 'users');
  let reads = 0;
  const file = new ReadIfChanged(async (from) => {
    reads += 1;
    return { text: await readFile(from, 'utf8') };
  });
  const values = [];
  for (let i = 0; i < 6; i += 1) values.push(await file.read(path));
  t.equal(reads, 3);
  t.equal(values[5], values[2], 'it is the same value');
  writeFileSync(path, 'longer');
  t.strictSame(await file.read(path), { text: 'longer' });
  writeFileSync(join(folder, 'next'), 'other!');
  renameSync(join(folder, 'next'), path);
  t.strictSame(await file.read(path), { text: 'other!' });
});

t.test('a file that cannot be read is tried each time', async (t) => {
  const path = join(t.testdir(), 'users');
  const file = new ReadIfChanged((from) => readFile(from, 'utf8'));
  await t.rejects(file.read(path), { code: 'ENOENT' });
  mkdirSync(path);
  for (let i = 0; i < 5; i += 1) await t.rejects(file.read(path), { code: 'EISDIR' });
});
