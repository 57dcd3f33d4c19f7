import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ROOT } from './sandbox.js';

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'turnpike-advice-')));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));

/** Returns the advice of a package in `modules` for the working directory `cwd`. */
function adviceOf(modules: string, cwd: string): string {
  const folder = join(modules, 'turnpike');
  mkdirSync(folder, { recursive: true });
  mkdirSync(cwd, { recursive: true });
  for (const file of ['locate.cjs', 'contract.json']) {
    cpSync(join(ROOT, 'native', file), join(folder, 'native', file));
  }
  const source = `console.log(require('${join(folder, 'native', 'locate.cjs')}').advice())`;
  const { INIT_CWD: _, ...env } = process.env;
  return execFileSync(process.execPath, ['-e', source], { cwd, env, encoding: 'utf8' });
}

function project(name: string): string {
  const folder = join(scratch, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{}');
  return folder;
}

t.test('the advice has the command that compiles the installed addon', async (t) => {
  const app = project('app');
  const modules = join(app, 'node_modules');
  t.match(adviceOf(modules, app), /run `npm rebuild turnpike`/, 'a project');
  t.match(adviceOf(modules, join(app, 'src')), /run `npm rebuild turnpike`/, 'in a folder of it');
  t.match(
    adviceOf(join(modules, 'other', 'node_modules'), app),
    /run `npm rebuild turnpike`/,
    'of a dependency',
  );
  const elsewhere = `npm rebuild --prefix ${app} turnpike`;
  t.match(adviceOf(modules, scratch), elsewhere, 'from elsewhere');
  const spaced = project('my app');
  t.match(
    adviceOf(join(spaced, 'node_modules'), scratch),
    `npm rebuild --prefix '${spaced}' turnpike`,
    'with a space',
  );
  const globally = join(scratch, 'lib', 'node_modules');
  t.match(adviceOf(globally, scratch), /run `npm rebuild -g turnpike`/, 'a global one');
  const linked = join(modules, '.pnpm', 'turnpike@1', 'node_modules');
  t.match(adviceOf(linked, app), /run `pnpm rebuild turnpike`/, "pnpm's");
  t.match(adviceOf(join(scratch, 'checkout'), scratch), /run `npm run build:native`/, 'a clone');
});
