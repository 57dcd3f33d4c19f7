import { spawnSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import t from 'tap';
import { runOutsider } from './outsider.js';
import { System } from './system.js';

const TIMEOUT_MS = 240_000;

/** Returns why this machine cannot run the scenarios; empty if it can. */
function obstacle(): string {
  if (spawnSync('python3', ['-c', 'import random; random.randbytes']).status !== 0) {
    return 'Python 3.9 or later (python3) is not installed';
  }
  const addresses = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
  return addresses.some(({ address }) => address === '::1') ? '' : 'there is no IPv6 loopback';
}

/** Runs every scenario of the Python peer as a test with its name. */
async function runScenarios(): Promise<void> {
  const system = await System.open();
  t.teardown(() => system.close());
  // INTEROP_ONLY="close 437" runs the scenarios that have both words in their names.
  const words = (process.env.INTEROP_ONLY ?? '').split(' ').filter((word) => word !== '');
  const report = await runOutsider(system, words, TIMEOUT_MS);
  t.not(report.plan.length, 0, 'there are scenarios');
  t.equal(report.stderr, '', 'no output on standard error');
  for (const name of report.plan) {
    t.test(name, async (t) => {
      const result = report.results.get(name);
      if (result === undefined) t.fail('it did not end in time');
      else if (result.ok) t.pass(`${result.seconds} s`);
      else t.fail(result.error ?? 'failed', { at: null, where: result.where });
    });
  }
}

// Some scenarios wait for the 30 s of the protocol; the others run meanwhile.
t.setTimeout(290_000);
const reason = obstacle();
if (reason === '') await runScenarios();
else t.pass('a peer written in Python', { skip: reason });
