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

t.test(
  'a Connect that names an unreachable relay is refused at once, with the reason',
  async (t) => {
    const { world, a, fra, nyc, b } = twoRelays();
    a.allocate(nyc.service);
    world.answers = ({ from }) => from !== 'fra-1';
    world.pass(2_000);
    t.same([...fra.rules.context.trunk.relays.unreachable()], [], 'not before it is sure');
    world.pass(6_000);
    t.same(
      [...fra.rules.context.trunk.relays.unreachable()],
      [{ id: 'nyc-1', reason: 'no-answer' }],
    );
    t.same(phrase(a.connect(b.address)), [447, 'no way to relay nyc-1 answers for 5 s']);
    world.answers = () => true;
    world.pass(3_000);
    t.same([...fra.rules.context.trunk.relays.unreachable()], []);
    t.equal(a.connect(b.address), undefined, 'pending, as the other peer is not there');
  },
);

t.test('attempts fail when their relay becomes unreachable, and only those', async (t) => {
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
  t.equal(a.connectAnswer, undefined, 'a partner that has not connected is no reason');
  world.answers = () => false;
  world.pass(5_600);
  t.same(phrase(a.connectAnswer), [447, 'no way to relay nyc-1 answers for 5 s']);
  t.equal(alone.connectAnswer, undefined);
});

t.test('a relay that answers but does not hear is unreachable as well', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  a.allocate(nyc.service);
  b.allocate(fra.service);
  // What nyc-1 sends of its own accord is dropped, its answers are not: a NAT that changes ports.
  world.answers = ({ from }) => from !== 'nyc-1';
  world.pass(9_000);
  t.same([...fra.rules.context.trunk.relays.unreachable()], [{ id: 'nyc-1', reason: 'not-heard' }]);
  t.same([...nyc.rules.context.trunk.relays.unreachable()], [{ id: 'fra-1', reason: 'no-answer' }]);
  t.same(phrase(a.connect(b.address)), [447, 'relay nyc-1 gets no answers from here']);
  t.equal(b.connect(a.address)?.errorCode()?.code, 447);
});

t.test('connections move to the way that answers, in another lane', async (t) => {
  const { world, fra, news, remote, peer } = dualStack();
  world.pass(1_000);
  t.equal(remote().path?.destination.port, 3480);
  const first = remote().path?.destination.address;
  t.equal(first, '192.0.2.20');
  t.equal(peer()?.laneSet, 0);
  remote().connections = 1;
  world.answers = ({ remote: to }) => to.address.includes(':');
  for (let n = 1; n <= 40; n++) {
    fra.plane.recordsSent.set(remote().relayIndex, n);
    world.pass(100);
  }
  t.equal(remote().path?.destination.address, '2001:db8::20');
  t.match(peer(), { socket: 1, laneSet: 1, destination: { address: '2001:db8::20' } });
  t.match(peer()?.paths, [{ heard: 'unanswered' }, { heard: 'answered' }]);
  t.same([...fra.rules.context.trunk.relays.unreachable()], []);
  t.equal(remote().connections, 1, 'nothing has ended');
  t.match(news, [{ type: 'path' }]);
  world.answers = () => true;
  world.pass(30_000);
  t.equal(remote().path?.destination.address, '2001:db8::20', 'and stay where they are');
  remote().connections = 0;
});

t.test('another way is taken when it is clearly better for ten seconds', async (t) => {
  const { world, remote } = dualStack();
  const six = (rtt: number) => {
    world.rttMs = ({ remote: to }) => (to.address.includes(':') ? rtt : 30);
  };
  six(26);
  world.pass(60_000);
  t.equal(remote().path?.socket, 0, '4 ms are not worth it');
  six(24);
  world.pass(8_000);
  t.equal(remote().path?.socket, 0, 'not at once');
  six(40);
  world.pass(60_000);
  six(10);
  world.pass(60_000);
  t.equal(remote().path?.socket, 1);
});

t.test('one wrong round trip changes nothing', async (t) => {
  const { world, fra, remote } = dualStack();
  world.rttMs = () => 20;
  world.pass(30_000);
  let spikes = 0;
  world.rttMs = () => (spikes++ === 0 ? 59_000 : 20);
  world.pass(30_000);
  t.equal(remote().path?.socket, 0);
  t.equal([...fra.rules.context.trunk.relays.all()][0]?.rttNs, 20e6);
});

t.test('the round trip is not shown when it is not measured', async (t) => {
  const { world, fra } = twoRelays();
  const rtt = () => [...fra.rules.context.trunk.relays.all()][0]?.rttNs;
  t.equal(rtt(), undefined);
  world.pass(1_000);
  t.equal(rtt(), 1e6);
  world.answers = () => false;
  world.pass(8_000);
  t.equal(rtt(), undefined);
});

t.test('bundles follow the way, and peers are told what fits', async (t) => {
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
  const bundle = () => fra.plane.trunkPeers.get(0)?.bundleBytesMax ?? 0;
  t.ok(bundle() <= 1_372 && bundle() > 1_363, `${bundle()}`);
  t.equal(told(a.connectAnswer), bundle() - 28);
  t.equal(told(a.refresh(600)), undefined, 'nothing new');
  world.answers = () => true;
  world.pass(120_000);
  t.equal(bundle(), 1_452);
  t.equal(told(a.refresh(600)), 1_424);
  t.equal(told(a.refresh(600)), undefined);
  world.answers = ({ bytes = 0 }) => bytes <= 1_300;
  world.pass(10_000);
  t.ok(bundle() <= 1_300 && bundle() > 1_200, 'a black hole is found');
});

t.test('two relays without a common family are a property, no alarm', async (t) => {
  const world = new World();
  const news: PathEvent[] = [];
  const fra = world.addRelay('fra-1', '192.0.2.10', { onTrunk: (_, each) => news.push(each) });
  const six = world.addRelay('six-1', '192.0.2.20', { trunkIp: '[2001:db8::20]' });
  world.introduce();
  world.pass(60_000);
  const { trunk } = fra.rules.context;
  t.same([...trunk.relays.unreachable()], []);
  t.match(news, [{ type: 'reachability', reason: 'no-common-family' }], 'said once');
  t.equal(fra.plane.probes.length, 0);
  t.same(fra.rules.reachability().trunk, [], 'the directory knows the registrations');
  const shown = async () => (await new RelayMetrics(fra.rules, fra.plane).text()).split('\n');
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
  fra.rules.updateRelays([fra.record, moved]);
  t.equal(remote.unreachable, undefined);
  world.pass(10_000);
  t.same([...trunk.relays.unreachable()], [{ id: 'six-1', reason: 'no-answer' }]);
  t.ok((await shown()).includes(`${row} 0`));
  for (const each of news.slice(1)) notices.say(remote, each);
  t.match(lines.slice(1), [{ level: 40, event: 'relay-unreachable' }], 'and no line of its return');
  fra.rules.updateRelays([fra.record, six.record]);
  t.equal(remote.unreachable, 'no-common-family');
  t.same([...trunk.relays.unreachable()], []);
});

t.test('a Connect whose relays have no family in common any more is told so', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  a.allocate(nyc.service);
  const trunkAddresses = [parseAddress('[2001:db8::20]:3480')];
  fra.rules.updateRelays([fra.record, { ...nyc.record, trunkAddresses }]);
  t.same(phrase(a.connect(b.address)), [447, 'no address family in common with relay nyc-1']);
  world.pass(10_000);
  t.same([...fra.rules.context.trunk.relays.unreachable()], []);
});
