/**
 * What `npm test` runs: brings the machine and the builds up to date, then starts tap. Arguments
 * are tap's (`npm test -- test/stun`).
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasCurrentAddon } from '../../bench/load/addon.js';
import { buildCppTests } from './cpp-tests.js';
import { run } from './run-command.js';
import { missingText, provideTools } from './system-packages.js';
import { ADDON_TOOLS } from './system-tools.js';
import { provideTestTools } from './test-tools.js';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const tap = join(root, 'node_modules/.bin/tap');
const { missingBuildTools } = createRequire(import.meta.url)('../../native/locate.cjs') as {
  missingBuildTools(): string[];
};

/** Set-up output would bury the reason of a failure, so each step says what it does in one line. */
function step(title: string, action: () => boolean): void {
  console.log(title);
  if (!action()) {
    console.log(`Set-up failed: ${title}`);
    process.exit(1);
  }
}

/** Nearly every test loads the addon: one that is current will do where none can be compiled. */
function bringAddonUpToDate(): void {
  const missing = provideTools(ADDON_TOOLS, 'the addon');
  if (missingBuildTools().length === 0) {
    const build = ['run', '--silent', 'build:native'];
    step('Building the addon', () => run('npm', build, { quiet: true }));
  } else if (!hasCurrentAddon()) {
    console.error(`The addon is not up to date and cannot be compiled: ${missingText(missing)}`);
    process.exit(1);
  }
}

/** tap compiles its test class from .taprc's plugins; a fresh install has the default ones. */
function tapPluginsAreBuilt(): boolean {
  const built = join(root, 'node_modules/@tapjs/test/test-built/dist/esm/index.js');
  return existsSync(built) && !readFileSync(built, 'utf8').includes('@tapjs/typescript');
}

/** tap takes files and globs; a folder means its tests. */
function testArguments(args: readonly string[]): string[] {
  const isFolder = (arg: string) => statSync(arg, { throwIfNoEntry: false })?.isDirectory();
  return args.map((arg) => (isFolder(arg) ? `${arg}/**/*.test.ts` : arg));
}

process.chdir(root);
bringAddonUpToDate();
provideTestTools();
step('Building the TypeScript', () => run('npm', ['run', '--silent', 'build:ts'], { quiet: true }));
step('Building the C++ tests (this takes some minutes the first time)', buildCppTests);
if (!tapPluginsAreBuilt()) {
  step('Building the test runner', () => run(tap, ['build'], { quiet: true }));
}
process.env.TURNPIKE_TESTS_COMPILED = '1';
process.exit(run(tap, testArguments(process.argv.slice(2))) ? 0 : 1);
