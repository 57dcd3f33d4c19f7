/**
 * Assembles what is published: a package with the addon for this platform, and the main package
 * whose manifest names the platform packages. They are named in that manifest only, as a lockfile
 * of this repository cannot name packages that are not published yet.
 *
 * Usage: node native/prebuild.mjs [folder], by default `packages`.
 */
import { execFileSync } from 'node:child_process';
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
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const { platformPackage, libc } = createRequire(import.meta.url)('./locate.cjs');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** The files that npm would put into the main package. */
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

/** node-gyp takes Node's headers from here instead of downloading them. */
function nodeFolder() {
  const folder = resolve(process.execPath, '../..');
  return existsSync(join(folder, 'include/node/node_api.h')) ? folder : undefined;
}

/**
 * Compiles with prebuildify, away from the checkout: node-gyp empties `build/`.
 * @returns the addon's bytes
 */
function compile() {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-prebuild-'));
  try {
    copyFiles(packedFiles(), folder);
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const nodedir = process.env.npm_config_nodedir ?? nodeFolder();
    const env = { ...process.env, ...(nodedir && { npm_config_nodedir: nodedir }) };
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

function assemblePlatformPackage(folder) {
  const name = platformPackage();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'turnpike.node'), compile());
  cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
  writeManifest(folder, {
    name,
    version: manifest.version,
    description: `The addon of ${manifest.name} for ${name.replace(/^.*\//, '')}`,
    license: manifest.license,
    main: 'turnpike.node',
    files: ['turnpike.node'],
    os: [process.platform],
    cpu: [process.arch],
    libc: [libc()],
    engines: manifest.engines,
  });
  return name;
}

/** Development's parts of the manifest mean nothing to who installs the package. */
function assembleMainPackage(folder, platformPackages) {
  const { devDependencies: _, overrides: __, scripts, ...published } = manifest;
  copyFiles(packedFiles(), folder);
  writeManifest(folder, {
    ...published,
    scripts: { install: scripts.install },
    optionalDependencies: Object.fromEntries(
      platformPackages.map((name) => [name, manifest.version]),
    ),
  });
}

const out = resolve(process.argv[2] ?? join(ROOT, 'packages'));
rmSync(out, { recursive: true, force: true });
const name = assemblePlatformPackage(join(out, 'platform'));
assembleMainPackage(join(out, 'main'), [name]);
console.log(`${name} and ${manifest.name} ${manifest.version} are in ${out}`);
