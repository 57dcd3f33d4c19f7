import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readSmallFile } from '../../src/auth/small-file.js';
import { LIMITS } from '../../src/limits.js';

const folder = t.testdir();
const read = (path: string) =>
  readSmallFile({ path: join(folder, path), source: '--key-file', code: 'ERR_TURNPIKE_SECRET' });

t.test('a byte order mark is none of the text', async (t) => {
  writeFileSync(join(folder, 'marked'), '\uFEFFtext\r\n');
  t.equal(await read('marked'), 'text\r\n');
});

t.test('what cannot be read names the option, the file and what is wrong', async (t) => {
  mkdirSync(join(folder, 'folder'));
  writeFileSync(join(folder, 'empty'), ' \n');
  writeFileSync(join(folder, 'large'), 'x'.repeat(LIMITS.smallFileBytesMax + 1));
  for (const [path, errno, says] of [
    ['absent', 'ENOENT', /there is no such file/],
    ['folder', 'EISDIR', /it is a folder/],
    ['empty/x', 'ENOTDIR', /a part of its path is no folder/],
    ['empty', undefined, /it is empty/],
    ['large', undefined, /it is larger than/],
  ] as const) {
    const message = new RegExp(`^--key-file .*${path}: ${says.source}`);
    await t.rejects(read(path), { code: 'ERR_TURNPIKE_SECRET', errno, message });
  }
});
