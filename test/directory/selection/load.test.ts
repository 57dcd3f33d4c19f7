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

// Many selections, on processors that other tests use at the same time.
t.setTimeout(180_000);

interface Honest {
  readonly legsMax: number;
  /** Share of the processors that one leg uses. */
  readonly cpuPerLeg: number;
}

const SMALL: Honest = { legsMax: 20_000, cpuPerLeg: 0 };

/**
 * Simulates two minutes of selections, 25 a second, of connections that last a minute. Relays
 * report their load every 1.5 s; the first one replaces members of its report by those of `lie`.
 * @returns the first relay's share of the legs of the last minute, times the number of relays: 1
 *   is a fair share
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
  ['always 0 legs', { legs: 0, cpu: 0 }],
  ['a size of 2^53 and its true legs', { cpu: 0, legsMax: Number.MAX_SAFE_INTEGER }],
];

for (const count of [3, 10]) {
  const relays = Array.from({ length: count }, () => SMALL);
  const hot = Array.from({ length: count }, () => ({ legsMax: 20_000, cpuPerLeg: 0.5 / 600 }));
  for (const [what, lie] of LIES) {
    t.test(`a relay that reports ${what} gains few legs among ${count} relays`, async (t) => {
      const share = timesFairShare(relays, lie);
      t.comment(`${share.toFixed(2)} times a fair share of the legs`);
      t.ok(share < 1.3, 'about the share of an honest relay');
      const hotShare = timesFairShare(hot, lie);
      t.comment(`${hotShare.toFixed(2)} times where processors are the bottleneck`);
      t.ok(hotShare < 1.6, 'also where processors are the bottleneck');
    });
  }
  t.test(`an honest relay among ${count} gets its fair share`, async (t) => {
    const share = timesFairShare(relays, undefined);
    t.ok(share > 0.8 && share < 1.2, `${share.toFixed(2)}`);
  });
}

const reported = (load: Partial<RelayLoad>, recentLegs = 0) => ({
  load: { ...IDLE, ...load },
  legsAssigned: 0,
  recentLegs,
});

t.test('a reported size counts only up to the next largest', async (t) => {
  const all = [
    reported({ legsMax: Number.MAX_SAFE_INTEGER, legs: 500 }),
    reported({ legsMax: 1_000, legs: 500 }),
    reported({ legsMax: 1_000, legs: 400 }),
  ];
  t.equal(loadShare(all[0] ?? reported({}), loadMeasure(all)), 0.5);
  const [alone = reported({})] = all;
  t.ok(loadShare(alone, loadMeasure([alone])) < 1e-9, 'not limited without another relay');
});

t.test('the report of one relay does not raise the load share of another', async (t) => {
  const absurd = { legs: Number.MAX_SAFE_INTEGER, legsMax: Number.MAX_SAFE_INTEGER, cpu: 1 };
  const honest = [reported({ legs: 10 }, 10), reported({ legs: 20, cpu: 0.1 }, 20)];
  const measure = loadMeasure([reported(absurd, 5), ...honest]);
  for (const each of honest) t.ok(loadShare(each, measure) <= 0.1);
  t.equal(loadShare(reported({ legsMax: 0 }), measure), 0, 'a size of 0 has a share of 0');
  t.equal(loadShare(reported({}), loadMeasure([])), 0);
});

t.test('a new relay does not count as busy because of old legs of the others', async (t) => {
  const old = Array.from({ length: 3 }, () => reported({ legs: 800 }, 0.001));
  t.equal(loadShare(reported({}, 0), loadMeasure(old)), 0);
  const told = loadMeasure([...old.slice(1), reported({ legs: 800 }, 5)]);
  t.equal(loadShare(reported({}, 0), told), 0, 'nor because of recent legs of the others');
});

t.test(
  'recent legs decay, and beyond the bound the longest unused relay is forgotten',
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
