import { pino } from 'pino';
import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { RelayMetrics } from '../../src/relay/metrics.js';
import { TrunkLog } from '../../src/relay/trunk-log.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import type { PathEvent } from '../../src/trunk/path-event.js';
import { dualStack, FakePeer, twoRelays, World } from './world/index.js';

const phrase = (answer: ReturnType<FakePeer['connect']>) => {
  const error = answer?.errorCode();
  return error && [error.code, error.reason];
};

t.test('a Connect to an unreachable relay gets 447 at once, with the reason', async (t) => {
  const { world, a, fra, nyc, b } = twoRelays();
  a.allocate(nyc.service);
  world.answers = ({ from }) => from !== 'fra-1';
  world.pass(2_000);
  t.same([...fra.core.context.trunk.relays.unreachable()], [], 'not yet after 2 s');
  world.pass(6_000);
  t.same([...fra.core.context.trunk.relays.unreachable()], [{ id: 'nyc-1', reason: 'no-answer' }]);
  t.same(phrase(a.connect(b.address)), [447, 'no way to relay nyc-1 answers for 5 s']);
  world.answers = () => true;
  world.pass(3_000);
  t.same([...fra.core.context.trunk.relays.unreachable()], []);
  t.equal(a.connect(b.address), undefined, 'pending, since the other peer has not connected');
});

t.test('when a relay becomes unreachable, only the attempts to it fail', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  const alone = new FakePeer(world, {
    address: '203.0.113.8:1',
    relay: fra,
    role: 0,
    connectionId: 'ff'.repeat(16),
  });
  alone.allocate(fra.service);
  a.allocate(nyc.service);
  world.pass(1_000);
  a.connect(b.address);
  alone.connect(b.address);
  world.pass(3_000);
  t.equal(a.connectAnswer, undefined, 'not because the other peer has not connected');
  world.answers = () => false;
  world.pass(5_600);
  t.same(phrase(a.connectAnswer), [447, 'no way to relay nyc-1 answers for 5 s']);
  t.equal(alone.connectAnswer, undefined);
});

t.test('a relay that answers probes but gets no answers is unreachable', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  a.allocate(nyc.service);
  b.allocate(fra.service);
  // nyc-1's probes are lost and its replies arrive, as behind a NAT that changes source ports.
  world.answers = ({ from }) => from !== 'nyc-1';
  world.pass(9_000);
  t.same([...fra.core.context.trunk.relays.unreachable()], [{ id: 'nyc-1', reason: 'not-heard' }]);
  t.same([...nyc.core.context.trunk.relays.unreachable()], [{ id: 'fra-1', reason: 'no-answer' }]);
  t.same(phrase(a.connect(b.address)), [447, 'relay nyc-1 gets no answers from here']);
  t.equal(b.connect(a.address)?.errorCode()?.code, 447);
});

t.test('connections move to the path that answers, with another lane set', async (t) => {
  const { world, fra, news, remote, entry } = dualStack();
  world.pass(1_000);
  t.equal(remote().path?.destination.port, 3480);
  const first = remote().path?.destination.address;
  t.equal(first, '192.0.2.20');
  t.equal(entry()?.laneSet, 0);
  remote().connections = 1;
  world.answers = ({ remote: to }) => to.address.includes(':');
  for (let n = 1; n <= 40; n++) {
    fra.plane.recordsSent.set(remote().relayIndex, n);
    world.pass(100);
  }
  t.equal(remote().path?.destination.address, '2001:db8::20');
  t.match(entry(), { socket: 1, laneSet: 1, destination: { address: '2001:db8::20' } });
  t.match(entry()?.paths, [{ heard: 'unanswered' }, { heard: 'answered' }]);
  t.same([...fra.core.context.trunk.relays.unreachable()], []);
  t.equal(remote().connections, 1, 'the connection remains');
  t.match(news, [{ type: 'path' }]);
  world.answers = () => true;
  world.pass(30_000);
  t.equal(remote().path?.destination.address, '2001:db8::20', 'connections do not move back');
  remote().connections = 0;
});

t.test('connections move to a path whose round trip is clearly shorter for 10 s', async (t) => {
  const { world, remote } = dualStack();
  const six = (rtt: number) => {
    world.rttMs = ({ remote: to }) => (to.address.includes(':') ? rtt : 30);
  };
  six(26);
  world.pass(60_000);
  t.equal(remote().path?.socket, 0, '4 ms less is not enough');
  six(24);
  world.pass(8_000);
  t.equal(remote().path?.socket, 0, 'not at once');
  six(40);
  world.pass(60_000);
  six(10);
  world.pass(60_000);
  t.equal(remote().path?.socket, 1);
});

t.test('one outlier of the round trip changes neither the path nor the metric', async (t) => {
  const { world, fra, remote } = dualStack();
  world.rttMs = () => 20;
  world.pass(30_000);
  let spikes = 0;
  world.rttMs = () => (spikes++ === 0 ? 59_000 : 20);
  world.pass(30_000);
  t.equal(remote().path?.socket, 0);
  t.equal([...fra.core.context.trunk.relays.all()][0]?.rttNs, 20e6);
});

t.test('the round trip is undefined while probes are not answered', async (t) => {
  const { world, fra } = twoRelays();
  const rtt = () => [...fra.core.context.trunk.relays.all()][0]?.rttNs;
  t.equal(rtt(), undefined);
  world.pass(1_000);
  t.equal(rtt(), 1e6);
  world.answers = () => false;
  world.pass(8_000);
  t.equal(rtt(), undefined);
});

t.test(
  'the bundle size follows the path MTU, and peers get RECOMMENDED-PAYLOAD when it changes',
  async (t) => {
    const { world, a, fra } = (() => {
      const system = twoRelays();
      system.world.answers = ({ bytes = 0 }) => bytes <= 1_372;
      system.world.pass(20_000);
      return system;
    })();
    const nyc = world.relays.get('nyc-1');
    const b = new FakePeer(world, {
      address: '198.51.100.9:50001',
      relay: nyc ?? fra,
      role: 1,
    });
    a.allocate(nyc?.service ?? fra.service);
    b.allocate(fra.service);
    a.connect(b.address);
    b.connect(a.address);
    const told = (answer: ReturnType<FakePeer['connect']>) =>
      answer?.u32(AttributeType.RecommendedPayload);
    const bundle = () => fra.plane.remoteRelays.get(0)?.bundleBytesMax ?? 0;
    t.ok(bundle() <= 1_372 && bundle() > 1_363, `${bundle()}`);
    t.equal(told(a.connectAnswer), bundle() - 28);
    t.equal(told(a.refresh(600)), undefined, 'unchanged');
    world.answers = () => true;
    world.pass(120_000);
    t.equal(bundle(), 1_452);
    t.equal(told(a.refresh(600)), 1_424);
    t.equal(told(a.refresh(600)), undefined);
    world.answers = ({ bytes = 0 }) => bytes <= 1_300;
    world.pass(10_000);
    t.ok(bundle() <= 1_300 && bundle() > 1_200, 'a smaller path MTU is found without ICMP');
  },
);

t.test(
  'two relays without a common address family are logged at level debug and not reported',
  async (t) => {
    const world = new World();
    const news: PathEvent[] = [];
    const fra = world.addRelay('fra-1', '192.0.2.10', { onTrunk: (_, each) => news.push(each) });
    const six = world.addRelay('six-1', '192.0.2.20', { trunkIp: '[2001:db8::20]' });
    world.introduce();
    world.pass(60_000);
    const { trunk } = fra.core.context;
    t.same([...trunk.relays.unreachable()], []);
    t.match(news, [{ type: 'reachability', reason: 'no-common-family' }], 'reported once');
    t.equal(fra.plane.probes.length, 0);
    t.same(fra.core.reachability().trunk, [], 'not reported to the directory');
    const shown = async () => (await new RelayMetrics(fra.core, fra.plane).text()).split('\n');
    const row = 'turnpike_relay_trunk_reachable{relay="six-1"}';
    t.notOk(
      (await shown()).some((line) => line.startsWith(row)),
      'neither 0 nor 1',
    );
    const lines: { event: string }[] = [];
    const write = (line: string) => void lines.push(JSON.parse(line));
    const logger = pino({ level: 'debug' }, { write });
    const notices = new TrunkLog(world.clock, logger);
    const remote = trunk.relays.get('six-1');
    if (!remote) throw new Error('six-1 is not known');
    for (const each of news) notices.say(remote, each);
    t.match(lines, [{ level: 20, event: 'relay-no-common-family', relay: 'six-1' }]);

    const moved = { ...six.record, trunkAddresses: [parseAddress('192.0.2.20:3480')] };
    fra.core.updateRelays([fra.record, moved]);
    t.equal(remote.unreachable, undefined);
    world.pass(10_000);
    t.same([...trunk.relays.unreachable()], [{ id: 'six-1', reason: 'no-answer' }]);
    t.ok((await shown()).includes(`${row} 0`));
    for (const each of news.slice(1)) notices.say(remote, each);
    t.match(lines.slice(1), [{ level: 40, event: 'relay-unreachable' }], 'no line about a return');
    fra.core.updateRelays([fra.record, six.record]);
    t.equal(remote.unreachable, 'no-common-family');
    t.same([...trunk.relays.unreachable()], []);
  },
);

t.test('a Connect gets 447 if the relays have lost their common address family', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  a.allocate(nyc.service);
  const trunkAddresses = [parseAddress('[2001:db8::20]:3480')];
  fra.core.updateRelays([fra.record, { ...nyc.record, trunkAddresses }]);
  t.same(phrase(a.connect(b.address)), [447, 'no address family in common with relay nyc-1']);
  world.pass(10_000);
  t.same([...fra.core.context.trunk.relays.unreachable()], []);
});
