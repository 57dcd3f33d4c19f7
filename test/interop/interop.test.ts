import t from 'tap';
import { runOutsider } from './outsider.js';
import { System } from './system.js';

const TIMEOUT_MS = 80_000;

// Some scenarios wait for the 30 s of the protocol; the others run meanwhile.
t.setTimeout(100_000);

const system = await System.open();
t.teardown(() => system.close());

// INTEROP_ONLY="close 437" runs the scenarios that have both words in their names.
const words = (process.env.INTEROP_ONLY ?? '').split(' ').filter((word) => word !== '');
const report = await runOutsider(system, words, TIMEOUT_MS);

t.not(report.plan.length, 0, 'there are scenarios');
t.equal(report.stderr, '', 'Python has nothing to complain of');
for (const name of report.plan) {
  t.test(name, async (t) => {
    const result = report.results.get(name);
    if (result === undefined) t.fail('it did not end in time');
    else if (result.ok) t.pass(`${result.seconds} s`);
    else t.fail(result.error ?? 'failed', { at: null, where: result.where });
  });
}
