/**
 * Runs the C++ tests under sanitizers: `npm run test:sanitize -- address,undefined` or
 * `-- thread`, as -fsanitize takes them.
 */
import { CLANG, clangDefinitions, fuzzerRuntime, sanitizedFolder } from './clang.js';
import { buildWithCmake, ctestArguments, sanitizedDefinitions } from './cpp-tests.js';
import { run } from './run-command.js';
import { refuseArguments, scriptArguments } from './script-arguments.js';
import { findCommand, missingTools, requireTools } from './system-packages.js';
import { CPP_TEST_TOOLS } from './system-tools.js';

const SANITIZER_OPTIONS = {
  // Clang's own symbolizer is in a package that may be missing.
  ASAN_OPTIONS: 'detect_stack_use_after_return=1:strict_string_checks=1:allow_addr2line=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1',
};

function runTests(folder: string): boolean {
  const ctest = findCommand('ctest') ?? 'ctest';
  // GCC 12's ThreadSanitizer fails where the kernel randomises more address bits than it supports.
  const setarch = findCommand('setarch');
  const fixed = setarch === undefined ? [] : [setarch, '--addr-no-randomize'];
  const [command = ctest, ...rest] = [...fixed, ctest, ...ctestArguments(folder)];
  return run(command, rest, { env: { ...process.env, ...SANITIZER_OPTIONS } });
}

/** Clang compiles the checks of AddressSanitizer in half of GCC's time. */
function clangIsThere(): boolean {
  return findCommand(CLANG) !== undefined && missingTools([fuzzerRuntime()]).length === 0;
}

const SCRIPT = 'test:sanitize';
const SANITIZERS = ['address', 'undefined', 'thread'];

/** @returns the sanitizers, as -fsanitize takes them */
function chosen(): string {
  const { argument = 'address,undefined' } = scriptArguments({
    script: SCRIPT,
    about: 'runs the C++ tests under sanitizers.',
    argument: ['SANITIZERS', `some of ${SANITIZERS.join(', ')}; by default address,undefined`],
  });
  const names = argument.split(',');
  const unknown = names.find((name) => !SANITIZERS.includes(name));
  if (unknown !== undefined) refuseArguments(SCRIPT, `unknown sanitizer '${unknown}'`);
  if (names.includes('address') && names.includes('thread')) {
    refuseArguments(SCRIPT, 'no compiler takes address and thread together');
  }
  return names.join(',');
}

const sanitizers = chosen();
requireTools(CPP_TEST_TOOLS, SCRIPT);
const withClang = sanitizers.includes('address') && clangIsThere();
const folder = sanitizedFolder(sanitizers, withClang ? CLANG : undefined);
const definitions = [...(withClang ? clangDefinitions() : []), ...sanitizedDefinitions(sanitizers)];
const built = buildWithCmake(folder, definitions);
process.exit(built && runTests(folder) ? 0 : 1);
