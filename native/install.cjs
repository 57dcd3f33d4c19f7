'use strict';
/**
 * The install script of the package. Does nothing if an addon for this platform is present.
 * Otherwise compiles one with node-gyp if the machine has the tools. Node's headers are those
 * beside Node or of `npm_config_nodedir`; without either, node-gyp downloads them once. It never
 * fails the installation: peers and directories need no addon, and opening a relay reports what is
 * missing. `--compile` always compiles, and fails on errors. `--check` only reports whether
 * compiling is possible.
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

/** Maximum time of the download of headers, in ms. */
const DOWNLOAD_MS = 60_000;

/**
 * Returns the folder of Node's headers: the one given to node-gyp, or the one beside the
 * executable.
 */
function headersFolder() {
  const folders = [process.env.npm_config_nodedir, resolve(process.execPath, '../..')];
  return folders.find((each) => each && existsSync(join(each, 'include/node/node_api.h')));
}

/** Returns node-gyp: npm's, this checkout's, or the one on the PATH. */
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
 * Runs node-gyp.
 * @param args - its arguments
 * @param stdio - `pipe` or `inherit`, for its output
 * @param timeoutMs - time after which it is killed; undefined: never
 * @returns why it failed, or undefined; and its output, if that went into a pipe
 */
function runNodeGyp(args, stdio, timeoutMs) {
  const [command, ...prefix] = nodeGyp();
  const run = spawnSync(command, [...prefix, ...args, '--loglevel=warn'], {
    cwd: ROOT,
    stdio: ['ignore', stdio, stdio],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  const output = `${run.stdout ?? ''}${run.stderr ?? ''}`;
  if (run.error?.code === 'ETIMEDOUT') {
    return { failure: `no answer within ${timeoutMs / 1_000} s`, output };
  }
  if (run.error) return { failure: `${command}: ${run.error.message}`, output };
  return run.status === 0
    ? { failure: undefined, output }
    : { failure: `node-gyp ended with status ${run.status}`, output };
}

/** Downloads Node's headers unless node-gyp has them. @returns as `runNodeGyp` */
function downloadHeaders() {
  const { failure, output } = runNodeGyp(['install', '--ensure'], 'pipe', DOWNLOAD_MS);
  if (failure === undefined) return { failure, output };
  const lines = output.split('\n').map((line) => line.replace(/^(gyp|npm) ERR! (stack )?/, ''));
  const why = lines.find((line) => /\w*Error:/.test(line))?.replace(/^.*?Error: /, '') ?? failure;
  const said = `Node's headers are not beside ${process.execPath}, and they cannot be downloaded`;
  const todo = 'install them (Debian: libnode-dev) or name their folder in npm_config_nodedir';
  return { failure: `${said} (${why.trim()}): ${todo}`, output };
}

/** Compiles the addon. Parameter and result are those of `runNodeGyp`. */
function compile(stdio) {
  const headers = headersFolder();
  if (headers === undefined) {
    const download = downloadHeaders();
    if (download.failure !== undefined) return download;
  }
  const option = headers === undefined ? [] : [`--nodedir=${headers}`];
  return runNodeGyp(['configure', 'build', '--jobs=max', ...option], stdio);
}

/** Writes the output of a failed compilation to COMPILE_LOG, because npm does not show it. */
function keepLog(text) {
  try {
    mkdirSync(dirname(COMPILE_LOG), { recursive: true });
    writeFileSync(COMPILE_LOG, text);
  } catch {
    // The package's folder is not writable, so the output is lost.
  }
}

/**
 * Compiles for a developer. Prints why it failed; the compiler's output is on the terminal.
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

/** Runs as the package's install script: never fails, and says what to do if there is no addon. */
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

/** For `npm run build:native`, which takes no arguments of its own. */
const HELP = 'npm run build:native: compiles the addon into build/Release; it takes no arguments.';
const FLAGS = ['--check', '--compile'];
const unknown = process.argv.slice(2).find((each) => !FLAGS.includes(each));

if (unknown === '--help' || unknown === '-h') console.log(HELP);
else if (unknown !== undefined) {
  console.error(`turnpike: unknown argument '${unknown}'. ${HELP}`);
  process.exitCode = 1;
} else if (process.argv.includes('--check')) process.exitCode = insist(() => undefined);
else if (process.argv.includes('--compile')) {
  process.exitCode = insist(() => compile('inherit').failure);
} else install();
