import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { labSupport } from '../../src/lab/index.js';
import { BoundedText } from './bounded-text.js';
import { failureFolder, KEPT_FAILURES, KEPT_FILE_BYTES } from './evidence.js';

const PROGRAM = fileURLToPath(new URL('./programs/failing-tests.ts', import.meta.url));

const support = labSupport();
const skip = { skip: !support.ok && support.why };

t.setTimeout(180_000);

/** Runs failing-tests.ts. @returns its output and the files that it kept */
async function runTests(t: Test, how: string) {
  const parent = join(t.testdir(), 'failures');
  const argv = ['--import', 'tsx', PROGRAM, how, parent];
  const { TAP: _, ...env } = process.env;
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, argv, { env }, (_error, stdout) => resolve(stdout));
  });
  const [folder, ...others] = existsSync(parent) ? readdirSync(parent) : [];
  t.same(others, [], 'one failure is kept once');
  const files = folder === undefined ? [] : readdirSync(join(parent, folder));
  const read = (name: RegExp) => {
    const file = files.find((each) => name.test(each));
    return file === undefined ? '' : readFileSync(join(parent, folder ?? '', file), 'utf8');
  };
  return { output, folder: folder === undefined ? undefined : join(parent, folder), files, read };
}

for (const how of ['fails', 'throws', 'hangs'] as const) {
  t.test(
    `a test that ${how} keeps the output of its programs and the state of its networks`,
    skip,
    async (t) => {
      const { output, folder = '', files, read } = await runTests(t, how);
      t.match(output, /^not ok /m);
      t.ok(output.includes(`is in ${folder}`), 'a comment names the folder');
      t.match(output, /# host: last$/m, 'comments show the last lines of a program');
      t.match(output, /# host: to nobody$/m);

      t.match(read(/program-0/), /status 0\n.*a line of many .*left out.*\nlast\n$/s);
      t.match(read(/program-1/), /runs as \d+\n.*State:.*\nto nobody\n$/s);
      t.match(read(/^network-host/), /link\/ether.*192\.0\.2\.\d+\/32/s);
      t.match(read(/^network-host/), /# cat \/proc\/net\/softnet_stat\n[0-9a-f]{8} /);
      t.match(read(/^network-nat/), /oifname "wan" masquerade/);
      t.match(read(/^network-internet/), /numgen random mod 100000 < 50000 counter packets \d+/);
      t.equal(read(/^asked/), 'an answer\n');
      t.match(read(/^machine/), /# cat \/proc\/loadavg\n\d/);
      for (const file of files) {
        t.ok(
          statSync(join(folder, file)).size <= KEPT_FILE_BYTES + 4_096,
          `${file} is within the bound`,
        );
      }
    },
  );
}

t.test('a test that passes keeps nothing', skip, async (t) => {
  const { output, folder } = await runTests(t, 'passes');
  t.match(output, /^ok 1 - passes/m);
  t.equal(folder, undefined);
});

t.test('beyond KEPT_FAILURES the oldest failures are removed', async (t) => {
  const parent = t.testdir();
  const folders = Array.from({ length: KEPT_FAILURES + 3 }, (_, n) => {
    const folder = failureFolder(parent);
    mkdirSync(`${folder}-${n}`);
    return `${folder}-${n}`;
  });
  t.same(folders.filter(existsSync).length, KEPT_FAILURES);
  t.ok(existsSync(folders.at(-1) ?? ''));
});

t.test('BoundedText keeps the beginning and the end', async (t) => {
  const text = new BoundedText(8);
  for (const part of ['ab', 'cdefgh', '', 'ijklmnopq', 'rstuvwxyz']) text.add(part);
  t.equal(text.text(), 'ab\n... 18 characters left out ...\nuvwxyz');
  t.equal(new BoundedText(8).add('abcdefgh').text(), 'abcdefgh');
});
