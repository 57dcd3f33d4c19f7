import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { FleetStart } from '../../bench/abuse/fleet-start.js';
import { FLOODS } from '../../bench/abuse/floods/index.js';
import { amplification, type FloodResult } from '../../bench/abuse/result.js';
import { tableText } from '../../bench/abuse/table.js';
import { SIGNAL_EXIT } from '../../src/cli/exit-codes.js';
import { isAlive } from '../setup/is-alive.js';
import { childrenOf } from './children.js';
import { endOf, startBench } from './program.js';

t.setTimeout(180_000);

const start = (...args: readonly string[]) => startBench('bench/abuse/main.ts', ...args);

t.test('a flood is measured in a window with it and one without', async (t) => {
  const json = join(t.testdir(), 'abuse.json');
  const only = ['--only', 'victims-address', 'tenant-requests'];
  const { bench, said } = start(...only, '--seconds', '0.5', '--json', json);
  t.equal(await endOf(bench), 0, said.err);
  t.match(said.out, /^victims-address .*→.*\ntenant-requests .*→/m, 'a table with a row for each');
  t.match(said.err, /\[1\/2\] victims-address/, 'progress');
  const results: FloodResult[] = JSON.parse(readFileSync(json, 'utf8'));
  t.match(results, [{ attacked: 'relay' }, { attacked: 'directory' }]);
  for (const { name, quiet, flooded, died } of results) {
    t.notOk(died, name);
    t.equal(quiet.sentBytes, 0, 'no flood in the quiet window');
    t.ok(flooded.sentBytes > 0, 'a flood in the other window');
    for (const window of [quiet, flooded]) {
      t.ok(window.victim.setUps > 0 && window.victim.echoes > 0);
      t.ok(window.peakBytes > 1e6, 'the attacked process is measured');
    }
  }
});

t.test('--fleet measures a client while relays start', async (t) => {
  const json = join(t.testdir(), 'fleet.json');
  const { bench, said } = start('--fleet', '20', '--seconds', '15', '--json', json);
  t.equal(await endOf(bench), 0, said.err);
  t.match(said.out, /^20 relays that start within 3 s are confirmed by all/);
  const { client, confirmedMs }: FleetStart = JSON.parse(readFileSync(json, 'utf8'));
  t.ok(confirmedMs !== undefined);
  t.ok((client[2]?.served ?? 0) > 0, 'the client gets relays of the fleet');
});

t.test('no process is left after a signal', async (t) => {
  const { bench, said } = start('--only', 'spoofed-sources');
  while (childrenOf(bench.pid).length < 5) {
    if (bench.exitCode !== null) throw new Error(said.err);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const children = childrenOf(bench.pid);
  bench.kill('SIGINT');
  t.equal(await endOf(bench), SIGNAL_EXIT.SIGINT);
  t.strictSame(
    children.filter(({ pid }) => isAlive(pid)),
    [],
  );
});

t.test(
  '--help and --list print usage and every flood, and an unknown flood is refused',
  async (t) => {
    const [help, list, wrong] = [start('--help'), start('--list'), start('--only', 'nonsense')];
    const codes = await Promise.all([help, list, wrong].map(({ bench }) => endOf(bench)));
    t.strictSame(codes, [0, 0, 1]);
    t.match(help.said.out, /--quick[\s\S]*--soak[\s\S]*quiet → flooded/);
    for (const { name } of FLOODS) t.match(list.said.out, new RegExp(`^${name} `, 'm'));
    t.match(wrong.said.err, /^bench:abuse: no flood is called nonsense: see --list\n$/);
  },
);

t.test('the table shows amplification, failures and the end of a process', async (t) => {
  const victim = {
    setUps: 10,
    succeeded: 10,
    setUpP50Ms: 5,
    setUpP99Ms: 20,
    directoryP99Ms: 3,
    failures: {},
    echoes: 100,
    echoesLost: 0,
    rttP99Ms: 0.4,
  };
  const quiet = {
    seconds: 1,
    victim,
    peakBytes: 90e6,
    cpuShare: 0.05,
    sentBytes: 0,
    receivedBytes: 0,
    trunkBytes: 1_000,
  };
  const flooded = {
    ...quiet,
    seconds: 2,
    victim: { ...victim, succeeded: 4, failures: { 'ERR_TURNPIKE_REJECTED 508': 6 } },
    sentBytes: 1_000,
    receivedBytes: 500,
    trunkBytes: 5_000,
  };
  const flood = { name: 'a-flood', title: '', attacked: 'relay' } as const;
  const result: FloodResult = { ...flood, died: true, quiet, flooded };
  t.strictSame(amplification(result), { answers: 0.5, trunk: 3 }, 'without the victim’s traffic');
  const text = tableText([result]);
  t.match(text, /^a-flood {2}100% → 40% /m);
  t.match(text, /a-flood: the attacked process ENDED/);
  t.match(text, /with the flood: set-ups that failed: 6 × ERR_TURNPIKE_REJECTED 508/);
});
