/**
 * Runs the C++ tests under sanitizers: `npm run test:sanitize -- address,undefined` or
 * `-- thread`, as -fsanitize takes them.
 */
import { join } from 'node:path';
import { buildWithCmake } from './cpp-tests.js';
import { run } from './run-command.js';
import { findCommand, requireTools } from './system-packages.js';
import { CPP_TEST_TOOLS } from './system-tools.js';

const SANITIZER_OPTIONS = {
  ASAN_OPTIONS: 'detect_stack_use_after_return=1:strict_string_checks=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1',
};

function runTests(folder: string): boolean {
  const ctest = findCommand('ctest') ?? 'ctest';
  const args = ['--test-dir', folder, '--output-on-failure', '--no-tests=error'];
  // GCC 12's ThreadSanitizer does not know the memory layout of kernels that randomise more bits.
  const setarch = findCommand('setarch');
  const fixed = setarch === undefined ? [] : [setarch, '--addr-no-randomize'];
  const [command = ctest, ...rest] = [...fixed, ctest, ...args];
  return run(command, rest, { env: { ...process.env, ...SANITIZER_OPTIONS } });
}

requireTools(CPP_TEST_TOOLS, 'test:sanitize');
const sanitizers = process.argv[2] ?? 'address,undefined';
const folder = join('build', `sanitize-${sanitizers.replaceAll(',', '-')}`);
const built = buildWithCmake(folder, [
  'CMAKE_BUILD_TYPE=RelWithDebInfo',
  `TURNPIKE_SANITIZE=${sanitizers}`,
]);
process.exit(built && runTests(folder) ? 0 : 1);
