import t from 'tap';
import { SeededRandom } from '../../src/selection/random.js';
import { select } from '../../src/selection/select.js';
import { IDLE, relay, stateOf, TestPaths } from './fixtures.js';

/** Joins of one region in 31 s, to ten relays that report their load every 5 to 10 s. */
t.test('92 joins in 31 s do not gather on one of ten relays with stale loads', async (t) => {
  const ids = Array.from({ length: 10 }, (_, index) => `fra-${index}`);
  const busy = { ...IDLE, legs: 300 };
  const state = stateOf(
    ids.map((id, index) => relay(id, index + 1, { load: index === 0 ? IDLE : busy })),
  );
  const given = new Map<string, number>();
  for (let join = 0; join < 92; join += 1) {
    const nowMs = join * 337;
    const selection = select(state.publish(nowMs), { peers: [{}, {}] }, join);
    if (!selection.ok) throw new Error('no relay');
    for (const { facts } of selection.relays) {
      state.assign(facts.id, nowMs);
      given.set(facts.id, (given.get(facts.id) ?? 0) + 1);
    }
  }
  t.ok(Math.max(...given.values()) < 184 / 3, `${[...given.values()].join(' ')}`);
});

t.test('a tenfold burst between two reports is spread by capacity', async (t) => {
  const ids = Array.from({ length: 10 }, (_, index) => `fra-${index}`);
  const capacity = (index: number) => (index < 5 ? 10_000 : 20_000);
  const state = stateOf(
    ids.map((id, index) => relay(id, index + 1, { load: { ...IDLE, legsMax: capacity(index) } })),
  );
  const given = ids.map(() => 0);
  const random = new SeededRandom(1);
  for (let k = 0; k < 3_750; k += 1) {
    const snapshot = k % 50 === 0 ? state.publish(k) : state.current;
    const selection = select(snapshot, { peers: [{}, {}] }, random.next() * 2 ** 32);
    if (!selection.ok) throw new Error('no relay');
    for (const { facts } of selection.relays) {
      state.assign(facts.id, k);
      given[ids.indexOf(facts.id)] = (given[ids.indexOf(facts.id)] ?? 0) + 1;
    }
  }
  const shares = given.map((legs, index) => legs / capacity(index));
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  t.ok(Math.max(...shares) / mean < 1.3, `${(Math.max(...shares) / mean).toFixed(2)}`);
});

t.test('a relay that was given its most legs between two reports is left alone', async (t) => {
  const state = stateOf(['fra-1', 'fra-2', 'fra-3'].map((id, index) => relay(id, index + 1)));
  for (let leg = 0; leg < 100; leg += 1) state.assign('fra-1', 0);
  const snapshot = state.publish(0);
  for (let seed = 0; seed < 40; seed += 1) {
    const selection = select(snapshot, { peers: [{}, {}] }, seed);
    t.notMatch(selection.ok && selection.relays.map(({ facts }) => facts.id).join(), 'fra-1');
  }
});

t.test('overloaded relays serve if all are, the least loaded ones', async (t) => {
  const load = (legs: number) => ({ ...IDLE, cpu: 1, legs });
  const state = stateOf([
    relay('fra-1', 1, { load: load(1_200) }),
    relay('fra-2', 2, { load: load(1_600) }),
    relay('nyc-1', 3, { load: load(2_400) }),
  ]);
  const snapshot = state.publish(0);
  const share = (id: string) => snapshot.loads.share[snapshot.slots.get(id) ?? -1] ?? 0;
  t.ok(share('fra-1') < share('fra-2') && share('fra-2') < share('nyc-1'), 'not clipped');
  for (let seed = 0; seed < 40; seed += 1) {
    const selection = select(snapshot, { peers: [{}, {}] }, seed);
    t.notMatch(selection.ok && selection.relays.map(({ facts }) => facts.id).join(), 'nyc-1');
  }
});

t.test(
  'an uncertain estimate does not win by its luck, as its deviation is part of it',
  async (t) => {
    const paths = new TestPaths();
    const state = stateOf([relay('fra-1', 1), relay('nyc-1', 2)], paths);
    // Costs, which are the mean and the deviation: 20 + 0 and 12 + 30.
    paths.setLegs(0, { fra: 20, nyc: 42 });
    const peer = { cluster: 0 };
    const selection = select(state.publish(0), { peers: [peer, peer] }, 1);
    t.equal(selection.ok && selection.relays[0].facts.id, 'fra-1');
  },
);
