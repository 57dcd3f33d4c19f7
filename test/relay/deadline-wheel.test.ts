import fc from 'fast-check';
import t from 'tap';
import { DeadlineWheel, type Timed } from '../../src/relay/deadline-wheel.js';

t.test('an item fires once, never early and at most one bucket late', async (_t) => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(5_000), { maxLength: 50 }),
      fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 30 }),
      (deadlines, steps) => {
        const wheel = new DeadlineWheel<Timed & { at: number }>(100, 0);
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

t.test('moving and clearing leave nothing behind', async (t) => {
  const wheel = new DeadlineWheel<Timed>(100, 0);
  const [moved, cleared]: Timed[] = [{}, {}];
  if (!moved || !cleared) throw new Error('unreachable');
  wheel.set(moved, 300);
  wheel.set(moved, 1_000);
  wheel.set(cleared, 300);
  wheel.clear(cleared);
  wheel.clear(cleared);
  t.same(wheel.turn(900), []);
  t.same(wheel.turn(1_000), [moved]);
  t.same(wheel.turn(1e12), [], 'a long sleep costs nothing');
});
