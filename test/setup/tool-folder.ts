import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SEARCH_PATH } from '../../src/lab/tools.js';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** What the scripts of package.json read, without node_modules and build output. */
const SOURCES = ['src', 'native', 'test', 'bench', 'package.json', 'binding.gyp', 'CMakeLists.txt'];
const SETTINGS = ['tsconfig.json', 'tsconfig.build.json', 'LICENSE', 'README.md'];

/** Always hidden, so that no script installs a tool that a test hides. */
const NEVER = ['apt-get'];

/**
 * Makes a folder to use as the whole PATH: links to every program of this machine except the
 * hidden ones.
 * @param folder - to make; not named `bin`, since an `sbin` beside a `bin` is searched too
 * @param hidden - names of the programs to leave out
 * @returns the folder
 */
export function toolFolderWithout(folder: string, hidden: readonly string[]): string {
  mkdirSync(folder, { recursive: true });
  // ccache's links are left out: they search this PATH for the real compiler.
  const folders = SEARCH_PATH.split(':').filter((each) => !each.includes('ccache'));
  for (const from of folders) {
    const names = existsSync(from) ? readdirSync(from) : [];
    for (const name of names) {
      const link = join(folder, name);
      if (hidden.includes(name) || NEVER.includes(name) || existsSync(link)) continue;
      try {
        symlinkSync(join(from, name), link);
      } catch {
        // Another folder has a dangling link with this name.
      }
    }
  }
  return folder;
}

/**
 * Copies the checkout in the state that a clone has after `npm ci`: with npm packages, addon and
 * compiled TypeScript, and without any other build output.
 * @param folder - to make
 * @returns the folder
 */
export function freshCheckout(folder: string): string {
  mkdirSync(join(folder, 'build'), { recursive: true });
  for (const each of [...SOURCES, ...SETTINGS]) {
    // The times are kept, because an addon that is older than its sources is compiled again.
    cpSync(join(ROOT, each), join(folder, each), { recursive: true, preserveTimestamps: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  symlinkSync(join(ROOT, 'build', 'Release'), join(folder, 'build', 'Release'));
  cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
  return folder;
}
