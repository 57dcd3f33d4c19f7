import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Phase } from '../../bench/fleet/fleet.js';
import { SIGNAL_EXIT } from '../../src/cli/exit-codes.js';
import { isAlive } from '../setup/is-alive.js';
import { until } from '../until.js';
import { childrenOf } from './children.js';
import { endOf, startBench } from './program.js';

t.setTimeout(180_000);

const start = (...args: readonly string[]) => startBench('bench/fleet/main.ts', ...args);

t.test('a fleet starts, learns of one more relay and comes back after a restart', async (t) => {
  const json = join(t.testdir(), 'fleet.json');
  const { bench, said } = start('--relays', '20', '--seconds', '0.5', '--json', json);
  t.equal(await endOf(bench), 0, said.err);
  t.match(said.out, /^start: .*\nquiet: .*\none new relay: .*\nrestart: .*\n20 relays; /m);
  t.match(said.err, /^start …\n(.*\n)*quiet …\n/);
  const phases: Phase[] = JSON.parse(readFileSync(json, 'utf8'));
  t.ok(phases.every(({ isDone, residentBytes }) => isDone && residentBytes > 1e6));
  const registrations = phases.map((phase) => phase.registrations);
  t.strictSame(registrations.slice(1, 3), [0, 1]);
  t.ok((registrations[0] ?? 0) >= 20 && (registrations[3] ?? 0) >= 21, registrations.join());
  t.ok(phases.every(({ beats }) => beats > 0));
});

t.test('no process is left after a signal', async (t) => {
  const { bench, said } = start('--relays', '20', '--seconds', '100');
  await until(() => said.err.includes('quiet …') || bench.exitCode !== null);
  t.equal(bench.exitCode, null, said.err);
  const children = childrenOf(bench.pid);
  t.equal(children.length, 2);
  bench.kill('SIGINT');
  t.equal(await endOf(bench), SIGNAL_EXIT.SIGINT);
  t.strictSame(
    children.filter(({ pid }) => isAlive(pid)),
    [],
  );
});

t.test('--help teaches, and wrong values are refused before anything starts', async (t) => {
  const wrong = ['--relays', 'x'];
  const runs = [['--help'], wrong, ['--relays', '10240'], ['--checkout', '/nowhere']].map((args) =>
    start(...args),
  );
  const codes = await Promise.all(runs.map(({ bench }) => endOf(bench)));
  t.strictSame(codes, [0, 1, 1, 1]);
  t.match(runs[0]?.said.out, /--checkout[\s\S]*Examples:\n {2}npm run bench:fleet/);
  t.match(runs[1]?.said.err, /'x' is invalid\. a positive number/);
  t.match(runs[2]?.said.err, /an integer of at most 10239/);
  t.match(runs[3]?.said.err, /a folder with src\/directory\/index\.ts/);
});
