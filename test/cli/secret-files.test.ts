import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { readApiKey, warnIfReadable } from '../../src/cli/secret-files.js';

const KEY = 'mDp0Yk2cQ1rN7uZ5tXw8aB3eF6hJ9lO4sV0yC2gI1kM=';

t.test('an API key is one line', async (t) => {
  const keys = {
    plain: KEY,
    line: `${KEY}\n`,
    windows: `\uFEFF${KEY}\r\n`,
    blanks: ` ${KEY} \n\n`,
    token: 'abc-def.ghi_jkl~mno',
  };
  const folder = t.testdir(keys);
  for (const [name, text] of Object.entries(keys)) {
    t.equal(await readApiKey(join(folder, name)), text.trim(), name);
  }
});

t.test('an invalid API key is refused with a message that does not contain it', async (t) => {
  const keys = {
    empty: '',
    short: 'abcdefghijklmno',
    long: 'a'.repeat(513),
    lines: `${KEY}\n${KEY}\n`,
    header: `${KEY}\r\nX: y`,
  };
  const folder = t.testdir(keys);
  for (const [name, text] of Object.entries(keys)) {
    const error = await readApiKey(join(folder, name)).catch((caught) => caught);
    t.equal(error.code, 'ERR_TURNPIKE_SECRET', name);
    t.notOk(text.length > 9 && error.message.includes(text.slice(0, 10)), `${name} is not shown`);
  }
  await t.rejects(readApiKey(join(folder, 'missing')), {
    code: 'ERR_TURNPIKE_SECRET',
    errno: 'ENOENT',
  });
});

t.test('a file that others can read is logged as a warning', async (t) => {
  const file = join(t.testdir({ key: KEY }), 'key');
  const warned = async (mode: number) => {
    const lines: string[] = [];
    chmodSync(file, mode);
    await warnIfReadable(file, pino({}, { write: (line) => lines.push(line) }));
    return lines.length === 1;
  };
  t.notOk(await warned(0o600));
  t.notOk(await warned(0o400));
  t.ok(await warned(0o640));
  t.ok(await warned(0o604));
  await warnIfReadable(join(file, 'missing'), pino({}, { write: () => t.fail('no file') }));
});
