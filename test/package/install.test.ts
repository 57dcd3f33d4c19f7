import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import t, { type Test } from 'tap';
import { findCommand } from '../setup/system-packages.js';
import { toolFolderWithout } from '../setup/tool-folder.js';
import { makeToolFolder, type Outcome, ROOT, Sandbox } from './sandbox.js';
import { makeTarballs, pack, registryAnswers, type Tarballs } from './tarballs.js';

// Compiles the addon twice and installs the dependencies several times: five minutes, and more on
// a busy machine.
t.setTimeout(1_200_000);

const OPEN_RELAY = `
import { Relay } from 'turnpike';
const key = new Uint8Array(32).fill(7);
const relay = await Relay.open({
  id: 'a', region: 'r', listen: ['127.0.0.1:0'], trunk: ['127.0.0.1:0'],
  relaySecret: key, tenantRoot: key,
});
const [{ port }] = relay.serviceAddresses;
await relay.close();
console.log(port > 0 ? 'opened and closed' : 'no port');
`;

const OPEN_DATA_PLANE = `
import { openDataPlane } from 'turnpike/data-plane';
const plane = openDataPlane({
  clientAddresses: [{ address: '127.0.0.1', port: 0 }], trunkAddresses: [], onBatch: () => {},
});
await plane.close();
console.log('opened and closed');
`;

const SHOW_ERROR = `
import { openDataPlane } from 'turnpike/data-plane';
try {
  openDataPlane({
    clientAddresses: [{ address: '127.0.0.1', port: 0 }], trunkAddresses: [], onBatch: () => {},
  });
} catch (error) {
  console.log(error.code, error.message);
}
`;

/** Returns the program in README.md. */
function readmeExample(): string {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  return /```js\n(.*?)```/s.exec(readme)?.[1] ?? '';
}

/** Returns the files that package.json names: types and code of each subpath, and the programs. */
function entryPoints(): string[] {
  const { exports, bin, main, types } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  );
  const subpaths = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target as Record<string, string>),
  );
  return [...subpaths, ...Object.values<string>(bin), main, types].map((path) => normalize(path));
}

const lacking = ['g++', 'make', 'python3'].filter((tool) => findCommand(tool) === undefined);
const skip =
  lacking.length > 0
    ? `needs ${lacking.join(', ')}`
    : !registryAnswers() && 'needs an npm registry';
const fullPath = process.env.PATH ?? '';
// Outside the checkout, where a missing dependency would be found in node_modules.
const folder = mkdtempSync(join(tmpdir(), 'turnpike-install-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const plainPath = makeToolFolder(join(folder, 'bin'));

function succeeds(t: Test, outcome: Outcome, name: string): void {
  if (!t.equal(outcome.status, 0, name)) {
    t.comment(outcome.output);
  }
}

async function opensAndCloses(t: Test, sandbox: Sandbox, source: string): Promise<void> {
  const { output } = await sandbox.runModule(source);
  t.equal(output, 'opened and closed\n');
}

async function saysWhatWasTried(t: Test, sandbox: Sandbox, platformName: string): Promise<void> {
  const outcome = await sandbox.runModule(SHOW_ERROR);
  succeeds(t, outcome, 'is caught');
  t.match(outcome.output, /^ERR_TURNPIKE_ADDON /, 'has the code');
  t.match(outcome.output, platformName, 'names the package that was tried');
  t.match(outcome.output, /build.Release/, 'names the compiled addon that was tried');
}

t.test(
  'the main package has the needed files, and no TypeScript, tests or build output',
  async (t) => {
    const files = pack(ROOT, ['--dry-run']).files.map((file) => file.path);
    for (const needed of [
      'dist/index.js',
      'dist/index.d.ts',
      'dist/cli/main.js',
      'dist/native/index.d.ts',
      'binding.gyp',
      'native/addon.cc',
      'native/install.cjs',
      'native/locate.cjs',
      'README.md',
      'LICENSE',
      'PROTOCOL.md',
      'ARCHITECTURE.md',
      'CHANGELOG.md',
      ...entryPoints(),
    ]) {
      t.ok(files.includes(needed), needed);
    }
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    t.match(readme, `turnpike-${version}.tgz`, 'README.md names the tarball of this version');
    const junk = /^(src|test|bench|build|packages|prebuilds|node_modules|\.)|prebuild\.mjs$|\.map$/;
    t.strictSame(
      files.filter((file) => junk.test(file) || file.endsWith('.tsbuildinfo')),
      [],
    );
  },
);

t.test('installed from tarballs', { skip }, async (t) => {
  const tarballs: Tarballs = makeTarballs(folder);

  await t.test('main and platform package, without a compiler', async (t) => {
    const sandbox = new Sandbox(join(folder, 'prebuilt'), plainPath);
    const installed = await sandbox.install([tarballs.main, tarballs.platform]);
    succeeds(t, installed, 'installs');
    t.notOk(existsSync(join(sandbox.folder, 'node_modules/turnpike/build')), 'nothing compiled');
    await opensAndCloses(t, sandbox, OPEN_RELAY);
    await opensAndCloses(t, sandbox, OPEN_DATA_PLANE);

    const example = await sandbox.runModule(readmeExample());
    t.same(example, { status: 0, output: 'hello\n' }, "README.md's example prints its output");

    await t.test('with an addon that is no shared object', async (t) => {
      const addon = `node_modules/${tarballs.platformName}/turnpike.node`;
      sandbox.write(addon, 'not a shared object');
      await saysWhatWasTried(t, sandbox, tarballs.platformName);
    });
  });

  await t.test('main package alone, which compiles', async (t) => {
    const sandbox = new Sandbox(join(folder, 'compiled'), fullPath);
    const installed = await sandbox.install([tarballs.source]);
    succeeds(t, installed, 'installs');
    await opensAndCloses(t, sandbox, OPEN_RELAY);

    await t.test('with the addon removed', async (t) => {
      sandbox.remove('node_modules/turnpike/build');
      await saysWhatWasTried(t, sandbox, tarballs.platformName);
    });
  });

  await t.test('main package alone, where compiling fails', async (t) => {
    const path = toolFolderWithout(join(folder, 'broken-tools'), ['g++']);
    writeFileSync(join(path, 'g++'), '#!/bin/sh\necho no such language >&2\nexit 1\n', {
      mode: 0o755,
    });
    const sandbox = new Sandbox(join(folder, 'broken'), path);
    succeeds(t, await sandbox.install([tarballs.source]), 'installs');
    const { output } = await sandbox.runModule(SHOW_ERROR);
    t.match(output, /^ERR_TURNPIKE_ADDON /);
    const [, log = ''] = /Compiling failed at the installation: see (\S+)\./.exec(output) ?? [];
    t.match(
      readFileSync(log, 'utf8'),
      /no such language/,
      'the output of the compiler is in the log',
    );
  });
});
