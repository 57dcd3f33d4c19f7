'use strict';
/**
 * What npm runs on installation. Nothing where an addon for this platform is there already. Else it
 * compiles one with node-gyp, if the machine has what that needs; nothing is downloaded. It never
 * fails the installation: peers and directories need no addon, and opening a relay says what is
 * missing. `--compile` compiles in any case, and fails where that fails; `--check` only tells
 * whether it could.
 */
const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, rmSync, writeFileSync } = require('node:fs');
const { dirname, join, resolve } = require('node:path');
const {
  COMPILE_LOG,
  ROOT,
  advice,
  loadAddon,
  missingBuildTools,
  platformName,
} = require('./locate.cjs');

/** Node's headers beside the executable; without them node-gyp would download some. */
function headersOption() {
  const folder = resolve(process.execPath, '../..');
  return existsSync(join(folder, 'include/node/node_api.h')) ? [`--nodedir=${folder}`] : [];
}

/** node-gyp as npm brings it, as this checkout has it, or from the PATH. */
function nodeGyp() {
  const fromNpm = process.env.npm_config_node_gyp;
  if (fromNpm && existsSync(fromNpm)) return [process.execPath, fromNpm];
  try {
    return [process.execPath, require.resolve('node-gyp/bin/node-gyp.js', { paths: [ROOT] })];
  } catch {
    return ['node-gyp'];
  }
}

/** @returns why the addon cannot be compiled here, or undefined */
function obstacle() {
  if (process.platform !== 'linux') return 'the data plane needs Linux';
  const missing = missingBuildTools();
  return missing.length === 0 ? undefined : `${missing.join(', ')} not found on the PATH`;
}

/**
 * Compiles.
 * @param stdio - where the output goes
 * @returns why it failed, or undefined; and what was printed, if it went into a pipe
 */
function compile(stdio) {
  const [command, ...prefix] = nodeGyp();
  const options = ['configure', 'build', '--jobs=max', '--loglevel=warn', ...headersOption()];
  const run = spawnSync(command, [...prefix, ...options], {
    cwd: ROOT,
    stdio: ['ignore', stdio, stdio],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const output = `${run.stdout ?? ''}${run.stderr ?? ''}`;
  if (run.error) return { failure: `${command}: ${run.error.message}`, output };
  return run.status === 0
    ? { failure: undefined, output }
    : { failure: `node-gyp ended with status ${run.status}`, output };
}

function keepLog(text) {
  try {
    mkdirSync(dirname(COMPILE_LOG), { recursive: true });
    writeFileSync(COMPILE_LOG, text);
  } catch {
    // Nobody can be told where a package's folder cannot be written to.
  }
}

/**
 * What a developer runs: tells why there is no addon, with the compiler's output as it comes.
 * @param attempt - returns why it failed, or undefined
 * @returns the exit code
 */
function insist(attempt) {
  const failure = obstacle() ?? attempt();
  if (failure === undefined) {
    rmSync(COMPILE_LOG, { force: true });
    return 0;
  }
  const packages = missingBuildTools();
  const hint = packages.length === 0 ? '' : `: apt-get install ${packages.join(' ')}`;
  console.error(`turnpike: the addon cannot be compiled: ${failure}${hint}`);
  return 1;
}

function install() {
  if (loadAddon().addon !== undefined) return;
  let why = obstacle();
  if (why === undefined) {
    const { failure, output } = compile('pipe');
    if (failure !== undefined) keepLog(`${output}${failure}\n`);
    why = failure;
  }
  if (why === undefined) return rmSync(COMPILE_LOG, { force: true });
  console.error(`turnpike: no addon for ${platformName()} (${why}): no relays here. ${advice()}`);
}

if (process.argv.includes('--check')) process.exitCode = insist(() => undefined);
else if (process.argv.includes('--compile')) {
  process.exitCode = insist(() => compile('inherit').failure);
} else install();
