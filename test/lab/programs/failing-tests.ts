/** A test that fails, hangs or passes in a lab, for keep-on-failure.test.ts: `HOW FOLDER`. */
import { once } from 'node:events';
import t from 'tap';
import { closeAfter, setPatience } from '../keep-on-failure.js';
import { TestLab } from '../test-lab.js';

const [, , how = '', folder = ''] = process.argv;

/** Prints more than is kept of a program, then a last line. */
const LOUD =
  'for (let n = 0; n < 400; n++) console.log("a line of many".padEnd(1000)); console.log("last")';

setPatience(t, how === 'hangs' ? 15_000 : 60_000);

t.test(how, async (t) => {
  const lab = new TestLab();
  closeAfter(t, lab, folder);
  const host = lab.host('host');
  const nat = lab.nat('nat', { behaviour: 'symmetric' });
  await lab.up();
  await lab.setLoss(nat, 50);
  lab.evidence.ask({ namespace: host.namespace, title: 'asked', argv: ['echo', 'an answer'] });
  const loud = lab.spawn(host, [process.execPath, '-e', LOUD]);
  loud.child.stdout?.resume();
  await loud.ended;
  const waiting = lab.spawn(host, ['sh', '-c', 'echo to nobody >&2; exec sleep 1000']);
  if (waiting.child.stderr !== null) await once(waiting.child.stderr, 'data');
  if (how === 'hangs') await waiting.ended;
  if (how === 'throws') throw new Error('on purpose');
  t.equal(how, 'passes');
});
