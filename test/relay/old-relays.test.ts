import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { incarnation } from '../../src/registry/incarnation.js';
import { seededRandom } from '../setup/seeded-random.js';
import { dualStack, type ProbeFlight, twoRelays, World } from './world/index.js';

t.test('a relay that answers only plain probes is measured by those', async (t) => {
  const { world, fra, nyc } = twoRelays();
  world.answers = ({ bytes }) => bytes === undefined;
  nyc.local.incarnation = incarnation(nyc.local.incarnation + 1);
  fra.core.updateRelays([fra.record, { ...nyc.record, start: nyc.record.start + 1 }]);
  world.pass(20_000);
  t.same([...fra.core.context.trunk.relays.unreachable()], []);
  t.equal(fra.plane.remoteRelays.get(0)?.bundleBytesMax, undefined);
  t.equal([...fra.core.context.trunk.relays.all()][0]?.rttNs, 1e6);
  world.answers = () => true;
  world.pass(30_000);
  t.equal(fra.plane.remoteRelays.get(0)?.bundleBytesMax, 1_452, 'path probes once it answers them');
});

t.test('such a relay with several paths is judged by the path that is probed', async (t) => {
  const { world, fra, news, entry } = dualStack();
  const unreachable = () => [...fra.core.context.trunk.relays.unreachable()];
  world.answers = ({ bytes }) => bytes === undefined;
  world.pass(20_000);
  t.strictSame([unreachable(), entry()?.bundleBytesMax], [[], undefined], 'classified as old');
  world.answers = () => false;
  world.pass(4_000);
  t.strictSame(unreachable(), []);
  world.pass(56_000);
  t.strictSame(unreachable(), [{ id: 'nyc-1', reason: 'no-answer' }]);
  t.equal(news.filter(({ type }) => type === 'reachability').length, 1, 'reported once');
  world.answers = ({ bytes }) => bytes === undefined;
  world.pass(10_000);
  t.strictSame(unreachable(), [], 'reachable when it answers again');
});

/** Answers as a relay without path probes, with loss in each direction. */
function lossyOld(share: number, seed: number) {
  const random = seededRandom(seed);
  return ({ bytes }: ProbeFlight) => bytes === undefined && random() > share && random() > share;
}

t.test('an old relay never counts as unreachable at 30 % loss each way', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const world = new World();
    world.answers = lossyOld(0.3, 7_919 * seed);
    const news: string[] = [];
    const fra = world.addRelay('fra-1', '192.0.2.10', {
      onTrunk: (_, { type }) => news.push(type),
    });
    world.addRelay('nyc-1', '192.0.2.20');
    world.introduce();
    for (let seconds = 0; seconds < 30; seconds++) {
      world.pass(1_000);
      const unreachable = [...fra.core.context.trunk.relays.unreachable()];
      if (unreachable.length > 0) t.fail(`seed ${seed}, second ${seconds}`);
    }
    t.same(news, []);
    t.equal(fra.plane.remoteRelays.get(0)?.bundleBytesMax, undefined, 'classified as old');
  }
});

t.test(
  'a hundred old relays, which are probed less often, never count as unreachable at 30 % loss',
  async (t) => {
    const world = new World();
    world.answersAll = true;
    world.answers = lossyOld(0.3, 31);
    const fra = world.addRelay('fra-1', '192.0.2.10');
    const template = world.addRelay('nyc-1', '192.0.2.20').record;
    const others = Array.from({ length: 100 }, (_, n) => {
      const address = parseAddress(`10.0.0.${n}:3480`);
      return { ...template, id: `r-${n}`, trunkAddresses: [address], trunkSources: [address] };
    });
    fra.core.updateRelays([fra.record, ...others]);
    const held = new Set<string>();
    for (let seconds = 0; seconds < 120; seconds++) {
      world.pass(1_000);
      for (const { id } of fra.core.context.trunk.relays.unreachable())
        held.add(`${id} at ${seconds} s`);
    }
    t.same([...held], []);
    const sizes = [...fra.plane.remoteRelays.values()].map(({ bundleBytesMax }) => bundleBytesMax);
    t.same([...new Set(sizes)], [undefined], 'all are classified as old');
  },
);

t.test('connections with an old relay are not ended before it is classified', async (t) => {
  for (const answered of [1, 2]) {
    const { world, fra } = twoRelays();
    let plain = 0;
    world.answers = ({ bytes }) => bytes === undefined && plain++ % 4 < answered;
    const remote = fra.core.context.trunk.relays.get('nyc-1');
    if (!remote) throw new Error('nyc-1 is not known');
    remote.connections = 1;
    for (let n = 1; n <= 300; n++) {
      fra.plane.recordsSent.set(remote.relayIndex, n);
      world.pass(100);
    }
    t.equal(remote.unreachable, undefined);
    t.notOk(fra.plane.remoteRelaysRemoved.includes(remote.relayIndex));
    remote.connections = 0;
  }
});

t.test('a relay that answers neither kind of probe is unreachable after 5 s', async (t) => {
  const { world, fra } = twoRelays();
  world.answers = () => false;
  world.pass(4_000);
  t.same([...fra.core.context.trunk.relays.unreachable()], []);
  world.pass(2_000);
  t.same([...fra.core.context.trunk.relays.unreachable()], [{ id: 'nyc-1', reason: 'no-answer' }]);
});

t.test('a new relay is recognized within a minute at 30 % loss', async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const { world, fra } = twoRelays();
    const answers = lossyOld(0.3, 104_729 * seed);
    world.answers = (probe) => answers({ ...probe, bytes: undefined });
    world.pass(60_000);
    t.not(fra.plane.remoteRelays.get(0)?.bundleBytesMax, undefined);
    t.same([...fra.core.context.trunk.relays.unreachable()], []);
  }
});
