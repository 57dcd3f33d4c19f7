import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../house/source-files.js';
import { run } from './run-command.js';

const SOURCES = join(ROOT, 'test/interop/stacks');
/** The folder of the programs of tests with other implementations. */
export const INTEROP_BUILD = join(ROOT, 'build/interop');
const LOCK = 'package-lock.json';

function isUpToDate(): boolean {
  const lock = join(INTEROP_BUILD, LOCK);
  // npm writes this file at the end of an installation.
  const installed = join(INTEROP_BUILD, 'node_modules/.package-lock.json');
  const text = (path: string) => readFileSync(path, 'utf8');
  return existsSync(installed) && text(lock) === text(join(SOURCES, LOCK));
}

/** Whether the WebRTC stacks of npm are installed. */
export function hasNodeStacks(): boolean {
  return existsSync(join(INTEROP_BUILD, LOCK)) && isUpToDate();
}

/**
 * Installs the WebRTC stacks of npm in `build/interop`. They are no devDependencies, since they are
 * large and few tests need them.
 * @returns whether they are installed
 */
export function provideNodeStacks(): boolean {
  if (hasNodeStacks()) return true;
  console.error('Installing npm packages for the tests: WebRTC stacks');
  mkdirSync(INTEROP_BUILD, { recursive: true });
  for (const file of ['package.json', LOCK]) {
    copyFileSync(join(SOURCES, file), join(INTEROP_BUILD, file));
  }
  const args = ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', INTEROP_BUILD];
  return run('npm', args, { quiet: true }) && hasNodeStacks();
}
