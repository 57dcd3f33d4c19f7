// Compiles the BPF programs into the light skeletons that the addon contains: `npm run build:bpf`.
// With `--check` it writes nothing and fails if a committed skeleton is out of date.
//
// Needs clang-14, libbpf-dev and bpftool of Debian 12, because another compiler gives other bytes.
// Users of the package do not need them.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
/** The programs: source, skeleton, and the name that the skeleton's functions begin with. */
const PROGRAMS = [
  { source: 'xdp/relay.bpf.c', skeleton: 'xdp/generated/relay.lskel.h', name: 'relay_bpf' },
  {
    source: 'steering/steer.bpf.c',
    skeleton: 'steering/generated/steer.lskel.h',
    name: 'steer_bpf',
  },
];

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
function build({ source, name }) {
  const scratch = mkdtempSync(join(tmpdir(), 'turnpike-bpf-'));
  try {
    const object = join(scratch, 'program.bpf.o');
    const multiarch = run('gcc', ['-print-multiarch']).trim();
    run(`clang-${CLANG_MAJOR}`, [
      ...['-target', 'bpfel', '-mcpu=v3', '-O2', '-g', '-Wall', '-Wextra', '-Werror'],
      ...['-fdebug-compilation-dir', '.', '-I.', `-I/usr/include/${multiarch}`],
      ...['-c', source, '-o', object],
    ]);
    return run('bpftool', ['gen', 'skeleton', '-L', object, 'name', name]);
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
    return PROGRAMS.map((program) => ({
      path: join(NATIVE, program.skeleton),
      text: build(program),
    }));
  } catch (error) {
    return fail(error.message);
  }
}

const { flags } = scriptArguments({
  script: 'build:bpf',
  about: 'compiles the BPF programs into the skeletons that the addon contains.',
  flags: { '--check': 'writes nothing, and fails if a committed skeleton is out of date' },
});
requireTools(SKELETON_TOOLS, 'build:bpf');
for (const { path, text } of buildChecked()) {
  if (!flags.has('--check')) {
    writeFileSync(path, text);
  } else if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
    fail(`${path} is not what its sources give: npm run build:bpf`);
  }
}
