import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { until } from '../../until.js';
import { childrenOf } from '../children.js';

// The program is started a few times; each start takes seconds on a busy machine.
t.setTimeout(240_000);

const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const PROGRAM = ['--import', 'tsx', join(ROOT, 'bench', 'simulate', 'main.ts')];
const TINY = [
  ...['--regions', '24', '--clusters', '30', '--calls', '60', '--hours', '0.2', '--seeds', '2'],
  ...['--contestants', 'nearest', 'top-4'],
];

function run(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...PROGRAM, ...args], {
    ...{ cwd: ROOT, encoding: 'utf8' },
  });
  return { status, stdout, stderr };
}

t.test('a run prints tables and writes JSON and a page', async (t) => {
  const out = join(t.testdir(), 'made');
  const { status, stdout, stderr } = run('--quick', ...TINY, '--out', out);
  t.equal(status, 0, stderr);
  t.match(stdout, /^oracle-minute/m);
  t.strictSame(readdirSync(out).sort(), ['simulation.html', 'simulation.json']);
  t.match(stderr, / %.*: seed /, 'a progress bar');
});

t.test('help teaches, and wrong arguments are named in a line', async (t) => {
  t.match(run('--help').stdout, /--matrices <folder>[\s\S]*Examples:\n {2}npm run simulate/);
  const wrong: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [['--seeds', '0'], /'--seeds <number>' argument '0' is invalid\. A whole number of 1 to 100/],
    [['--regions', '5000'], /A whole number of 12 to 1,000/],
    [['--contestants', 'nobody'], /No contestant is called nobody: see --list/],
    [['--regions', '50', '--relays', '40'], /^simulate: --relays 40 are fewer than 50 regions/],
    [['--matrices', 'no-such-folder'], /^simulate: no-such-folder: there is no such folder/],
  ];
  for (const [args, says] of wrong) {
    const { status, stderr } = run(...args);
    t.equal(status, 1, args.join(' '));
    t.match(stderr, says);
    t.notMatch(stderr, /\n {4}at /, 'no stack');
  }
});

t.test('an interrupted run leaves no file and no process', async (t) => {
  const out = join(t.testdir(), 'made');
  const args = ['--quick', '--seeds', '2', '--calls', '100000', '--out', out];
  const child = spawn(process.execPath, [...PROGRAM, ...args], { cwd: ROOT });
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (data: Buffer) => {
    said += data.toString();
  });
  await until(() => said.includes('seed 1'));
  const workers = childrenOf(child.pid).map(({ pid }) => pid);
  t.ok(workers.length > 0, 'workers run');
  const exit = new Promise((resolve) => child.on('exit', resolve));
  child.kill('SIGINT');
  t.equal(await exit, 130);
  await until(() => workers.every((pid) => !existsSync(`/proc/${pid}/cwd`)));
  t.notOk(existsSync(out));
});
