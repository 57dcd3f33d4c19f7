import { existsSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run-command.js';
import { findCommand, missingTools } from './system-packages.js';
import { CPP_TEST_TOOLS } from './system-tools.js';

/** Where `npm test` builds the C++ tests, relative to the project's root. */
export const CPP_TESTS_FOLDER = join('build', 'cpp-tests');

/** The file that a run of the bench locks while it builds. */
const LOCK = 'lock';

/**
 * Empties a build folder that CMake configured for sources in another folder. CMake refuses to
 * build there. This is the case after the checkout was copied or moved.
 * @param folder - to build in
 * @param source - the folder of CMakeLists.txt
 */
export function emptyMovedBuild(folder: string, source: string): void {
  const cache = join(folder, 'CMakeCache.txt');
  if (!existsSync(cache)) return;
  const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8'))?.[1];
  if (home !== undefined && existsSync(home) && realpathSync(home) === realpathSync(source)) return;
  for (const name of readdirSync(folder)) {
    if (name !== LOCK) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/**
 * Configures and builds targets of CMakeLists.txt. Shows their output if that fails.
 * @param folder - to build in, relative to the project's root
 * @param definitions - CMake variables, as `NAME=value`
 * @param targets - CMake targets; all by default
 * @returns whether the build succeeded
 */
export function buildWithCmake(
  folder: string,
  definitions: readonly string[],
  targets: readonly string[] = ['all'],
): boolean {
  const cmake = findCommand('cmake') ?? 'cmake';
  const defined = definitions.map((definition) => `-D${definition}`);
  const build = ['--build', folder, '--parallel', '2', '--target', ...targets];
  emptyMovedBuild(folder, '.');
  const configure = () => run(cmake, ['-S', '.', '-B', folder, ...defined], { quiet: true });
  // Where the compiler has changed, the first time forgets every other variable.
  return configure() && configure() && run(cmake, build, { quiet: true });
}

/**
 * Returns the CMake variables of a build under sanitizers.
 * @param sanitizers - as -fsanitize takes them
 */
export function sanitizedDefinitions(sanitizers: string): string[] {
  return ['CMAKE_BUILD_TYPE=RelWithDebInfo', `TURNPIKE_SANITIZE=${sanitizers}`];
}

/**
 * Returns the arguments for ctest.
 * @param folder - the folder that the tests are built in
 */
export function ctestArguments(folder: string): string[] {
  return ['--test-dir', folder, '--output-on-failure', '--no-tests=error', '--parallel', '4'];
}

/**
 * Builds the C++ tests that ctest runs.
 * @returns false if the build failed; true also where CMake or a compiler is missing, as the tests
 *   are skipped then
 */
export function buildCppTests(): boolean {
  return (
    missingTools(CPP_TEST_TOOLS).length > 0 ||
    buildWithCmake(CPP_TESTS_FOLDER, ['CMAKE_BUILD_TYPE=RelWithDebInfo'])
  );
}
