'use strict';
/**
 * Finds the compiled addon, for the install script and for src/native/load.ts. CommonJS, because
 * the install script runs before any build.
 */
const { accessSync, constants, existsSync, readdirSync } = require('node:fs');
const { delimiter, dirname, isAbsolute, join, resolve, sep } = require('node:path');

const ROOT = dirname(__dirname);

/** The `kBindingContract` of this build; an addon of another build has another value. */
const CONTRACT = require('./contract.json').contract;

/** File with the output of node-gyp if compiling failed during installation, which npm hides. */
const COMPILE_LOG = join(ROOT, 'build', 'compile.log');

let knownLibc;

/** Returns the C library of this Node: `glibc` or `musl`. */
function libc() {
  knownLibc ??= detectLibc();
  return knownLibc;
}

function detectLibc() {
  // Excludes network interfaces from the report: listing them can take seconds.
  const { excludeNetwork } = process.report;
  process.report.excludeNetwork = true;
  const { header } = process.report.getReport();
  process.report.excludeNetwork = excludeNetwork;
  return header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

/** Returns the platform's name: `linux-x64-glibc`, or without the C library `darwin-arm64`. */
function platformName() {
  const name = `${process.platform}-${process.arch}`;
  return process.platform === 'linux' ? `${name}-${libc()}` : name;
}

/** Returns the name of the npm package with the addon for this platform. */
function platformPackage() {
  return `@turnpike/${platformName()}`;
}

/** Returns the addons in `prebuilds/` for this platform, in prebuildify's naming. */
function prebuilds() {
  const folder = join(ROOT, 'prebuilds', `${process.platform}-${process.arch}`);
  const otherLibc = libc() === 'glibc' ? '.musl.' : '.glibc.';
  if (!existsSync(folder)) return [join(folder, 'node.napi.node')];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.node') && !name.includes(otherLibc))
    .map((name) => join(folder, name));
}

/** Returns all possible paths of the addon, in the order to try. */
function* candidates() {
  const chosen = process.env.TURNPIKE_ADDON;
  if (chosen) yield resolve(chosen);
  yield join(ROOT, 'build', 'Release', 'turnpike.node');
  // The data plane uses Linux system calls.
  if (process.platform !== 'linux') return;
  yield* prebuilds();
  yield platformPackage();
}

function load(place) {
  if (isAbsolute(place) && !existsSync(place)) throw new Error('no such file');
  const addon = require(place);
  if (addon?.contract !== CONTRACT) {
    throw new Error(`made for another version (contract ${addon?.contract}, not ${CONTRACT})`);
  }
  return addon;
}

/**
 * Loads the first addon that works.
 * @returns the addon, or undefined; its place; and a line for each place that failed, with why
 */
function loadAddon() {
  const tried = [];
  for (const place of candidates()) {
    try {
      return { addon: load(place), place, tried };
    } catch (error) {
      // The first line has the reason; Node appends the require stack.
      tried.push(`${place}: ${error.message.split('\n')[0]}`);
    }
  }
  return { addon: undefined, place: undefined, tried };
}

function isOnPath(command) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const places = command.includes(sep) ? [command] : folders.map((each) => join(each, command));
  return places.some((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Returns the programs that node-gyp needs and this machine lacks. Each name is also that of its
 * Debian package.
 */
function missingBuildTools() {
  const { CXX, MAKE, PYTHON, npm_config_python } = process.env;
  const tools = [
    ['g++', [CXX?.split(' ').at(-1), 'g++']],
    ['make', [MAKE, 'make']],
    ['python3', [npm_config_python, PYTHON, 'python3', 'python']],
  ];
  return tools
    .filter(([, commands]) => !commands.some((command) => command && isOnPath(command)))
    .map(([name]) => name);
}

/** Quotes a word for a shell. */
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Returns the command that compiles the addon: a script of a checkout, or a rebuild of an installed
 * package. A project has a package.json, as npx's folder does; the folder of global packages has
 * none.
 */
function compileCommand() {
  const folders = ROOT.split(sep);
  const modules = folders.indexOf('node_modules');
  if (modules < 0) return 'npm run build:native';
  if (folders.includes('.pnpm')) return 'pnpm rebuild turnpike';
  const project = folders.slice(0, modules).join(sep) || sep;
  if (!existsSync(join(project, 'package.json'))) return 'npm rebuild -g turnpike';
  const isHere = `${process.env.INIT_CWD ?? process.cwd()}${sep}`.startsWith(`${project}${sep}`);
  return isHere ? 'npm rebuild turnpike' : `npm rebuild --prefix ${quoted(project)} turnpike`;
}

/** Returns a sentence that says how to get an addon. */
function advice() {
  if (process.platform !== 'linux') {
    return 'Relays and data planes need Linux; Peer, DirectoryClient and Directory work here.';
  }
  const missing = missingBuildTools();
  const tools = missing.length === 0 ? '' : `install ${missing.join(', ')} (C++20) and `;
  const others = `or install ${platformPackage()} where your registry has it.`;
  const isPlain = missing.length === 0 && existsSync(COMPILE_LOG);
  const log = isPlain ? ` Compiling failed at the installation: see ${COMPILE_LOG}.` : '';
  return `To compile it, ${tools}run \`${compileCommand()}\`; ${others}${log}`;
}

/** Returns the message for a missing addon. @param tried - lines of `loadAddon` */
function explain(tried) {
  const places = tried.map((line) => `  ${line}`);
  const said = `no addon for ${platformName()} could be loaded`;
  return [`${said}; tried`, ...places, advice()].join('\n');
}

module.exports = {
  COMPILE_LOG,
  CONTRACT,
  ROOT,
  advice,
  explain,
  libc,
  loadAddon,
  missingBuildTools,
  platformName,
  platformPackage,
};
