import t from 'tap';
import { SessionIndexes } from '../../src/overlay/session-indexes.js';
import { SessionIndexPool } from '../../src/trunk/session-index-pool.js';

t.test('a freed place is in quarantine, and its next use has another index', async (t) => {
  const indexes = new SessionIndexes(new SessionIndexPool(3));
  t.same([indexes.take(0), indexes.take(0), indexes.take(0)], [0, 1, 2]);
  t.equal(indexes.take(0), undefined, 'all places are taken');
  indexes.free(1, 0);
  t.equal(indexes.take(59_999), undefined);
  t.equal(indexes.take(60_000), 5, 'place 1 of 4, second use');
  indexes.free(5, 60_000);
  t.equal(indexes.take(120_000), 9);
});

t.test('indexes stay within 32 bits and wrap around after the last use of a place', async (t) => {
  const indexes = new SessionIndexes(new SessionIndexPool(2 ** 31));
  const uses = [0, 1, 2].map((round) => {
    const index = indexes.take(round * 60_000) as number;
    indexes.free(index, round * 60_000);
    return index;
  });
  t.same(uses, [0, 2 ** 31, 0]);
});
