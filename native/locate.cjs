'use strict';
/**
 * Finds the compiled addon. Shared by the installation, which decides whether to compile, and by
 * src/native/load.ts, so that the two never disagree. Plain CommonJS: it runs before any build.
 */
const { existsSync, readdirSync } = require('node:fs');
const { dirname, join, resolve } = require('node:path');

const ROOT = dirname(__dirname);

/** What this build's TypeScript expects of an addon; `kBindingContract` in base/limits.h. */
const CONTRACT = 6;

let knownLibc;

/** @returns `glibc` or `musl`: which C library this Node runs on */
function libc() {
  knownLibc ??= detectLibc();
  return knownLibc;
}

function detectLibc() {
  // Looking at the network interfaces, which a report also does, can take seconds.
  const { excludeNetwork } = process.report;
  process.report.excludeNetwork = true;
  const { header } = process.report.getReport();
  process.report.excludeNetwork = excludeNetwork;
  return header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

/** @returns the name of the package that holds the addon for this platform */
function platformPackage() {
  return `@turnpike/${process.platform}-${process.arch}-${libc()}`;
}

/** The addons of `prebuilds/` that are for this platform, as prebuildify names them. */
function prebuilds() {
  const folder = join(ROOT, 'prebuilds', `${process.platform}-${process.arch}`);
  const otherLibc = libc() === 'glibc' ? '.musl.' : '.glibc.';
  if (!existsSync(folder)) return [join(folder, 'node.napi.node')];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.node') && !name.includes(otherLibc))
    .map((name) => join(folder, name));
}

/** Every place where an addon may be, in the order to try them. */
function* candidates() {
  const chosen = process.env.TURNPIKE_ADDON;
  if (chosen) yield resolve(chosen);
  yield join(ROOT, 'build', 'Release', 'turnpike.node');
  yield* prebuilds();
  yield platformPackage();
}

function load(place) {
  const isPath = place.startsWith('/');
  if (isPath && !existsSync(place)) throw new Error('no such file');
  const addon = require(place);
  if (addon?.contract !== CONTRACT) {
    throw new Error(`made for another version (contract ${addon?.contract}, not ${CONTRACT})`);
  }
  return addon;
}

/**
 * Loads the first addon that works.
 * @returns the addon and where it was; or no addon, and one line for each place that was tried
 */
function loadAddon() {
  const tried = [];
  for (const place of candidates()) {
    try {
      return { addon: load(place), place, tried };
    } catch (error) {
      // The first line says it; Node adds the stack of requires.
      tried.push(`${place}: ${error.message.split('\n')[0]}`);
    }
  }
  return { addon: undefined, place: undefined, tried };
}

/** What to tell whoever has no addon. */
function explain(tried) {
  return [
    `no addon for ${process.platform}-${process.arch}-${libc()} could be loaded; tried`,
    ...tried.map((line) => `  ${line}`),
    `Install ${platformPackage()}, or a C++20 compiler, make and Python 3 and run ` +
      '`npm rebuild turnpike`.',
  ].join('\n');
}

module.exports = { CONTRACT, ROOT, explain, libc, loadAddon, platformPackage };
