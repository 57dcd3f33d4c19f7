/**
 * Runs every fuzz target for a while: `npm run test:fuzz -- 30` for 30 seconds each. An input that
 * breaks one is kept in build/fuzz. CXX may name another clang than `clang++`.
 */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { buildWithCmake } from './cpp-tests.js';
import { run } from './run-command.js';

const FOLDER = join('build', 'fuzz');
const INPUT_BYTES_MAX = 4096;

const seconds = Number(process.argv[2] ?? '10');
const sources: { fuzz: string[] } = JSON.parse(readFileSync('native/sources.json', 'utf8'));
const targets = sources.fuzz.map((file) => basename(file, '.cc'));

function fuzz(target: string): boolean {
  console.log(`${target}: ${seconds} s`);
  const limits = [`-max_total_time=${seconds}`, `-max_len=${INPUT_BYTES_MAX}`, '-timeout=5'];
  const artifacts = `-artifact_prefix=${FOLDER}/`;
  return run(join(FOLDER, target), [...limits, artifacts], { quiet: true });
}

const cxx = process.env.CXX ?? 'clang++';
const built = buildWithCmake(FOLDER, [
  `CMAKE_CXX_COMPILER=${cxx}`,
  `CMAKE_C_COMPILER=${cxx.replace('clang++', 'clang')}`,
]);
process.exit(built && targets.length > 0 && targets.every(fuzz) ? 0 : 1);
