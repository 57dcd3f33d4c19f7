import { run } from './run-command.js';
import { findCommand } from './system-packages.js';

/** Where `npm test` builds the C++ tests, relative to the project's root. */
export const CPP_TESTS_FOLDER = 'build/cpp-tests';

/**
 * Configures and builds the C++ tests with plain CMake, so that ctest only has to run them.
 * @returns whether they are built; true as well where there is no CMake, as they are skipped then
 */
export function buildCppTests(): boolean {
  const cmake = findCommand('cmake');
  if (cmake === undefined) {
    return true;
  }
  const configure = ['-S', '.', '-B', CPP_TESTS_FOLDER, '-DCMAKE_BUILD_TYPE=RelWithDebInfo'];
  const build = ['--build', CPP_TESTS_FOLDER, '--parallel', '2'];
  return run(cmake, configure, { quiet: true }) && run(cmake, build, { quiet: true });
}
