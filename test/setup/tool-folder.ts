import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SEARCH_PATH } from '../../src/lab/tools.js';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** What scripts of package.json read, but for what they compile and for node_modules. */
const SOURCES = ['src', 'native', 'test', 'bench', 'package.json', 'binding.gyp', 'CMakeLists.txt'];
const SETTINGS = ['tsconfig.json', 'tsconfig.build.json', 'LICENSE', 'README.md'];

/** Nothing that is hidden is to be installed while a test looks. */
const NEVER = ['apt-get'];

/**
 * Makes a folder that is all of a PATH: every program of this machine but those hidden.
 * @param folder - made here; not named `bin`, beside which `sbin` would be looked at
 * @param hidden - names of programs that a machine without them lacks
 * @returns the folder
 */
export function toolFolderWithout(folder: string, hidden: readonly string[]): string {
  mkdirSync(folder, { recursive: true });
  // ccache's links would look for the compiler that they stand for on this very PATH.
  const folders = SEARCH_PATH.split(':').filter((each) => !each.includes('ccache'));
  for (const from of folders) {
    const names = existsSync(from) ? readdirSync(from) : [];
    for (const name of names) {
      const link = join(folder, name);
      if (hidden.includes(name) || NEVER.includes(name) || existsSync(link)) continue;
      try {
        symlinkSync(join(from, name), link);
      } catch {
        // A dangling link of the same name from another folder.
      }
    }
  }
  return folder;
}

/**
 * Copies the checkout as a fresh clone has it after `npm ci`: with its packages and the addon, and
 * with nothing else built.
 * @param folder - made here
 * @returns the folder
 */
export function freshCheckout(folder: string): string {
  mkdirSync(join(folder, 'build'), { recursive: true });
  for (const each of [...SOURCES, ...SETTINGS]) {
    // With their times, as an addon that is older than its sources is compiled anew.
    cpSync(join(ROOT, each), join(folder, each), { recursive: true, preserveTimestamps: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  symlinkSync(join(ROOT, 'build', 'Release'), join(folder, 'build', 'Release'));
  cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
  return folder;
}
