import { execFile } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { freshCheckout, toolFolderWithout } from '../setup/tool-folder.js';

// About 30 scripts are started, each of which takes about a second.
t.setTimeout(240_000);

const scratch = mkdtempSync(join(tmpdir(), 'turnpike-scripts-'));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));
const checkout = freshCheckout(join(scratch, 'checkout'));
const isRoot = process.getuid?.() === 0;
let folders = 0;

interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** Runs a script of package.json with a PATH that lacks some programs. */
function runWithout(hidden: readonly string[], script: readonly string[]): Promise<Outcome> {
  const path = toolFolderWithout(join(scratch, `tools-${++folders}`), hidden);
  const { CXX: _, ...inherited } = process.env;
  const env = { ...inherited, PATH: path };
  return new Promise((resolve) => {
    const args = ['run', '--silent', ...script];
    execFile('npm', args, { cwd: checkout, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}

interface Case {
  readonly script: readonly string[];
  readonly hidden: readonly string[];
  readonly says: RegExp;
}

const COMPILERS = ['g++', 'c++', 'clang++'];

const CASES: readonly Case[] = [
  { script: ['build:native'], hidden: ['g++'], says: /g\+\+ not found.*apt-get install g\+\+/ },
  { script: ['build:native'], hidden: ['make'], says: /make not found.*apt-get install make/ },
  {
    script: ['build:native'],
    hidden: ['python3', 'python'],
    says: /python3 not found.*apt-get install python3/,
  },
  { script: ['prebuild'], hidden: ['g++'], says: /g\+\+ not found.*apt-get install g\+\+/ },
  { script: ['prebuild'], hidden: ['make'], says: /make not found.*apt-get install make/ },
  { script: ['build:bpf'], hidden: ['clang-14'], says: /clang-14 not found: apt-get install/ },
  {
    script: ['build:bpf'],
    hidden: ['bpftool'],
    says: /bpftool not found: apt-get install bpftool/,
  },
  { script: ['build:bpf'], hidden: ['gcc'], says: /gcc not found: apt-get install gcc/ },
  { script: ['test:sanitize'], hidden: ['cmake'], says: /cmake not found: apt-get install cmake/ },
  { script: ['test:sanitize'], hidden: ['make'], says: /make not found: apt-get install make/ },
  { script: ['test:sanitize'], hidden: COMPILERS, says: /g\+\+ not found: apt-get install g\+\+/ },
  {
    script: ['test:fuzz'],
    hidden: ['clang++'],
    says: /clang\+\+ not found: apt-get install clang/,
  },
  { script: ['test:fuzz'], hidden: ['cmake'], says: /cmake not found: apt-get install cmake/ },
  {
    script: ['format:cpp'],
    hidden: ['clang-format'],
    says: /clang-format not found: apt-get install clang-format/,
  },
  { script: ['bench', '--', '--quick'], hidden: ['cmake'], says: /apt-get install cmake/ },
  { script: ['bench', '--', '--quick'], hidden: COMPILERS, says: /apt-get install g\+\+/ },
  { script: ['bench', '--', '--quick'], hidden: ['taskset'], says: /taskset.*util-linux/ },
  { script: ['bench', '--', '--quick'], hidden: ['setpriv'], says: /setpriv.*util-linux/ },
  { script: ['bench:plots'], hidden: [], says: /bench\.json: not there: `npm run bench`/ },
];

for (const { script, hidden, says } of CASES) {
  t.test(`${script.join(' ')} without ${hidden.join(', ')}`, async (t) => {
    const { code, output } = await runWithout(hidden, script);
    t.equal(code, 1);
    t.match(output, says);
    t.notMatch(output, /^\s+at /m, 'no stack');
    t.notMatch(output.trim(), /\n/, 'in one line');
    t.comment(output.trim());
  });
}

t.test('`npm test` without python3 needs it only if the addon is not up to date', async (t) => {
  const hidden = ['python3', 'python', 'g++'];
  const script = ['test', '--', 'test/stun'];
  // Makes the run fail at its next step.
  const settings = join(checkout, 'tsconfig.build.json');
  t.teardown(() => renameSync(`${settings}.away`, settings));
  renameSync(settings, `${settings}.away`);
  const current = await runWithout(hidden, script);
  t.match(
    current.output,
    /Set-up failed: Building the TypeScript/,
    'not needed for a current addon',
  );
  t.notMatch(current.output, /addon is not/);
  utimesSync(join(checkout, 'binding.gyp'), new Date(), new Date());
  const stale = await runWithout(hidden, script);
  t.equal(stale.code, 1);
  t.match(stale.output, /^The addon is not up to date and .*: g\+\+, python3 not found: apt-get/);
  t.notMatch(stale.output.trim(), /\n/, 'in one line');
});

const LAB: readonly (readonly [tool: string, debianPackage: string])[] = [
  ['ip', 'iproute2'],
  ['nft', 'nftables'],
  ['setpriv', 'util-linux'],
];
for (const [tool, debianPackage] of LAB) {
  t.test(`start -- --nat without ${tool}`, { skip: !isRoot && 'needs root' }, async (t) => {
    const { code, output } = await runWithout([tool], ['start', '--', '--nat', 'symmetric']);
    t.not(code, 0);
    t.match(output, new RegExp(`${tool} not found: apt-get install ${debianPackage}`));
    t.notMatch(output.trim(), /\n/, 'in one line');
  });
}

t.test('`npm start` builds a missing dist', async (t) => {
  rmSync(join(checkout, 'dist'), { recursive: true });
  const { code, output } = await runWithout([], ['start', '--', '--seconds', '1', '--json']);
  t.equal(code, 0, output);
  t.match(output, /"event":"summary"/);
});

t.test('`npm start` without an addon prints how to compile it', async (t) => {
  rmSync(join(checkout, 'build', 'Release'));
  t.teardown(() => symlinkSync(join('..', 'nowhere'), join(checkout, 'build', 'Release')));
  const { code, output } = await runWithout(['make'], ['start', '--', '--seconds', '1']);
  t.not(code, 0);
  t.match(output, /ERR_TURNPIKE_ADDON|no addon for/);
  t.match(output, /install make .*npm run build:native/);
});

t.test('test:rights names missing programs and fails', async (t) => {
  const { code, output } = await runWithout(['iperf3', 'conntrack'], ['test:rights']);
  t.equal(code, 1);
  // A fresh checkout also lacks the tools that the set-up unpacks into its build folder.
  t.match(output, /conntrack, iperf3\b.* not found: apt-get install conntrack iperf3\b/);
});
