import t from 'tap';
import { labSupport } from '../../src/lab/index.js';
import { until } from '../until.js';
import { Agent } from './agent.js';
import { delaySkipReason, roundTrip } from './delays.js';
import { closeAfter } from './keep-on-failure.js';
import { TestLab } from './test-lab.js';

const support = labSupport();
const skip = support.ok ? delaySkipReason() : support.why;

t.test('packets of a path are delayed and lost in its direction', { skip }, async (t) => {
  const lab = new TestLab();
  closeAfter(t, lab);
  const hosts = [lab.host('a'), lab.host('b'), lab.host('c')] as const;
  const [a, b, c] = hosts;
  await lab.up();
  const agents = hosts.map((host) => new Agent(lab, host));
  const delays = await lab.delays();

  for (const family of [4, 6] as const) {
    const [atA, atB, atC] = await Promise.all(agents.map((agent) => agent.open(family)));
    if (atA === undefined || atB === undefined || atC === undefined) throw new Error('three');
    const addressOf = (host: typeof a, { port }: { port: number }) => ({
      address: host.addresses[family] ?? '',
      port,
    });
    const [toA, toB, toC] = [addressOf(a, atA), addressOf(b, atB), addressOf(c, atC)];

    await delays.set([{ from: [a], to: [b], delayMs: 300 }, ...roundTrip([a], [c], 80)]);
    const since = performance.now();
    const elapsed = () => performance.now() - since;
    await Promise.all([atA.send(toB, 'one way'), atB.send(toA, 'at once'), atA.send(toC, 'there')]);
    await atA.receive('at once');
    await atC.receive('there');
    t.ok(elapsed() >= 40, 'half of a round trip');
    await atC.send(toA, 'back');
    await atA.receive('back');
    t.ok(elapsed() >= 80, 'a round trip');
    t.equal((await atB.receive('one way')).from.address, a.addresses[family], 'without NAT');
    t.ok(elapsed() >= 300, 'the delay of one direction');

    await delays.set([{ from: [a], to: [b], delayMs: 0, loss: 0.5 }]);
    const arrived = (texts: readonly string[], what: string) =>
      texts.filter((text) => text === what).length;
    for (let i = 0; i < 200; i++) {
      await Promise.all([atA.send(toB, 'perhaps'), atB.send(toA, 'surely')]);
    }
    await until(() => arrived(atA.texts, 'surely') === 200);
    await delays.set([]);
    await atA.send(toB, 'last');
    await atB.receive('last');
    const some = arrived(atB.texts, 'perhaps');
    t.ok(some > 0 && some < 200, `${some} of 200 arrive at half loss`);
  }
});
