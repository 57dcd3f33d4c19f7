import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ROOT } from './sandbox.js';

const clone = mkdtempSync(join(tmpdir(), 'turnpike-pack-'));
t.teardown(() => rmSync(clone, { recursive: true, force: true }));
for (const file of ['package.json', join('test', 'setup', 'prepare.mjs')]) {
  cpSync(join(ROOT, file), join(clone, file));
}

function npmPack(): { readonly status: number | null; readonly output: string } {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'));
  const options = { cwd: clone, env: Object.fromEntries(inherited), encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync('npm', ['pack', '--loglevel=error'], options);
  return { status, output: `${stdout}${stderr}` };
}

function tarballs(): string[] {
  return readdirSync(clone).filter((name) => name.endsWith('.tgz'));
}

t.test('npm pack fails in a clone without dist and without the compiler', async (t) => {
  const { status, output } = npmPack();
  t.not(status, 0);
  t.match(output, /the TypeScript is not compiled.*run `npm ci`/);
  t.strictSame(tarballs(), []);
});

t.test('npm pack packs an earlier dist if the compiler is missing', async (t) => {
  mkdirSync(join(clone, 'dist', 'cli'), { recursive: true });
  writeFileSync(join(clone, 'dist', 'cli', 'main.js'), '');
  const { status, output } = npmPack();
  t.equal(status, 0, output);
  t.equal(tarballs().length, 1);
});
