import fc from 'fast-check';
import t from 'tap';
import { type Timed, TimingWheel } from '../../src/collections/timing-wheel.js';
import { holds } from '../setup/holds.js';

t.test('an item is due once, never early and at most one bucket late', async (t) => {
  holds(
    t,
    fc.property(
      fc.array(fc.nat(5_000), { maxLength: 50 }),
      fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 30 }),
      (deadlines, steps) => {
        const wheel = new TimingWheel<Timed & { at: number }>(100, 0);
        const waiting = new Set(deadlines.map((at) => ({ at })));
        for (const item of waiting) wheel.set(item, item.at);
        let now = 0;
        for (const step of [...steps, 6_000]) {
          now += step;
          for (const item of wheel.turn(now)) {
            if (!waiting.delete(item) || item.at > now) return false;
          }
          if ([...waiting].some((item) => item.at + 200 <= now)) return false;
        }
        return waiting.size === 0;
      },
    ),
  );
});

t.test('a moved item is due only at its new deadline, and a cleared one never', async (t) => {
  const wheel = new TimingWheel<Timed>(100, 0);
  const [moved, cleared]: Timed[] = [{}, {}];
  if (!moved || !cleared) throw new Error('unreachable');
  wheel.set(moved, 300);
  wheel.set(moved, 1_000);
  wheel.set(cleared, 300);
  wheel.clear(cleared);
  wheel.clear(cleared);
  t.same(wheel.turn(900), []);
  t.same(wheel.turn(1_000), [moved]);
  t.same(wheel.turn(1e12), [], 'nothing is due after a long gap');
});

t.test('a turn returns at most `itemsMax` items, and later turns the others', async (t) => {
  const wheel = new TimingWheel<Timed>(100, 0);
  const items: Timed[] = Array.from({ length: 10 }, () => ({}));
  for (const item of items) wheel.set(item, 500);
  t.same(wheel.turn(400, 4), []);
  t.notOk(wheel.ripe);
  t.equal(wheel.turn(500, 4).length, 4);
  t.ok(wheel.ripe);
  const [cleared, moved] = items.slice(4) as [Timed, Timed];
  wheel.clear(cleared);
  wheel.set(moved, 900);
  const late: Timed = {};
  wheel.set(late, 300);
  t.same(wheel.turn(600), [...items.slice(6), late], 'without the cleared and the moved item');
  t.notOk(wheel.ripe);
  t.same(wheel.turn(900), [moved], 'due once, at its new deadline');
});
