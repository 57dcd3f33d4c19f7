import t from 'tap';
import { type KnownLoad, loadMeasure, projectedLoad } from '../../src/selection/load-measure.js';
import {
  RECENT_LEGS_DECAY_MS,
  RECENT_LEGS_RELAYS_MAX,
  RecentLegs,
  recentLegs,
} from '../../src/selection/recent-legs.js';
import type { ReportedLoad } from '../../src/selection/relay-facts.js';
import { select } from '../../src/selection/select.js';
import { IDLE, relay, stateOf } from './fixtures.js';

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
function timesFairShare(relays: readonly Honest[], lie: Partial<ReportedLoad> | undefined): number {
  const ids = relays.map((_, index) => `r${index}-1`);
  const state = stateOf(
    ids.map((id, index) =>
      relay(id, index + 1, {
        region: 'here',
        load: { ...IDLE, legsMax: relays[index]?.legsMax ?? 0 },
      }),
    ),
  );
  const held = ids.map((): number[] => []);
  const given = ids.map(() => 0);
  const report = (index: number, id: string, nowMs: number) => {
    const { legsMax = 0, cpuPerLeg = 0 } = relays[index] ?? {};
    const legs = (held[index] ?? []).filter((until) => until > nowMs);
    held[index] = legs;
    const told = { legs: legs.length, legsMax, cpu: legs.length * cpuPerLeg };
    state.reportLoad(id, index === 0 ? { ...told, ...lie } : told);
  };
  for (let step = 0; step < 3_000; step += 1) {
    const nowMs = step * 40;
    ids.forEach((id, index) => {
      if ((step + index * 4) % 37 === 0) report(index, id, nowMs);
    });
    const chosen = select(state.publish(nowMs), { peers: [{}, {}] }, step);
    if (!chosen.ok) continue;
    for (const { facts } of chosen.relays) {
      const index = ids.indexOf(facts.id);
      state.assign(facts.id, nowMs);
      held[index]?.push(nowMs + 60_000);
      if (step > 1_500) given[index] = (given[index] ?? 0) + 1;
    }
  }
  const all = given.reduce((sum, each) => sum + each, 0);
  return ((given[0] ?? 0) / all) * relays.length;
}

const LIES: readonly [string, Partial<ReportedLoad>][] = [
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

const known = (load: Partial<KnownLoad>): KnownLoad => ({
  ...IDLE,
  unshown: 0,
  recent: 0,
  ...load,
});

const shareOf = (each: KnownLoad, all: readonly KnownLoad[]) =>
  projectedLoad(each, loadMeasure(all)).share;

t.test('a reported size counts only up to the next largest', async (t) => {
  const liar = known({ legsMax: Number.MAX_SAFE_INTEGER, legs: 500 });
  const all = [liar, known({ legs: 500 }), known({ legs: 400 })];
  t.equal(shareOf(liar, all), 0.5);
  t.ok(shareOf(liar, [liar]) < 1e-9, 'not limited without another relay');
});

t.test('the report of one relay does not raise the load of another', async (t) => {
  const absurd = { legs: Number.MAX_SAFE_INTEGER, legsMax: Number.MAX_SAFE_INTEGER, cpu: 1 };
  const honest = [known({ legs: 10, recent: 10 }), known({ legs: 20, cpu: 0.1, recent: 20 })];
  const all = [known({ ...absurd, recent: 5 }), ...honest];
  for (const each of honest) t.ok(shareOf(each, all) <= 0.1);
  t.equal(shareOf(known({ legsMax: 0 }), all), 0, 'a size of 0 has a share of 0');
  t.equal(shareOf(known({}), []), 0);
});

t.test('a new relay does not count as busy because of old legs of the others', async (t) => {
  const old = Array.from({ length: 3 }, () => known({ legs: 800, recent: 0.001 }));
  t.equal(shareOf(known({}), old), 0);
  const told = [...old.slice(1), known({ legs: 800, recent: 5 })];
  t.equal(shareOf(known({}), told), 0, 'nor because of recent legs of the others');
});

t.test('a load beyond the capacity is not clipped, so that full relays differ', async (t) => {
  const [full, fuller] = [known({ legs: 1_000 }), known({ legs: 1_500 })];
  t.equal(shareOf(full, [full, fuller]), 1);
  t.equal(shareOf(fuller, [full, fuller]), 1.5);
});

t.test('recent legs decay, and beyond the bound the longest unused one goes', async (t) => {
  const recent = new RecentLegs();
  recent.add('a', 0);
  t.equal(recent.add('a', 0).legs, 2);
  t.ok(Math.abs(recentLegs(recent.of('a'), RECENT_LEGS_DECAY_MS) - 2 / Math.E) < 1e-9);
  for (let n = 0; n < RECENT_LEGS_RELAYS_MAX; n += 1) recent.add(`r-${n}`, 0);
  t.equal(recent.of('a'), undefined);
  t.equal(recentLegs(recent.of('r-0'), 0), 1);
});
