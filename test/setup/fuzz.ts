/**
 * Runs every fuzz target: `npm run test:fuzz -- 30` runs each for 30 seconds. An input that breaks
 * a target is written to build/fuzz. With `--keep`, inputs that reach new code are added to the
 * corpora (test/fuzz/corpus). The environment variable CXX names the clang to use; by default
 * `clang++`.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { Program } from '../../bench/setup/rpc.js';
import { readCorpus, writeCorpus } from '../fuzz/corpus.js';
import type { FuzzMethods } from '../fuzz/fuzz-process.js';
import { INPUT_BYTES_MAX } from '../fuzz/fuzzer.js';
import { TARGETS } from '../fuzz/targets/index.js';
import { CLANG, clangDefinitions, fuzzerRuntime, sanitizedFolder } from './clang.js';
import { buildWithCmake, sanitizedDefinitions } from './cpp-tests.js';
import { run } from './run-command.js';
import { refuseArguments, scriptArguments } from './script-arguments.js';
import { requireTools } from './system-packages.js';
import { CPP_TEST_TOOLS } from './system-tools.js';

const FOLDER = join('build', 'fuzz');
/** The C++ tests are built there too, with the same library. */
const SANITIZERS = 'address,undefined';
const PROGRAMS = sanitizedFolder(SANITIZERS, CLANG);

const { argument = '10', flags } = scriptArguments({
  script: 'test:fuzz',
  about: 'runs every fuzz target. CXX names the clang to use, by default clang++.',
  argument: ['SECONDS', 'time for each target; by default 10'],
  flags: {
    '--typescript': 'run only the targets in TypeScript, which need no clang',
    '--keep': 'add inputs that reach new code to test/fuzz/corpus',
  },
});
// libFuzzer runs without end if the time is 0.
if (!/^[1-9]\d{0,5}$/.test(argument)) {
  refuseArguments('test:fuzz', `'${argument}' is no number of seconds`);
}
const seconds = Number(argument);
const keep = flags.has('--keep');

/** Runs the targets in TypeScript, one process per processor. */
async function allTypescript(): Promise<boolean> {
  const waiting = TARGETS.map(({ name }) => name);
  let isWell = true;
  const lane = async () => {
    const process = new Program<FuzzMethods>('../../test/fuzz/fuzz-process');
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const answer = await process.call('run', { name, seconds, keep, folder: FOLDER });
      for (const line of answer.lines) console.log(line);
      isWell &&= answer.isWell;
    }
    await process.end();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  return isWell;
}

/**
 * Runs a libFuzzer target on a copy of its corpus. With `--keep`, libFuzzer's merge then selects
 * the inputs that the coverage needs, and they replace the corpus.
 */
function fuzzNative(target: string): boolean {
  console.log(`${target}: ${seconds} s`);
  const begin = corpusFolder(target, 'corpus');
  for (const [index, input] of readCorpus(target).entries()) {
    writeFileSync(join(begin, String(index)), input);
  }
  const limits = [`-max_total_time=${seconds}`, `-max_len=${INPUT_BYTES_MAX}`, '-timeout=5'];
  const artifacts = `-artifact_prefix=${FOLDER}/`;
  const program = join(PROGRAMS, target);
  if (!run(program, [...limits, artifacts, begin], { quiet: true })) return false;
  if (!keep) return true;
  const merged = corpusFolder(target, 'merged');
  if (!run(program, ['-merge=1', merged, begin], { quiet: true })) return false;
  const inputs = readdirSync(merged).map((name) => readFileSync(join(merged, name)));
  writeCorpus(target, inputs);
  return true;
}

function corpusFolder(target: string, kind: string): string {
  const folder = join(FOLDER, kind, target);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function allNative(): boolean {
  const sources: { fuzz: string[] } = JSON.parse(readFileSync('native/sources.json', 'utf8'));
  const targets = sources.fuzz.map((file) => basename(file, '.cc'));
  const definitions = [...clangDefinitions(), ...sanitizedDefinitions(SANITIZERS)];
  const built = buildWithCmake(PROGRAMS, definitions, targets);
  return built && targets.length > 0 && targets.every(fuzzNative);
}

if (!flags.has('--typescript')) {
  requireTools([...CPP_TEST_TOOLS, { name: CLANG, debianPackage: 'clang' }], 'test:fuzz');
  requireTools([fuzzerRuntime()], 'test:fuzz');
}
const well = (await allTypescript()) && (flags.has('--typescript') || allNative());
process.exit(well ? 0 : 1);
