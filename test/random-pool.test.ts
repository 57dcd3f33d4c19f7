import t from 'tap';
import { pooledRandom } from '../src/random-pool.js';

t.test('pooledRandom returns any number of bytes, and none twice', async (t) => {
  const random = pooledRandom();
  const seen = new Set<string>();
  for (let i = 0; i < 5_000; i++) seen.add(Buffer.from(random(12)).toString('hex'));
  t.equal(seen.size, 5_000);
  t.notOk(seen.has('00'.repeat(12)), 'no wiped bytes');
  for (const bytes of [0, 1, 8_191, 8_192, 8_193, 100_000]) t.equal(random(bytes).length, bytes);
});

t.test('a change of returned bytes does not change others', async (t) => {
  const random = pooledRandom();
  const first = random(12);
  const copy = first.slice();
  random(12).fill(0);
  t.strictSame(first, copy);
});
