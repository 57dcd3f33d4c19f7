import t from 'tap';
import { bisect, median, ratioSpread, spread } from '../../bench/load/statistics.js';

t.test('the median of an even number of values is between the middle two', async (t) => {
  t.equal(median([9, 1, 5]), 5);
  t.equal(median([9, 1, 5, 7]), 6);
  t.throws(() => median([]), RangeError);
});

t.test('a spread has median, minimum, maximum and count', async (t) => {
  t.strictSame(spread([3, 1, 2]), { median: 2, min: 1, max: 3, count: 3 });
});

t.test('a ratio is taken within each round', async (t) => {
  // Both take twice as long in the second round, which does not change their ratio.
  t.strictSame(ratioSpread([50, 100, 60], [100, 200, 100]), {
    median: 0.5,
    min: 0.5,
    max: 0.6,
    count: 3,
  });
  t.equal(ratioSpread([1, 2], [undefined, undefined]), undefined);
  t.equal(
    ratioSpread([10, undefined], [20, 5])?.count,
    1,
    'a round with only one of the two is ignored',
  );
});

t.test('bisection approaches the highest rate that passes', async (t) => {
  const tried: number[] = [];
  const passes = async (rate: number) => {
    tried.push(rate);
    return rate <= 630;
  };
  t.equal(await bisect(passes, { low: 0, high: 1_000, tries: 5 }), 625);
  t.strictSame(tried, [500, 750, 625, 687.5, 656.25]);
  t.equal(await bisect(async () => false, { low: 0, high: 8, tries: 3 }), 0, 'none passes');
});
