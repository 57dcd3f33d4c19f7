import t from 'tap';
import { select } from '../../src/selection/select.js';
import { FREE_SLOTS_MAX, SNAPSHOTS_KEPT_MIN } from '../../src/selection/state.js';
import { chosenBy, IDLE, NO_EXPLORING, relay, SEEDS, stateOf, TestPaths } from './fixtures.js';

const three = () => ['fra-1', 'nyc-1', 'sin-1'].map((id, index) => relay(id, index + 1));

t.test('a snapshot does not change, and the next one has the next number', async (t) => {
  const state = stateOf(three());
  const before = state.publish(0);
  const slot = before.slots.get('fra-1') ?? -1;
  const shares = [...before.loads.share];
  state.reportLoad('fra-1', { ...IDLE, legs: 500 });
  state.removeRelay('sin-1');
  const after = state.publish(1);
  t.equal(after.number, before.number + 1, 'one snapshot for two changes');
  t.same([...before.loads.share], shares);
  t.equal(after.loads.share[slot], 0.5);
  t.equal(before.relays.filter((row) => row !== undefined).length, 3);
  t.equal(after.relays.filter((row) => row !== undefined).length, 2);
});

t.test('without changes there is no new snapshot, and what did not change is shared', async (t) => {
  const state = stateOf(three());
  const before = state.publish(0);
  t.equal(state.publish(100), before);
  state.assign('fra-1', 100);
  const after = state.publish(200);
  t.not(after, before);
  t.equal(after.relays, before.relays);
  t.equal(after.regions, before.regions);
  t.equal(after.trunks, before.trunks);
  const { facts, status } = relay('nyc-1', 2, { draining: true });
  state.putRelay(facts, status);
  const drained = state.publish(300);
  t.equal(drained.relays[0], after.relays[0], 'rows of other relays');
  t.equal(drained.regions[0], after.regions[0]);
});

t.test('selecting again by an older snapshot gives the same answer', async (t) => {
  const paths = new TestPaths();
  const state = stateOf(three(), paths);
  paths.setLegs(0, { fra: 10, nyc: 12, sin: 40 });
  const snapshot = state.publish(0);
  const request = { peers: [{ cluster: 0 }, { cluster: 0, avoid: new Set(['sin-1']) }] } as const;
  const before = SEEDS.map((seed) => select(snapshot, request, seed));
  for (let k = 0; k < 500; k += 1) {
    const id = `new-${k}`;
    const { facts, status } = relay(id, 10 + k);
    state.putRelay(facts, status);
    state.reportLoad(id, IDLE);
    state.assign('fra-1', k);
    if (k > 5) state.removeRelay(`new-${k - 5}`);
    paths.setLegs(0, { nyc: k });
    if (k === 100) state.removeRelay('nyc-1');
    state.publish(k);
  }
  t.same(
    SEEDS.map((seed) => select(snapshot, request, seed)),
    before,
  );
});

t.test('snapshots by which something was selected are kept', async (t) => {
  const state = stateOf(three());
  const numbers: number[] = [];
  for (let k = 0; k < SNAPSHOTS_KEPT_MIN; k += 1) {
    state.assign('fra-1', k);
    numbers.push(state.publish(k).number);
    state.keep();
    state.assign('fra-1', k);
    t.equal(state.snapshotOf(state.publish(k).number), undefined, 'nothing was selected by it');
  }
  for (const number of numbers) t.equal(state.snapshotOf(number)?.number, number);
  for (let k = 0; k < 2_000; k += 1) {
    state.assign('fra-1', k);
    state.publish(k);
    state.keep();
  }
  t.equal(state.snapshotOf(numbers[0] ?? 0), undefined, 'there is a bound');
});

t.test('a relay that returns has its slot again, others get slots that have rested', async (t) => {
  const state = stateOf(three());
  const { slots } = state.publish(0);
  const slot = slots.get('fra-1');
  const { facts, status } = relay('fra-1', 1);
  state.removeRelay('fra-1');
  state.publish(1);
  state.putRelay(facts, status);
  t.equal(state.publish(2).slots.get('fra-1'), slot);
  for (let k = 0; k < 3 * FREE_SLOTS_MAX; k += 1) {
    const other = relay(`other-${k}`, 7);
    state.putRelay(other.facts, other.status);
    state.removeRelay(other.facts.id);
    state.publish(k);
    if (k % 100 === 0) state.keep();
  }
  t.ok(state.publish(0).relays.length <= FREE_SLOTS_MAX + 4);
});

t.test('a relay keeps its load and its assigned legs when its row is replaced', async (t) => {
  const state = stateOf(three());
  state.reportLoad('fra-1', { ...IDLE, legs: 100 });
  state.assign('fra-1', 0);
  const moved = relay('fra-1', 1, { region: 'par' });
  state.putRelay(moved.facts, moved.status);
  const { loads, slots, regions, regionNumbers } = state.publish(0);
  t.equal(loads.freeLegs[slots.get('fra-1') ?? -1], 899);
  t.equal(regionNumbers.has('fra'), false);
  t.equal(regions[regionNumbers.get('par') ?? -1]?.members.length, 1);
});

t.test('the legs of a new cluster are published at once', async (t) => {
  const paths = new TestPaths();
  const state = stateOf(three(), paths, NO_EXPLORING);
  const before = state.publish(0);
  paths.setLegs(3, { sin: 1, fra: 100, nyc: 100 });
  state.needLegs(3);
  t.equal(before.legs[3], undefined);
  const peer = { cluster: 3 };
  t.equal(chosenBy(state.current, { peers: [peer, peer] }, 1), 'sin-1,sin-1');
});
