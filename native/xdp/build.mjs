// Compiles relay.bpf.c into the light skeleton that the addon contains: `npm run build:bpf`. With
// `--check` it writes nothing and fails if the committed skeleton is out of date.
//
// Needs clang-14, libbpf-dev and bpftool of Debian 12, because another compiler gives other bytes.
// Users of the package do not need them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SEARCH_PATH } from '../../src/lab/tools.ts';
import { scriptArguments } from '../../test/setup/script-arguments.ts';
import { requireTools } from '../../test/setup/system-packages.ts';
import { SKELETON_TOOLS } from '../../test/setup/system-tools.ts';

const CLANG_MAJOR = 14;
const BPFTOOL_VERSION = 'v7.1';
const NATIVE = dirname(dirname(fileURLToPath(import.meta.url)));
const SKELETON = join(NATIVE, 'xdp/generated/relay.lskel.h');

function run(command, args) {
  const env = { ...process.env, PATH: SEARCH_PATH };
  return execFileSync(command, args, { cwd: NATIVE, env, encoding: 'utf8', maxBuffer: 1 << 26 });
}

function checkTools() {
  const clang = run(`clang-${CLANG_MAJOR}`, ['--version']).split('\n')[0];
  const bpftool = run('bpftool', ['version']).split('\n')[0];
  if (!bpftool.includes(BPFTOOL_VERSION)) {
    throw new Error(`needs bpftool ${BPFTOOL_VERSION}, found ${bpftool}`);
  }
  console.log(`${clang}; ${bpftool}`);
}

/** Compiles in a scratch folder. The object contains no path of this machine. */
function build() {
  const scratch = mkdtempSync(join(tmpdir(), 'turnpike-bpf-'));
  try {
    const object = join(scratch, 'relay.bpf.o');
    const multiarch = run('gcc', ['-print-multiarch']).trim();
    run(`clang-${CLANG_MAJOR}`, [
      ...['-target', 'bpfel', '-mcpu=v3', '-O2', '-g', '-Wall', '-Wextra', '-Werror'],
      ...['-fdebug-compilation-dir', '.', '-I.', `-I/usr/include/${multiarch}`],
      ...['-c', 'xdp/relay.bpf.c', '-o', object],
    ]);
    return run('bpftool', ['gen', 'skeleton', '-L', object, 'name', 'relay_bpf']);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function fail(message) {
  console.error(`build:bpf: ${message}`);
  process.exit(1);
}

function buildChecked() {
  try {
    checkTools();
    return build();
  } catch (error) {
    return fail(error.message);
  }
}

const { flags } = scriptArguments({
  script: 'build:bpf',
  about: 'compiles relay.bpf.c into the skeleton that the addon contains.',
  flags: { '--check': 'writes nothing, and fails if the committed skeleton is out of date' },
});
requireTools(SKELETON_TOOLS, 'build:bpf');
const built = buildChecked();
if (!flags.has('--check')) {
  writeFileSync(SKELETON, built);
} else if (readFileSync(SKELETON, 'utf8') !== built) {
  fail(`${SKELETON} is not what its sources give: npm run build:bpf`);
}
