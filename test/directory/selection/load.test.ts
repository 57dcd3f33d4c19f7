import t from 'tap';
import { RelayTable } from '../../../src/directory/relay-table.js';
import { loadMeasure, loadShare } from '../../../src/directory/selection/load.js';
import { RECENT_LEGS_DECAY_MS, RecentLegs } from '../../../src/directory/selection/recent-legs.js';
import { selectRelays } from '../../../src/directory/selection/select.js';
import { Snapshots } from '../../../src/directory/snapshot.js';
import { REGISTRATION_LIMITS } from '../../../src/registry/registration-limits.js';
import type { RelayLoad } from '../../../src/registry/types.js';
import { seededRandom } from '../../setup/seeded-random.js';
import { FakeClock, IDLE, relayRecord } from '../fixtures.js';

// Millions of selections, on processors that others use as well.
t.setTimeout(180_000);

interface Honest {
  readonly legsMax: number;
  /** Share of its processors that a leg takes. */
  readonly cpuPerLeg: number;
}

const SMALL: Honest = { legsMax: 20_000, cpuPerLeg: 0 };

/**
 * Two minutes of connections, 25 a second of a minute each, with relays that report what they hold
 * every 1.5 s, but for the first, which reports what `lie` says.
 * @returns the share of the legs of the last minute that the first one was given, times the number
 *   of relays: 1 is its fair share
 */
function timesFairShare(relays: readonly Honest[], lie: Partial<RelayLoad> | undefined): number {
  const clock = new FakeClock();
  const table = new RelayTable(clock);
  const snapshots = new Snapshots(table);
  const random = seededRandom(1);
  const ids = relays.map((_, index) => `r${index}-1`);
  for (const [index, id] of ids.entries()) {
    const load = { ...IDLE, legsMax: relays[index]?.legsMax ?? 0 };
    table.register(relayRecord(id, index + 1, { region: 'here' }), { load, draining: false });
  }
  const held = ids.map((): number[] => []);
  const given = ids.map(() => 0);
  const beats = (index: number, id: string) => {
    const { legsMax = 0, cpuPerLeg = 0 } = relays[index] ?? {};
    const now = clock.monotonic();
    const legs = (held[index] ?? []).filter((until) => until > now);
    held[index] = legs;
    const told = { legs: legs.length, legsMax, cpu: legs.length * cpuPerLeg, packetsPerSecond: 0 };
    const load = index === 0 ? { ...told, ...lie } : told;
    const { start } = relayRecord(id, 1);
    const registryVersion = table.registry().version;
    table.beat({ id, start, registryVersion, load, draining: false });
  };
  for (let step = 0; step < 3_000; step += 1) {
    clock.advance(40);
    ids.forEach((id, index) => {
      if ((step + index * 4) % 37 === 0) beats(index, id);
    });
    const snapshot = snapshots.current();
    const load = table.localLoad.estimate(snapshot.relays);
    const chosen = selectRelays({ snapshot, load, peers: [{}, {}], random });
    if (!chosen.ok) continue;
    for (const { record } of chosen.relays) {
      const index = ids.indexOf(record.id);
      table.localLoad.assign(record.id);
      held[index]?.push(clock.monotonic() + 60_000);
      if (step > 1_500) given[index] = (given[index] ?? 0) + 1;
    }
  }
  const all = given.reduce((sum, each) => sum + each, 0);
  return ((given[0] ?? 0) / all) * relays.length;
}

const LIES: readonly [string, Partial<RelayLoad>][] = [
  ['a size of 2^53', { legs: 0, cpu: 0, legsMax: Number.MAX_SAFE_INTEGER }],
  ['no legs, ever', { legs: 0, cpu: 0 }],
  ['a size of 2^53 and what it holds', { cpu: 0, legsMax: Number.MAX_SAFE_INTEGER }],
];

for (const count of [3, 10]) {
  const relays = Array.from({ length: count }, () => SMALL);
  const hot = Array.from({ length: count }, () => ({ legsMax: 20_000, cpuPerLeg: 0.5 / 600 }));
  for (const [what, lie] of LIES) {
    t.test(`${what} is worth little among ${count} relays`, async (t) => {
      const share = timesFairShare(relays, lie);
      t.comment(`${share.toFixed(2)} times a fair share of the legs`);
      t.ok(share < 1.3, 'about the share of an honest one');
      const hotShare = timesFairShare(hot, lie);
      t.comment(`${hotShare.toFixed(2)} times where processors are what is short`);
      t.ok(hotShare < 1.6, 'also where processors are what is short');
    });
  }
  t.test(`an honest one among ${count} has its share`, async (t) => {
    const share = timesFairShare(relays, undefined);
    t.ok(share > 0.8 && share < 1.2, `${share.toFixed(2)}`);
  });
}

const reported = (load: Partial<RelayLoad>, recentLegs = 0) => ({
  load: { ...IDLE, ...load },
  legsAssigned: 0,
  recentLegs,
});

t.test('a size counts up to the next largest', async (t) => {
  const all = [
    reported({ legsMax: Number.MAX_SAFE_INTEGER, legs: 500 }),
    reported({ legsMax: 1_000, legs: 500 }),
    reported({ legsMax: 1_000, legs: 400 }),
  ];
  t.equal(loadShare(all[0] ?? reported({}), loadMeasure(all)), 0.5);
  const [alone = reported({})] = all;
  t.ok(loadShare(alone, loadMeasure([alone])) < 1e-9, 'alone it is compared with nothing');
});

t.test('figures of one relay make no other look busy or full', async (t) => {
  const absurd = { legs: Number.MAX_SAFE_INTEGER, legsMax: Number.MAX_SAFE_INTEGER, cpu: 1 };
  const honest = [reported({ legs: 10 }, 10), reported({ legs: 20, cpu: 0.1 }, 20)];
  const measure = loadMeasure([reported(absurd, 5), ...honest]);
  for (const each of honest) t.ok(loadShare(each, measure) <= 0.1);
  t.equal(loadShare(reported({ legsMax: 0 }), measure), 0, 'no size, no share, and no room');
  t.equal(loadShare(reported({}), loadMeasure([])), 0);
});

t.test('a relay that is new is not held busy for what the others held long before', async (t) => {
  const old = Array.from({ length: 3 }, () => reported({ legs: 800 }, 0.001));
  t.equal(loadShare(reported({}, 0), loadMeasure(old)), 0);
  const told = loadMeasure([...old.slice(1), reported({ legs: 800 }, 5)]);
  t.equal(loadShare(reported({}, 0), told), 0, 'whatever the others were handed');
});

t.test(
  'what was handed out is forgotten with time, and for the longest unused first',
  async (t) => {
    const clock = new FakeClock();
    const recentLegs = new RecentLegs(clock);
    recentLegs.add('a');
    recentLegs.add('a');
    t.equal(recentLegs.of('a'), 2);
    clock.advance(RECENT_LEGS_DECAY_MS);
    t.ok(Math.abs(recentLegs.of('a') - 2 / Math.E) < 1e-9);
    for (let n = 0; n < 4 * REGISTRATION_LIMITS.relaysMax; n += 1) recentLegs.add(`r-${n}`);
    t.equal(recentLegs.of('a'), 0);
    t.equal(recentLegs.of('r-0'), 1);
  },
);
