import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { incarnation } from '../../src/registry/incarnation.js';
import type { PathEvent } from '../../src/trunk/path-event.js';
import { World } from './world/index.js';

const WORKERS = [0, 1, 2, 3];

/** A relay of four workers, and another relay. `closed` has each change of the closed lanes. */
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
  const put = fra.plane.putRemoteRelay.bind(fra.plane);
  fra.plane.putRemoteRelay = (relayIndex, entry) => {
    const now = String(entry.lanesClosed);
    if (closed.at(-1) !== now) closed.push(now);
    put(relayIndex, entry);
  };
  world.introduce();
  const remote = () => {
    const known = fra.core.context.trunk.relays.get('nyc-1');
    if (!known) throw new Error('nyc-1 is not known');
    return known;
  };
  const entry = () => fra.plane.remoteRelays.get(0);
  return { world, fra, nyc, news, closed, remote, entry };
}

const isClosed = (closed: string | undefined, worker: number) =>
  closed?.split(',').includes(String(worker));

t.test('all workers send from their own ports as soon as these are answered', async (t) => {
  const { world, closed, entry } = fourWorkers();
  t.same(closed, ['0,1,2,3'], 'no port is answered yet');
  world.pass(500);
  t.same(closed, ['0,1,2,3', ''], 'a round trip after the trunk port');
  t.equal(entry()?.laneSet, 1);
  world.pass(600_000);
  t.equal(closed.length, 2, 'no later change');
});

t.test('a port that is never answered stays closed', async (t) => {
  const { world, fra, nyc, closed, news, entry } = fourWorkers(({ worker }) => worker !== 1);
  world.pass(20_000);
  t.same(entry()?.lanesClosed, [1]);
  t.match(news, [{ type: 'lanes-closed', workers: [1] }]);
  // A restart of the other relay does not open the lane.
  nyc.local.incarnation = incarnation(nyc.local.incarnation + 1);
  fra.core.updateRelays([fra.record, { ...nyc.record, start: nyc.record.start + 1 }]);
  world.pass(20_000);
  t.ok(closed.every((now) => isClosed(now, 1)));
  t.same(entry()?.lanesClosed, [1]);
});

t.test('all lanes stay closed if only the trunk port is answered', async (t) => {
  const { world, closed, news } = fourWorkers(({ worker }) => worker === undefined);
  world.pass(60_000);
  t.same(closed, ['0,1,2,3']);
  t.match(news, [{ type: 'lanes-closed', workers: WORKERS }], 'reported once');
});

t.test('lanes of a new path are closed until its ports are answered', async (t) => {
  const { world, fra, nyc, closed, entry } = fourWorkers();
  world.pass(2_000);
  t.same(entry()?.lanesClosed, []);
  const address = parseAddress('192.0.2.21:3480');
  world.answers = ({ worker }) => worker === undefined;
  const moved = { ...nyc.record, trunkAddresses: [address], trunkSources: [address] };
  world.relays.set('nyc-1', { ...nyc, trunk: address, record: moved });
  const before = closed.length;
  fra.core.updateRelays([fra.record, moved]);
  t.equal(entry()?.destination.address, '192.0.2.21');
  world.pass(20_000);
  t.ok(closed.slice(before).every((now) => now === '0,1,2,3'));
});

t.test('ports that a relay without path probes answers are used', async (t) => {
  const old: World['answers'] = ({ bytes, worker }) => bytes === undefined && worker !== 2;
  const { world, closed, entry } = fourWorkers(old);
  world.pass(20_000);
  t.same(entry()?.lanesClosed, [2]);
  t.ok(closed.every((now) => isClosed(now, 2)));
});

t.test(
  'a port that is no longer answered is closed within 4 s while connections use it',
  async (t) => {
    const { world, remote, entry } = fourWorkers();
    world.pass(2_000);
    remote().connections = 1;
    world.pass(10_000);
    t.same(entry()?.lanesClosed, []);
    world.answers = ({ worker }) => worker !== 3;
    world.pass(4_000);
    t.same(entry()?.lanesClosed, [3]);
    world.answers = () => true;
    world.pass(2_500);
    t.same(entry()?.lanesClosed, [], 'opened again when it is answered');
    remote().connections = 0;
  },
);

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
