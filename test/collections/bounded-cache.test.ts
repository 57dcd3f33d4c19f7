import t from 'tap';
import { BoundedCache } from '../../src/collections/bounded-cache.js';

t.test('a cache keeps at least the latest half, and never more than its bound', async (t) => {
  const cache = new BoundedCache<number>(100);
  for (let i = 0; i < 1_000; i++) {
    cache.set(String(i), i);
    t.equal(cache.get(String(i)), i);
  }
  const held = Array.from({ length: 1_000 }, (_, i) => i).filter((i) => i < 950);
  t.strictSame(
    Array.from({ length: 50 }, (_, i) => cache.get(String(950 + i))),
    Array.from({ length: 50 }, (_, i) => 950 + i),
  );
  t.ok(held.filter((i) => cache.get(String(i)) !== undefined).length <= 50);
});

t.test('an entry that is read often stays', async (t) => {
  const cache = new BoundedCache<string>(10);
  cache.set('kept', 'yes');
  for (let i = 0; i < 1_000; i++) {
    cache.set(`other ${i}`, 'no');
    t.equal(cache.get('kept'), 'yes');
  }
});
