import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Directory, Relay, relaySecret, tenantRoot } from '../../src/index.js';
import { makeToolFolder, type Outcome, ROOT, Sandbox } from './sandbox.js';
import { pack, registryAnswers } from './tarballs.js';

// Installs the dependencies once.
t.setTimeout(180_000);

/** The part of node-semver that is used; it has no types. */
interface Semver {
  satisfies(version: string, range: string): boolean;
}

const { satisfies } = createRequire(import.meta.url)('semver') as Semver;
const skip = !registryAnswers() && 'needs an npm registry';
const folder = mkdtempSync(join(tmpdir(), 'turnpike-plain-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

const OPEN_DIRECTORY = `
import { Directory, DirectoryClient, Peer } from 'turnpike';
const directory = await Directory.open({
  listen: { address: '127.0.0.1', port: 0 },
  clusterSecret: new Uint8Array(32).fill(7),
  apiKeys: [{ key: 'k'.repeat(32), tenant: 'default' }],
});
const { relays } = await (await fetch(directory.url + '/healthz')).json();
await directory.close();
console.log(typeof Peer.join, typeof DirectoryClient, relays);
`;

/** Returns a program in which two peers meet at a relay of another process. */
function meet(room: object): string {
  return `
import { Peer } from 'turnpike';
const room = ${JSON.stringify(room)};
const [ann, bob] = await Promise.all([Peer.join(room), Peer.join(room)]);
ann.send(Buffer.from('hello'));
for await (const payload of bob) {
  console.log(Buffer.from(payload).toString());
  break;
}
await Promise.all([ann.close(), bob.close()]);
`;
}

const OPEN_RELAY = `
import { Relay } from 'turnpike';
import { openDataPlane } from 'turnpike/data-plane';
const key = new Uint8Array(32).fill(7);
const plane = {
  clientAddresses: [{ address: '127.0.0.1', port: 0 }], trunkAddresses: [], onBatch: () => {},
};
const relay = {
  id: 'a', region: 'r', listen: ['127.0.0.1:0'], trunk: ['127.0.0.1:0'],
  relaySecret: key, tenantRoot: key,
};
for (const open of [() => Relay.open(relay), async () => openDataPlane(plane)]) {
  await open().then(
    () => console.log('opened'),
    (error) => console.log(error.name, error.code, error.message),
  );
}
`;

function on(platform: string, source: string): string {
  return `Object.defineProperty(process, 'platform', { value: '${platform}' });\n${source}`;
}

function succeeds(t: Test, outcome: Outcome, name: string): void {
  if (!t.equal(outcome.status, 0, name)) t.comment(outcome.output);
}

interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly engines?: { readonly node?: string };
}

/** Returns every package in a node_modules folder. */
function installedPackages(modules: string): InstalledPackage[] {
  return readdirSync(modules, { recursive: true, encoding: 'utf8' })
    .filter((path) => /(^|node_modules\/)(@[^/]+\/)?[^/@]+\/package\.json$/.test(path))
    .map((path) => JSON.parse(readFileSync(join(modules, path), 'utf8')))
    .filter(({ name, version }) => name !== undefined && version !== undefined);
}

const sandbox = new Sandbox(join(folder, 'app'), makeToolFolder(join(folder, 'tools')));
const modules = join(sandbox.folder, 'node_modules');

t.test('the main package installs without a compiler', { skip }, async (t) => {
  const tarballs = join(folder, 'tarballs');
  mkdirSync(tarballs);
  const tarball = join(tarballs, pack(ROOT, [`--pack-destination=${tarballs}`]).filename);
  const installed = await sandbox.install([tarball], ['--engine-strict', '--foreground-scripts']);
  succeeds(t, installed, 'installs, also with --engine-strict');
  t.match(installed.output, /turnpike: no addon for .*g\+\+, make, python3 not found.*no relays/);
  t.notOk(existsSync(join(modules, 'turnpike', 'build')), 'nothing was compiled');
});

t.test(
  'every installed package supports the oldest Node that package.json names',
  { skip },
  async (t) => {
    const oldest = /\d+(\.\d+)*/.exec(manifest.engines.node)?.[0] ?? '';
    const version = [...oldest.split('.'), '0', '0'].slice(0, 3).join('.');
    const packages = installedPackages(modules);
    t.ok(packages.length > 30, 'there are packages');
    const refusing = packages
      .filter(({ engines }) => !satisfies(version, engines?.node ?? '*'))
      .map((one) => `${one.name}@${one.version} needs Node ${one.engines?.node}`);
    t.strictSame(refusing, []);
  },
);

t.test('directories and peers work without an addon', { skip }, async (t) => {
  t.same(await sandbox.runModule(OPEN_DIRECTORY), { status: 0, output: 'function function 0\n' });
  const clusterSecret = randomBytes(32);
  const apiKey = randomBytes(24).toString('base64url');
  const listen = { address: '127.0.0.1', port: 0 };
  const apiKeys = [{ key: apiKey, tenant: 'default' }];
  const directory = await Directory.open({ listen, clusterSecret, apiKeys });
  t.teardown(() => directory.close());
  const relay = await Relay.open({
    ...{ id: 'a', region: 'r', listen: ['127.0.0.1:0'], trunk: ['127.0.0.1:0'] },
    directoryUrl: directory.url,
    relaySecret: relaySecret(clusterSecret, 'a'),
    tenantRoot: tenantRoot(clusterSecret),
  });
  t.teardown(() => relay.close());
  const { url } = directory;
  const room = { directoryUrl: url, apiKey, room: 'lobby' };
  t.same(await sandbox.runModule(meet(room)), { status: 0, output: 'hello\n' });

  sandbox.write('api.key', apiKey);
  sandbox.write('room.key', `${randomBytes(32).toString('base64')}\n`);
  const keys = ['--api-key-file', 'api.key', '--room-key-file', 'room.key'];
  const args = ['peer', '--directory', url, ...keys, '--room', 'pipe', '--log-level', 'error'];
  const ends = await Promise.all(
    ['from ann\n', 'from bob\n'].map((input) => sandbox.runProgram('turnpike', args, input)),
  );
  t.match(ends, [
    { status: 0, output: /^from bob$/m },
    { status: 0, output: /^from ann$/m },
  ]);
});

t.test('`turnpike COMMAND --help` works without an addon', { skip }, async (t) => {
  for (const command of ['directory', 'peer', 'relay', 'demo']) {
    const help = await sandbox.runProgram('turnpike', [command, '--help']);
    succeeds(t, help, `turnpike ${command} --help`);
    t.match(help.output, `turnpike ${command}`);
  }
});

await t.test(
  'without an addon the error of a relay and of a data plane has what was tried and what to do',
  async (t) => {
    const { status, output } = await sandbox.runModule(OPEN_RELAY);
    t.equal(status, 0, 'both errors can be caught');
    const errors = output.split(/^(?=TurnpikeError)/m);
    t.equal(errors.length, 2);
    for (const error of errors) {
      t.match(error, /^TurnpikeError ERR_TURNPIKE_ADDON no addon for /);
      t.match(error, /build.Release.turnpike\.node: no such file/);
      t.match(error, /install g\+\+, make, python3 \(C\+\+20\) and run `npm rebuild turnpike`/);
    }
    const demo = await sandbox.runProgram('turnpike', ['demo', '--seconds', '1']);
    t.not(demo.status, 0);
    t.match(demo.output, /npm rebuild turnpike/);
    t.notMatch(demo.output, /^\s+at /m, 'no stack');
  },
);

t.test(
  'on macOS and Windows the package installs, and relays fail with a reason',
  { skip },
  async (t) => {
    for (const platform of ['darwin', 'win32']) {
      const script = join(modules, 'turnpike', 'native', 'install.cjs');
      const install = await sandbox.runScript(on(platform, `require(${JSON.stringify(script)})`));
      succeeds(t, install, `${platform}: the installation does not fail`);
      t.match(install.output.trim(), /^turnpike: no addon for .*the data plane needs Linux.*$/);
      // Static imports would run before `process.platform` is set.
      const opened = on(
        platform,
        OPEN_RELAY.replaceAll(/^import (.*) from (.*);$/gm, 'const $1 = await import($2);'),
      );
      const { output } = await sandbox.runModule(opened);
      t.match(output, /ERR_TURNPIKE_ADDON no addon for .*Relays and data planes need Linux/s);
      t.notMatch(output, /npm rebuild|glibc|musl/, `${platform}: no advice for Linux`);
    }
  },
);

t.test('the types compile with --strict and without --skipLibCheck', { skip }, async (t) => {
  sandbox.write(
    'app.ts',
    `import { Directory, type DirectoryOptions, Peer, Relay, TurnpikeError } from 'turnpike';
     import { type DataPlane, openDataPlane } from 'turnpike/data-plane';
     export const all: unknown[] = [Directory, Peer, Relay, TurnpikeError, openDataPlane];
     export type Both = [DataPlane, DirectoryOptions];\n`,
  );
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const types = ['--typeRoots', join(ROOT, 'node_modules', '@types'), '--types', 'node'];
  const modes = ['--module', 'nodenext', '--target', 'es2022', '--strict', '--noEmit'];
  const args = [tsc, ...types, ...modes, '--skipLibCheck', 'false', 'app.ts'];
  const options = { cwd: sandbox.folder, encoding: 'utf8' } as const;
  t.doesNotThrow(() => execFileSync(process.execPath, args, options));
});
