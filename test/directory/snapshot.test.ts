import t from 'tap';
import { RelayTable } from '../../src/directory/relay-table.js';
import { Snapshots } from '../../src/directory/snapshot.js';
import { NO_DOUBTS, type RelayDoubts } from '../../src/selection/doubts.js';
import { FakeClock, IDLE, relayRecord } from './fixtures.js';

function world() {
  const clock = new FakeClock();
  const table = new RelayTable(clock);
  const doubts = new Map<string, RelayDoubts>();
  const doubted = new Set<string>();
  const snapshots = new Snapshots(table, {
    doubtsOf: ({ id }) => doubts.get(id) ?? NO_DOUBTS,
    takeChanged: () => {
      const changed = [...doubted];
      doubted.clear();
      return changed;
    },
  });
  const beat = (id: string, load: Partial<typeof IDLE> = {}) =>
    table.beat({
      id,
      start: relayRecord(id, 1).start,
      registryVersion: table.registry().version,
      load: { ...IDLE, ...load },
      draining: false,
    });
  for (const [index, id] of ['fra-1', 'nyc-1', 'sin-1'].entries()) {
    table.register(relayRecord(id, index + 1), { load: IDLE, draining: false });
  }
  for (const id of ['fra-1', 'nyc-1', 'sin-1']) beat(id);
  const row = (id: string) => snapshots.current().relays.find(({ record }) => record.id === id);
  return { clock, table, snapshots, beat, row, doubts, doubted };
}

t.test('a snapshot does not change, and the next one has the next number', async (t) => {
  const { snapshots, beat, row, table } = world();
  const before = snapshots.current();
  const [fra] = before.relays;
  beat('fra-1', { legs: 7 });
  table.deregister('sin-1');
  const after = snapshots.current();
  t.equal(fra?.load.legs, 0);
  t.equal(before.relays.length, 3);
  t.equal(after.number, before.number + 1, 'one snapshot for two changes');
  t.equal(row('fra-1')?.load.legs, 7);
  t.equal(after.relays.length, 2);
});

t.test('rows that did not change are shared', async (t) => {
  const { snapshots, beat } = world();
  const before = snapshots.current();
  beat('nyc-1', { cpu: 0.5 });
  const after = snapshots.current();
  t.not(after, before);
  t.same(
    after.relays.map((each, index) => each === before.relays[index]),
    [true, false, true],
  );
});

t.test('a beat without news for selection makes no snapshot', async (t) => {
  const { clock, snapshots, beat } = world();
  const before = snapshots.current();
  clock.advance(1_500);
  beat('fra-1', { packetsPerSecond: 100_000 });
  t.equal(snapshots.current(), before);
});

t.test('a doubt replaces the row of its relay', async (t) => {
  const { snapshots, row, doubts, doubted } = world();
  const { number } = snapshots.current();
  doubts.set('nyc-1', { ...NO_DOUBTS, trunk: 'suspected' });
  doubted.add('nyc-1');
  t.equal(row('nyc-1')?.doubts.trunk, 'suspected');
  t.equal(row('fra-1')?.doubts, NO_DOUBTS);
  t.equal(snapshots.current().number, number + 1);
});

t.test('two directories with the same beats have equal snapshots', async (t) => {
  const [one, other] = [world(), world()];
  other.clock.advance(123_456);
  for (const each of [one, other]) each.beat('fra-1', { legs: 3, cpu: 0.2 });
  const plain = ({ snapshots }: ReturnType<typeof world>) =>
    snapshots.current().relays.map(({ registry, ...row }) => ({
      ...row,
      knows: snapshots.current().relays.map(({ record }) => registry?.holds(record)),
    }));
  t.same(plain(one), plain(other));
  t.same(plain(one)[0]?.knows, [true, true, true]);
});
