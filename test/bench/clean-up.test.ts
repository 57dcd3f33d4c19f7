import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { buildTools } from '../../bench/load/build-tools.js';
import { SIGNAL_EXIT } from '../../src/cli/exit-codes.js';
import { labSupport } from '../../src/lab/index.js';
import { namespaceNames } from '../../src/lab/namespaces.js';
import { ROOT } from '../house/source-files.js';
import { evidenceOf, setPatience } from '../lab/keep-on-failure.js';
import { isAlive } from '../setup/is-alive.js';
import { findCommand } from '../setup/system-packages.js';
import { until } from '../until.js';
import { childrenOf } from './children.js';

setPatience(t, 180_000);

const support = labSupport();
const skip = findCommand('cmake') === undefined ? 'needs cmake' : support.ok ? false : support.why;

function start(t: Test): { bench: ChildProcess; folder: string; output: () => string } {
  const folder = t.testdir();
  const args = ['--import', 'tsx', 'bench/load/main.ts', '--only', 'out-hot-100B', 'reflector'];
  const effort = ['--rounds', '3', '--seconds', '0.5'];
  const argv = [...args, ...effort, '--out', folder];
  const bench = spawn(process.execPath, argv, { cwd: ROOT });
  const evidence = evidenceOf(t);
  evidence.record('bench', bench.spawnargs, bench);
  evidence.watchFound(() => ownNamespaces(bench.pid));
  let output = '';
  bench.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return { bench, folder, output: () => output };
}

function ownNamespaces(pid: number | undefined): string[] {
  return namespaceNames().filter((name) => name.startsWith(`turnpike-${pid}-`));
}

t.before(() => {
  if (skip === false) buildTools();
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) {
  t.test(`no namespace and no program is left after ${signal}`, { skip }, async (t) => {
    const { bench, output } = start(t);
    await until(() => output().includes('round 1'));
    t.ok(ownNamespaces(bench.pid).length > 0, 'it has made namespaces');
    const programs = childrenOf(bench.pid);
    t.ok(
      programs.some(({ name }) => name === 'reflector'),
      'a contestant runs',
    );
    bench.kill(signal);
    const [code] = await once(bench, 'exit');
    t.equal(code, SIGNAL_EXIT[signal]);
    t.strictSame(ownNamespaces(bench.pid), []);
    t.strictSame(
      programs.filter(({ pid }) => isAlive(pid)),
      [],
    );
  });
}

t.test('a contestant that dies is omitted, and the run continues', { skip }, async (t) => {
  const { bench, folder, output } = start(t);
  await until(() => output().includes('round 1'));
  const reflector = childrenOf(bench.pid).find(({ name }) => name === 'reflector');
  t.ok(reflector !== undefined);
  process.kill(reflector?.pid ?? 0, 'SIGKILL');
  const [code] = await once(bench, 'close');
  t.equal(code, 0, 'the others are measured');
  t.match(output(), /^left out: bare GRO→GSO reflector in out-hot-100B: .*round 1.*ended/m);
  t.match(output(), /reflector, round 2/, 'the other reflector continues');
  t.strictSame(ownNamespaces(bench.pid), []);
  const { omissions } = JSON.parse(readFileSync(join(folder, 'bench.json'), 'utf8'));
  t.match(omissions, [{ what: /GRO→GSO reflector in out-hot-100B/, why: /ended/ }]);
});
