/**
 * Runs every fuzz target for a while: `npm run test:fuzz -- 30` for 30 seconds each. An input that
 * breaks one is kept in build/fuzz. CXX may name another clang than `clang++`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { buildWithCmake } from './cpp-tests.js';
import { run } from './run-command.js';
import { refuseArguments, scriptArguments } from './script-arguments.js';
import { requireTools, type SystemTool } from './system-packages.js';
import { CPP_TEST_TOOLS } from './system-tools.js';

const FOLDER = join('build', 'fuzz');
const INPUT_BYTES_MAX = 4096;

const { argument = '10' } = scriptArguments({
  script: 'test:fuzz',
  about: 'runs every fuzz target for a while. CXX may name another clang than clang++.',
  argument: ['SECONDS', 'for each target; by default 10'],
});
// libFuzzer takes 0 for no end.
if (!/^[1-9]\d{0,5}$/.test(argument)) {
  refuseArguments('test:fuzz', `'${argument}' is no number of seconds`);
}
const seconds = Number(argument);
const sources: { fuzz: string[] } = JSON.parse(readFileSync('native/sources.json', 'utf8'));
const targets = sources.fuzz.map((file) => basename(file, '.cc'));

function fuzz(target: string): boolean {
  console.log(`${target}: ${seconds} s`);
  const limits = [`-max_total_time=${seconds}`, `-max_len=${INPUT_BYTES_MAX}`, '-timeout=5'];
  const artifacts = `-artifact_prefix=${FOLDER}/`;
  return run(join(FOLDER, target), [...limits, artifacts], { quiet: true });
}

function clangSays(option: string): string {
  return spawnSync(cxx, [option], { encoding: 'utf8' }).stdout?.trim() ?? '';
}

/** libFuzzer is in a package of its own, named after clang's version. */
function fuzzerRuntime(): SystemTool {
  const folder = clangSays('--print-runtime-dir');
  return {
    name: "clang's libFuzzer",
    debianPackage: `libclang-rt-${clangSays('-dumpversion').split('.')[0]}-dev`,
    isThere: () =>
      existsSync(folder) &&
      readdirSync(folder).some((file) => file.startsWith('libclang_rt.fuzzer')),
  };
}

const cxx = process.env.CXX ?? 'clang++';
requireTools([...CPP_TEST_TOOLS, { name: cxx, debianPackage: 'clang' }], 'test:fuzz');
requireTools([fuzzerRuntime()], 'test:fuzz');
const built = buildWithCmake(FOLDER, [
  `CMAKE_CXX_COMPILER=${cxx}`,
  `CMAKE_C_COMPILER=${cxx.replace('clang++', 'clang')}`,
]);
process.exit(built && targets.length > 0 && targets.every(fuzz) ? 0 : 1);
