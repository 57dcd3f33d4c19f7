import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { labSupport } from '../../src/lab/index.js';
import { namespaceNames, ownerOf } from '../../src/lab/namespaces.js';
import { missingText, missingTools } from '../setup/system-packages.js';
import { RIG_TOOLS } from '../setup/system-tools.js';
import { freshCheckout, toolFolderWithout } from '../setup/tool-folder.js';

// The test compiles the rig's programs.
t.setTimeout(600_000);

const support = labSupport();
const missing = missingTools(RIG_TOOLS);
const skip = missing.length > 0 ? missingText(missing) : !support.ok && support.why;
const scratch = mkdtempSync(join(tmpdir(), 'turnpike-fresh-'));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));
let folders = 0;

interface Outcome {
  readonly code: number;
  readonly output: string;
  readonly pid: number;
}

/** Runs the bench in a fresh checkout on a machine that lacks some programs. */
function bench(hidden: readonly string[], args: readonly string[]): Promise<Outcome> {
  const path = toolFolderWithout(join(scratch, `tools-${++folders}`), hidden);
  const argv = ['--import', 'tsx', 'bench/load/main.ts', ...args];
  return new Promise((resolve) => {
    const options = { cwd: join(scratch, 'checkout'), env: { ...process.env, PATH: path } };
    const child = execFile(process.execPath, argv, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: `${stdout}${stderr}`, pid: child.pid ?? 0 });
    });
  });
}

t.before(() => {
  if (skip === false) freshCheckout(join(scratch, 'checkout'));
});

/** Returns the reason in --list for which a contestant cannot run. */
function reasonOf(name: string, output: string): string | undefined {
  const line = output.split('\n').find((one) => one.startsWith(`  ${name} `));
  return /\(([^()]*)\)$/.exec(line ?? '')?.[1];
}

t.test('a missing tool omits the contestants that need it', { skip }, async (t) => {
  const withoutClang = await bench(['clang'], ['--list']);
  for (const name of ['turnpike-xdp', 'xdp-redirect']) {
    t.match(reasonOf(name, withoutClang.output), /clang not found: apt-get install clang/, name);
  }
  for (const name of ['turnpike', 'reflector', 'reflector-gso', 'kernel-forwarding']) {
    t.equal(reasonOf(name, withoutClang.output), undefined, `${name} needs no clang`);
  }
  const withoutEthtool = await bench(['ethtool'], ['--list']);
  t.match(reasonOf('kernel-forwarding', withoutEthtool.output), /apt-get install ethtool/);
  for (const name of ['turnpike', 'reflector', 'reflector-gso']) {
    t.equal(reasonOf(name, withoutEthtool.output), undefined, `${name} needs no ethtool`);
  }
  const withoutRivals = await bench(['turnserver', 'go', 'npm'], ['--list']);
  t.match(reasonOf('coturn', withoutRivals.output), /apt-get install coturn/);
  t.match(reasonOf('pion', withoutRivals.output), /apt-get install golang-go/);
});

const EFFORT = ['--rounds', '2', '--seconds', '0.4'];
const CONTESTANTS = ['turnpike', 'turnpike-xdp', 'xdp-redirect', 'kernel-forwarding'];

t.test('the bench measures on a machine with only Node and a compiler', { skip }, async (t) => {
  const hidden = ['clang', 'ethtool', 'sysctl', 'bpftool', 'turnserver', 'go'];
  const workloads = ['out-hot-100B', 'same-super-1200B-cut'];
  const only = ['--only', ...workloads, ...CONTESTANTS];
  const { code, output, pid } = await bench(hidden, [...only, ...EFFORT]);
  t.equal(code, 0, 'exit code');
  t.comment(
    output
      .split('\n')
      .filter((line) => /left out|not found/i.test(line))
      .join('\n'),
  );
  t.match(output, /^ethtool, clang not found: apt-get install ethtool clang$/m, 'in one line');
  t.notMatch(output, /ENOENT|cannot bind/);
  t.strictSame(
    namespaceNames().filter((name) => ownerOf(name)?.pid === pid),
    [],
  );
  const file = join(scratch, 'checkout', 'bench', 'results', 'bench.json');
  const { omissions, workloads: measured } = JSON.parse(readFileSync(file, 'utf8'));
  const why = new Map<string, string>(
    omissions.map(({ what, why }: { what: string; why: string }) => [what, why]),
  );
  t.match(why.get('Turnpike xdp'), /apt-get install clang/);
  t.match(why.get('minimal XDP rewrite and redirect'), /apt-get install clang/);
  t.match(why.get('kernel IP forwarding'), /apt-get install ethtool/);
  t.match([...why].find(([what]) => what.includes('cut up'))?.[1], /apt-get install ethtool/);
  t.match(measured, [
    {
      workload: { name: 'out-hot-100B' },
      contestants: [
        { name: 'turnpike', rounds: [{ saturation: { delivered: Number } }] },
        { name: 'reflector', rounds: [{ saturation: { delivered: Number } }] },
        { name: 'reflector-gso', rounds: [{ saturation: { delivered: Number } }] },
      ],
    },
  ]);
  t.equal(measured.length, 1, 'nothing else is measured');
});

t.test('a stale addon without a compiler omits only Turnpike', { skip }, async (t) => {
  const source = join(scratch, 'checkout', 'native', 'addon.cc');
  const { atime, mtime } = statSync(source);
  utimesSync(source, new Date(), new Date());
  t.teardown(() => utimesSync(source, atime, mtime));
  const why = /python3 not found: apt-get install python3/;
  const hidden = ['python3', 'python', 'clang'];
  const listed = await bench(hidden, ['--list']);
  t.match(reasonOf('turnpike', listed.output), why);
  t.equal(reasonOf('reflector', listed.output), undefined);
  const only = ['--only', 'out-hot-100B', 'turnpike'];
  const { code, output } = await bench(hidden, [...only, ...EFFORT]);
  t.equal(code, 0);
  t.match(output, /^python3, clang not found: apt-get install python3 clang$/m, 'in one line');
  const file = join(scratch, 'checkout', 'bench', 'results', 'bench.json');
  const { omissions, workloads } = JSON.parse(readFileSync(file, 'utf8'));
  const omitted = omissions.find(({ what }: { what: string }) => what === 'Turnpike mmsg');
  t.match(omitted?.why, /^the addon cannot be compiled: python3 not found/);
  t.match(workloads, [{ contestants: [{ name: 'reflector' }, { name: 'reflector-gso' }] }]);
});

t.test(
  'a program that does not compile omits the contestants that need it, with a one-line reason',
  { skip },
  async (t) => {
    const tools = join(scratch, 'checkout', 'bench', 'load', 'tools');
    const broken = async (file: string) => {
      const before = readFileSync(join(tools, file), 'utf8');
      writeFileSync(join(tools, file), `${before}#error broken\n`);
      const only = ['--only', 'out-hot-100B', 'turnpike'];
      const outcome = await bench(['clang'], [...only, ...EFFORT]);
      writeFileSync(join(tools, file), before);
      return outcome;
    };
    const reflector = await broken('reflect_plain.cc');
    if (!t.equal(reflector.code, 0, 'Turnpike is measured')) t.comment(reflector.output);
    t.notMatch(reflector.output, /: In function|make\[/);
    const file = join(scratch, 'checkout', 'bench', 'results', 'bench.json');
    const { omissions, workloads } = JSON.parse(readFileSync(file, 'utf8'));
    const why = omissions.find(({ what }: { what: string }) =>
      what.startsWith('bare recvmmsg'),
    )?.why;
    t.match(
      why,
      /^the reflector cannot be built: .*reflect_plain\.cc:\d+:\d+: error: #error broken$/,
    );
    t.match(workloads, [{ contestants: [{ name: 'turnpike' }] }]);
    const sink = await broken('sink_main.cc');
    t.equal(sink.code, 1, 'nothing can be measured without a sink');
    t.match(
      sink.output,
      /^bench: the rig.s own programs cannot be built: .*sink_main.*: error: #error broken$/m,
    );
  },
);

t.test('without namespaces the bench says why and measures on loopback', { skip }, async (t) => {
  const only = ['--only', 'out-hot-100B', 'reflector'];
  const { code, output } = await bench(['nft', 'clang'], [...only, ...EFFORT]);
  t.equal(code, 0);
  t.match(output, /on loopback, which only indicates: nft not found: apt-get install nftables/);
});
