import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { sharedSecret, trunkDataKey, trunkEpoch } from '../../src/auth/keys.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { encodeTrunkDatagram } from '../../src/trunk/datagram.js';
import type { TrunkNews } from '../../src/trunk/trunk-options.js';
import { established, FakePeer, twoRelays, World } from './world/index.js';

const phrase = (answer: ReturnType<FakePeer['connect']>) => {
  const error = answer?.errorCode();
  return error && [error.code, error.reason];
};

/** A relay with an IPv4 and an IPv6 trunk address, and another one of which it knows. */
function dualStack() {
  const world = new World();
  const news: TrunkNews[] = [];
  const six = (n: number) => parseAddress(`[2001:db8::${n}]:3480`);
  const fra = world.addRelay('fra-1', '192.0.2.10', {
    trunkToo: six(10),
    onTrunk: (_, each) => news.push(each),
  });
  const nyc = world.addRelay('nyc-1', '192.0.2.20', { trunkToo: six(20) });
  world.introduce();
  const remote = () => {
    const known = fra.rules.context.trunk.get('nyc-1');
    if (!known) throw new Error('nyc-1 is not known');
    return known;
  };
  const peer = () => fra.plane.trunkPeers.get(remote().slot);
  return { world, fra, nyc, news, remote, peer };
}

t.test(
  'a Connect that names an unreachable relay is refused at once, with the reason',
  async (t) => {
    const { world, a, fra, nyc, b } = twoRelays();
    a.allocate(nyc.service);
    world.answers = ({ from }) => from !== 'fra-1';
    world.pass(2_000);
    t.same([...fra.rules.context.trunk.unreachable()], [], 'not before it is sure');
    world.pass(6_000);
    t.same([...fra.rules.context.trunk.unreachable()], [{ id: 'nyc-1', reason: 'no-answer' }]);
    t.same(phrase(a.connect(b.address)), [447, 'no way to relay nyc-1 answers for 5 s']);
    world.answers = () => true;
    world.pass(3_000);
    t.same([...fra.rules.context.trunk.unreachable()], []);
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
  t.same([...fra.rules.context.trunk.unreachable()], [{ id: 'nyc-1', reason: 'not-heard' }]);
  t.same([...nyc.rules.context.trunk.unreachable()], [{ id: 'fra-1', reason: 'no-answer' }]);
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
    fra.plane.recordsSent.set(remote().slot, n);
    world.pass(100);
  }
  t.equal(remote().path?.destination.address, '2001:db8::20');
  t.match(peer(), { socket: 1, laneSet: 1, destination: { address: '2001:db8::20' } });
  t.match(peer()?.ways, [{ heard: 'unanswered' }, { heard: 'answered' }]);
  t.same([...fra.rules.context.trunk.unreachable()], []);
  t.equal(remote().connections, 1, 'nothing has ended');
  t.match(news, [{ type: 'way' }]);
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
  t.equal([...fra.rules.context.trunk.relays()][0]?.rttNs, 20e6);
});

t.test('the round trip is not shown when it is not measured', async (t) => {
  const { world, fra } = twoRelays();
  const rtt = () => [...fra.rules.context.trunk.relays()][0]?.rttNs;
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

t.test('a filtered lane port gives way to the trunk port, for its worker alone', async (t) => {
  const world = new World();
  const news: TrunkNews[] = [];
  const fra = world.addRelay('fra-1', '192.0.2.10', {
    lanePorts: [4001, 4002],
    onTrunk: (_, each) => news.push(each),
  });
  world.addRelay('nyc-1', '192.0.2.20');
  world.introduce();
  world.answers = ({ worker }) => worker !== 1;
  world.pass(20_000);
  const peer = () => fra.plane.trunkPeers.get(0);
  t.match(peer(), { lanesClosed: [1], laneSet: 1 });
  t.match(news, [{ type: 'lanes-closed', workers: [1] }]);
  world.answers = () => true;
  world.pass(20_000);
  t.match(peer(), { lanesClosed: [], laneSet: 2 });
});

t.test('an old relay is measured by plain probes', async (t) => {
  const { world, a, b, fra, nyc } = established();
  world.answers = ({ bytes }) => bytes === undefined;
  nyc.local.start += 1;
  fra.rules.updateRelays([fra.record, { ...nyc.record, start: nyc.record.start + 1 }]);
  world.pass(20_000);
  t.same([...fra.rules.context.trunk.unreachable()], []);
  t.equal(fra.plane.trunkPeers.get(0)?.bundleBytesMax, undefined);
  t.equal([...fra.rules.context.trunk.relays()][0]?.rttNs, 1e6);
  world.answers = () => true;
  world.pass(30_000);
  t.equal(fra.plane.trunkPeers.get(0)?.bundleBytesMax, 1_452, 'it was none after all');
  t.same([a.closed, b.closed].length, 2);
});

t.test('probes stay within their budget at any size of the registry', async (t) => {
  const world = new World();
  const fra = world.addRelay('fra-1', '192.0.2.10', { lanePorts: [4001, 4002, 4003, 4004] });
  const template = world.addRelay('nyc-1', '192.0.2.20').record;
  const others = Array.from({ length: 1_023 }, (_, n) => {
    const address = parseAddress(`10.0.${n >> 8}.${n & 255}:3480`);
    return { ...template, id: `r-${n}`, trunkAddresses: [address], trunkSources: [address] };
  });
  fra.rules.updateRelays([fra.record, ...others]);
  // None of them answers, so all that can be urgent is.
  for (let second = 0; second < 120; second++) {
    const before = fra.plane.probes.length;
    world.pass(1_000);
    const probes = fra.plane.probes.length - before;
    t.ok(probes > 40 && probes <= 105, `${probes} in second ${second}`);
  }
  const asked = new Set(fra.plane.probes.map(({ slot }) => slot));
  t.equal(asked.size, 1_023, 'and nobody is left out');
});

t.test('a relay that sends from a port it has not registered is named, once', async (t) => {
  const { world, fra, nyc, news } = dualStack();
  const key = trunkDataKey({
    shared: sharedSecret(nyc.local.privateKey, Buffer.from(fra.record.publicKey, 'base64')),
    senderId: 'nyc-1',
    receiverId: 'fra-1',
    epoch: trunkEpoch(world.clock.now()),
    receiverStart: fra.local.start,
  });
  const epoch = trunkEpoch(world.clock.now());
  const record = { sessionIndex: 1, sessionSequence: 0, payload: new Uint8Array(3) };
  const genuine = encodeTrunkDatagram(
    { type: 'data', lane: 0, epoch, sequence: 1n, records: [record] },
    key,
  );
  const forged = encodeTrunkDatagram(
    { type: 'data', lane: 0, epoch, sequence: 1n, records: [record] },
    new Uint8Array(16),
  );
  const from = (port: number) => parseAddress(`192.0.2.20:${port}`);
  const hand = (source: ReturnType<typeof from>, data: Uint8Array) => {
    world.send({ from: source, to: fra.trunk, data });
    world.pump();
  };
  hand(from(40_111), forged);
  hand(parseAddress('192.0.2.99:40112'), genuine);
  t.same(news, [], 'forged, or from elsewhere');
  hand(from(40_112), genuine);
  hand(from(40_113), genuine);
  t.same(news, [{ type: 'unlisted-source', source: from(40_112) }]);
});

t.test('no more than ten keys a second are tried', async (t) => {
  const { world, fra, nyc, news } = dualStack();
  for (let n = 0; n < 50; n++) {
    const epoch = trunkEpoch(world.clock.now());
    const data = encodeTrunkDatagram(
      { type: 'probe', lane: 0, epoch, sequence: 1n, timestampNs: 1n, number: n },
      new Uint8Array(16),
    );
    world.send({ from: { ...nyc.trunk, port: 5_000 + n }, to: fra.trunk, data });
  }
  world.pump();
  t.same(news, []);
  const { trunk } = fra.rules.context;
  t.equal(
    Object.values(trunk.drops).reduce((sum, count) => sum + count),
    0,
  );
});
