import fc from 'fast-check';
import t from 'tap';
import { NumberPool } from '../../src/collections/number-pool.js';
import { holds } from '../setup/holds.js';

t.test('no number is held twice or taken again within its quarantine', async (t) => {
  holds(
    t,
    fc.property(fc.array(fc.integer({ min: -3, max: 40 }), { maxLength: 400 }), (steps) => {
      const pool = new NumberPool({ first: 5, last: 20, quarantineMs: 60 });
      const held: number[] = [];
      const freedAt = new Map<number, number>();
      let now = 0;
      for (const step of steps) {
        if (step > 0) now += step;
        const value = step < 0 && held.length > 0 ? undefined : pool.take(now);
        if (value !== undefined) {
          if (value < 5 || value > 20 || held.includes(value)) return false;
          if (now - (freedAt.get(value) ?? Number.NEGATIVE_INFINITY) < 60) return false;
          held.push(value);
        } else if (step < 0) {
          const freed = held.shift() as number;
          pool.free(freed, now);
          freedAt.set(freed, now);
        }
        if (pool.held !== held.length) return false;
      }
      return true;
    }),
  );
});

t.test('an exhausted pool gives undefined, and is idle after the last quarantine', async (t) => {
  const pool = new NumberPool({ first: 0, last: 0, quarantineMs: 60 });
  t.ok(pool.idle(0));
  t.equal(pool.take(0), 0);
  t.equal(pool.take(0), undefined);
  pool.free(0, 10);
  t.notOk(pool.idle(69));
  t.equal(pool.take(69), undefined);
  t.ok(pool.idle(70));
  t.equal(pool.take(70), 0);
  t.throws(() => pool.free(1, 0), RangeError);
});
