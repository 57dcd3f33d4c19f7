import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { incarnation } from '../../src/registry/incarnation.js';
import type { PathEvent } from '../../src/trunk/path-event.js';
import { World } from './world/index.js';

const WORKERS = [0, 1, 2, 3];

/** A relay of four workers and another one; what the workers' ports were told is remembered. */
function fourWorkers(answers: World['answers'] = () => true) {
  const world = new World();
  world.answers = answers;
  const news: PathEvent[] = [];
  const fra = world.addRelay('fra-1', '192.0.2.10', {
    lanePorts: WORKERS.map((worker) => 4_001 + worker),
    onTrunk: (_, each) => news.push(each),
  });
  const nyc = world.addRelay('nyc-1', '192.0.2.20');
  const closed: string[] = [];
  const put = fra.plane.putTrunkPeer.bind(fra.plane);
  fra.plane.putTrunkPeer = (relayIndex, peer) => {
    const now = String(peer.lanesClosed);
    if (closed.at(-1) !== now) closed.push(now);
    put(relayIndex, peer);
  };
  world.introduce();
  const remote = () => {
    const known = fra.rules.context.trunk.relays.get('nyc-1');
    if (!known) throw new Error('nyc-1 is not known');
    return known;
  };
  const peer = () => fra.plane.trunkPeers.get(0);
  return { world, fra, nyc, news, closed, remote, peer };
}

const isClosed = (closed: string | undefined, worker: number) =>
  closed?.split(',').includes(String(worker));

t.test('every worker has its own port as soon as that was answered, all in one', async (t) => {
  const { world, closed, peer } = fourWorkers();
  t.same(closed, ['0,1,2,3'], 'nothing is known of them');
  world.pass(500);
  t.same(closed, ['0,1,2,3', ''], 'a round trip after the trunk port');
  t.equal(peer()?.laneSet, 1);
  world.pass(600_000);
  t.equal(closed.length, 2, 'and that is all');
});

t.test('a port that never was answered carries nothing, at no time', async (t) => {
  const { world, fra, nyc, closed, news, peer } = fourWorkers(({ worker }) => worker !== 1);
  world.pass(20_000);
  t.same(peer()?.lanesClosed, [1]);
  t.match(news, [{ type: 'lanes-closed', workers: [1] }]);
  // The other relay starts anew: nothing that was learnt is forgotten to the worse.
  nyc.local.incarnation = incarnation(nyc.local.incarnation + 1);
  fra.rules.updateRelays([fra.record, { ...nyc.record, start: nyc.record.start + 1 }]);
  world.pass(20_000);
  t.ok(closed.every((now) => isClosed(now, 1)));
  t.same(peer()?.lanesClosed, [1]);
});

t.test('only the trunk port is let in, from the start', async (t) => {
  const { world, closed, news } = fourWorkers(({ worker }) => worker === undefined);
  world.pass(60_000);
  t.same(closed, ['0,1,2,3']);
  t.match(news, [{ type: 'lanes-closed', workers: WORKERS }], 'said once');
});

t.test('another way begins with the trunk port, too', async (t) => {
  const { world, fra, nyc, closed, peer } = fourWorkers();
  world.pass(2_000);
  t.same(peer()?.lanesClosed, []);
  const address = parseAddress('192.0.2.21:3480');
  world.answers = ({ worker }) => worker === undefined;
  const moved = { ...nyc.record, trunkAddresses: [address], trunkSources: [address] };
  world.relays.set('nyc-1', { ...nyc, trunk: address, record: moved });
  const before = closed.length;
  fra.rules.updateRelays([fra.record, moved]);
  t.equal(peer()?.destination.address, '192.0.2.21');
  world.pass(20_000);
  t.ok(closed.slice(before).every((now) => now === '0,1,2,3'));
});

t.test('an old relay is sent to from every port that it answers', async (t) => {
  const old: World['answers'] = ({ bytes, worker }) => bytes === undefined && worker !== 2;
  const { world, closed, peer } = fourWorkers(old);
  world.pass(20_000);
  t.same(peer()?.lanesClosed, [2]);
  t.ok(closed.every((now) => isClosed(now, 2)));
});

t.test('a port that is shut later is left within four seconds of use', async (t) => {
  const { world, remote, peer } = fourWorkers();
  world.pass(2_000);
  remote().connections = 1;
  world.pass(10_000);
  t.same(peer()?.lanesClosed, []);
  world.answers = ({ worker }) => worker !== 3;
  world.pass(4_000);
  t.same(peer()?.lanesClosed, [3]);
  world.answers = () => true;
  world.pass(2_500);
  t.same(peer()?.lanesClosed, [], 'and taken again');
  remote().connections = 0;
});

t.test('one lost datagram closes no port', async (t) => {
  const { world, remote, closed } = fourWorkers();
  world.pass(2_000);
  remote().connections = 1;
  let number = 0;
  world.answers = ({ worker }) => worker === undefined || number++ % 5 !== 0;
  world.pass(300_000);
  t.same(closed, ['0,1,2,3', '']);
  remote().connections = 0;
});
