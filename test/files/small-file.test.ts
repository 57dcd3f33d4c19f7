import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { FIRST_READ_MS, readSmallFile, SMALL_FILE_BYTES_MAX } from '../../src/files/small-file.js';

const folder = t.testdir();
const read = (path: string) =>
  readSmallFile({ path: join(folder, path), source: '--key-file', code: 'ERR_TURNPIKE_SECRET' });

t.test('a byte order mark is not part of the text', async (t) => {
  writeFileSync(join(folder, 'marked'), '\uFEFFtext\r\n');
  t.equal(await read('marked'), 'text\r\n');
});

t.test('the error names the option, the file and the fault', async (t) => {
  mkdirSync(join(folder, 'folder'));
  writeFileSync(join(folder, 'empty'), ' \n');
  writeFileSync(join(folder, 'large'), 'x'.repeat(SMALL_FILE_BYTES_MAX + 1));
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

t.test('a pipe is read to its end, and refused with `again`', async (t) => {
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const reading = read('pipe');
  await new Promise((resolve) => setTimeout(resolve, 100));
  const writer = await open(join(folder, 'pipe'), 'w');
  await writer.write('sec');
  await new Promise((resolve) => setTimeout(resolve, 100));
  await writer.write('ret\n');
  await writer.close();
  t.equal(await reading, 'secret\n');
  const file = { path: join(folder, 'pipe'), source: '--x', code: 'ERR_TURNPIKE_SECRET' } as const;
  const message = /it is a pipe, such as `<\(…\)`/;
  await t.rejects(readSmallFile({ ...file, again: true }), { errno: 'ESPIPE', message });
});

t.test(
  'a pipe that is closed without data is empty, and data that arrives late is read',
  async (t) => {
    const module = new URL('../../src/files/small-file.ts', import.meta.url).href;
    const program = `
    const { readSmallFile } = await import('${module}');
    const file = { path: process.argv[1], source: '--x', code: 'ERR_TURNPIKE_SECRET' };
    console.log(await readSmallFile(file).catch(({ message }) => message));
  `;
    for (const [writer, says] of [
      ['false', /^--x \/dev\/fd\/\d+: it is empty\n$/],
      ['sleep 3; echo text', /^text\n\n$/],
    ] as const) {
      const line = `exec "$0" --import tsx --input-type=module -e "$1" <(${writer})`;
      // Shorter than the maximum time of a first read.
      const timeout = FIRST_READ_MS / 2;
      const said = execFileSync('bash', ['-c', line, process.execPath, program], { timeout });
      t.match(said.toString(), says);
    }
  },
);

t.test('a read without data ends with ETIMEDOUT', async (t) => {
  // A terminal without input.
  const file = { path: '/dev/ptmx', source: '--x', code: 'ERR_TURNPIKE_CONFIG' } as const;
  await t.rejects(readSmallFile({ ...file, again: true }), {
    errno: 'ETIMEDOUT',
    message: /^--x \/dev\/ptmx: nothing came in time: does its disk hang/,
  });
});
