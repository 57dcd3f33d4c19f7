'use strict';
/**
 * What npm runs on installation: nothing where an addon for this platform is there already, else
 * node-gyp. `--compile` compiles in any case. Nothing is downloaded.
 */
const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const { join, resolve } = require('node:path');
const { ROOT, explain, loadAddon } = require('./locate.cjs');

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

/** @returns why it failed, or undefined */
function compile() {
  const [command, ...prefix] = nodeGyp();
  const options = ['configure', 'build', '--jobs=max', '--loglevel=warn', ...headersOption()];
  const run = spawnSync(command, [...prefix, ...options], { cwd: ROOT, stdio: 'inherit' });
  if (run.error) return `${command}: ${run.error.message}`;
  return run.status === 0 ? undefined : `node-gyp ended with status ${run.status}`;
}

function main() {
  const { addon, tried } = loadAddon();
  if (addon !== undefined && !process.argv.includes('--compile')) return 0;
  const failure = compile();
  if (failure === undefined) return 0;
  console.error(`turnpike: ${explain([...tried, `compiling: ${failure}`])}`);
  return 1;
}

process.exitCode = main();
