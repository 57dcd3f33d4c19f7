/**
 * `npm test`: installs missing tools where that is allowed, brings the builds up to date, and
 * starts tap with the given arguments (`npm test -- test/stun`).
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
import { compileTestPrograms } from './test-programs.js';
import { provideTestTools } from './test-tools.js';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const tap = join(root, 'node_modules/.bin/tap');
const { missingBuildTools } = createRequire(import.meta.url)('../../native/locate.cjs') as {
  missingBuildTools(): string[];
};

/** Runs a step of the set-up. It prints one line, and its output only if it fails. */
function step(title: string, action: () => boolean): void {
  console.log(title);
  if (!action()) {
    console.log(`Set-up failed: ${title}`);
    process.exit(1);
  }
}

/** Compiles the addon; without the tools for that, an addon that is up to date suffices. */
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

/** Whether tap's test class is built with .taprc's plugins. An install has tap's default ones. */
function tapPluginsAreBuilt(): boolean {
  const built = join(root, 'node_modules/@tapjs/test/test-built/dist/esm/index.js');
  return existsSync(built) && !readFileSync(built, 'utf8').includes('@tapjs/typescript');
}

/** Replaces folders by globs of their tests, since tap takes only files and globs. */
function testArguments(args: readonly string[]): string[] {
  const isFolder = (arg: string) => statSync(arg, { throwIfNoEntry: false })?.isDirectory();
  return args.map((arg) => (isFolder(arg) ? `${arg}/**/*.test.ts` : arg));
}

process.chdir(root);
bringAddonUpToDate();
provideTestTools();
step('Building the TypeScript', () => run('npm', ['run', '--silent', 'build:ts'], { quiet: true }));
await compileTestPrograms();
step('Building the C++ tests (this takes some minutes the first time)', buildCppTests);
if (!tapPluginsAreBuilt()) {
  step('Building the test runner', () => run(tap, ['build'], { quiet: true }));
}
process.env.TURNPIKE_TESTS_COMPILED = '1';
process.exit(run(tap, testArguments(process.argv.slice(2))) ? 0 : 1);
