/**
 * Makes the packages to publish: the platform package, such as `linux-x64-glibc`, with the addon
 * for this platform; and `turnpike`, whose manifest names every platform package in the same
 * folder. This repository's own manifest does not name them, because its lockfile cannot name
 * packages that are not published yet.
 *
 * Run: `npm run prebuild -- [FOLDER]`, by default `packages`. The script adds `--build`.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scriptArguments } from '../test/setup/script-arguments.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const { platformPackage, libc } = createRequire(import.meta.url)('./locate.cjs');
const SCOPE = '@turnpike/';
/** Links the C++ library statically, because other systems may have an older one. */
const PORTABLE = '-static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL';
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** Returns the files of the main package. */
function packedFiles() {
  const list = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const [packed] = JSON.parse(execFileSync('npm', list, { cwd: ROOT, encoding: 'utf8' }));
  return packed.files.map((file) => file.path);
}

function copyFiles(files, folder) {
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(ROOT, file), join(folder, file));
  }
}

function writeManifest(folder, content) {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(content, null, 2)}\n`);
}

/** Returns the folder of Node, if node-gyp finds headers there; otherwise it downloads them. */
function nodeFolder() {
  const folder = resolve(process.execPath, '../..');
  return existsSync(join(folder, 'include/node/node_api.h')) ? folder : undefined;
}

/**
 * Compiles a copy of the package with prebuildify, because node-gyp empties `build/`.
 * @returns the addon's bytes
 */
function compile() {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-prebuild-'));
  try {
    copyFiles(packedFiles(), folder);
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const nodedir = process.env.npm_config_nodedir ?? nodeFolder();
    const env = {
      ...process.env,
      LDFLAGS: PORTABLE,
      ...(nodedir && { npm_config_nodedir: nodedir }),
    };
    const prebuildify = join(ROOT, 'node_modules/prebuildify/bin.js');
    const options = ['--napi', '--strip', '--tag-libc'];
    execFileSync(process.execPath, [prebuildify, ...options], {
      cwd: folder,
      env,
      stdio: 'inherit',
    });
    const builds = join(folder, 'prebuilds', `${process.platform}-${process.arch}`);
    const [addon] = readdirSync(builds).filter((name) => name.endsWith('.node'));
    return readFileSync(join(builds, addon));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function emptyFolder(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}

function assemblePlatformPackage(folder) {
  emptyFolder(folder);
  writeFileSync(join(folder, 'turnpike.node'), compile());
  cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
  writeManifest(folder, {
    name: platformPackage(),
    version: manifest.version,
    description: `The addon of ${manifest.name} for ${basename(folder)}`,
    license: manifest.license,
    main: 'turnpike.node',
    files: ['turnpike.node'],
    os: [process.platform],
    cpu: [process.arch],
    libc: [libc()],
    engines: manifest.engines,
  });
}

/** Returns names and versions of the platform packages of this version in a folder. */
function platformPackages(out) {
  return readdirSync(out)
    .map((name) => join(out, name, 'package.json'))
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, 'utf8')))
    .filter(({ name, version }) => name.startsWith(SCOPE) && version === manifest.version)
    .map(({ name, version }) => [name, version]);
}

/** Writes the main package, without the parts of the manifest that only development uses. */
function assembleMainPackage(folder, optionalDependencies) {
  const { devDependencies: _, overrides: __, scripts, ...published } = manifest;
  emptyFolder(folder);
  copyFiles(packedFiles(), folder);
  writeManifest(folder, {
    ...published,
    scripts: { install: scripts.install },
    optionalDependencies: Object.fromEntries(optionalDependencies),
  });
}

/** Runs a command that prints its own errors, and exits with its status if it fails. */
function insist(command, args) {
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

/** Compiles the TypeScript into an empty `dist`, if the addon can be compiled. */
function build() {
  insist(process.execPath, [join(ROOT, 'native/install.cjs'), '--check']);
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  insist('npm', ['run', '--silent', 'build:ts']);
}

const { flags, argument } = scriptArguments({
  script: 'prebuild',
  about: 'makes the packages to publish.',
  argument: ['FOLDER', 'for the packages; by default packages'],
  flags: { '--build': 'compiles the TypeScript anew before; the script of package.json has it' },
});
const out = resolve(argument ?? join(ROOT, 'packages'));
if (flags.has('--build')) build();
assemblePlatformPackage(join(out, platformPackage().slice(SCOPE.length)));
assembleMainPackage(join(out, manifest.name), platformPackages(out));
console.log(`${platformPackage()} and ${manifest.name} ${manifest.version} are in ${out}`);
