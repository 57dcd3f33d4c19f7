import t from 'tap';
import { isPoor, opinionScore, rating } from '../../../bench/simulate/judge/e-model.js';
import { interval } from '../../../bench/simulate/judge/intervals.js';
import { quantileOf } from '../../../bench/simulate/judge/quantiles.js';

t.test('opinion scores are those of ITU-T G.107 annex B', async (t) => {
  const published: readonly (readonly [rating: number, score: number])[] = [
    [90, 4.34],
    [80, 4.03],
    [70, 3.6],
    [60, 3.1],
    [50, 2.58],
  ];
  for (const [r, score] of published) {
    t.ok(Math.abs(opinionScore(r) - score) < 0.01, `${r} is ${opinionScore(r)}`);
  }
  t.equal(opinionScore(-3), 1);
  t.equal(opinionScore(100), 4.5);
});

t.test('ratings fall by 0.024 a ms of delay, and by 0.11 more beyond 177.3 ms', async (t) => {
  const still = { jitterMs: 0, loss: 0 };
  t.equal(rating({ rttMs: 0, ...still }), 93.2);
  t.ok(Math.abs(rating({ rttMs: 200, ...still }) - (93.2 - 2.4)) < 1e-9);
  const late = 93.2 - 0.024 * 200 - 0.11 * (200 - 177.3);
  t.ok(Math.abs(rating({ rttMs: 400, ...still }) - late) < 1e-9);
  t.equal(
    rating({ rttMs: 100, jitterMs: 10, loss: 0 }),
    rating({ rttMs: 140, ...still }),
    'a jitter buffer delays each direction',
  );
  const lossy = rating({ rttMs: 0, jitterMs: 0, loss: 0.05 });
  t.ok(Math.abs(lossy - (93.2 - (95 * 5) / (5 + 25.1))) < 1e-9);
});

t.test('a call is poor beyond each threshold of VIA', async (t) => {
  const good = { rttMs: 320, loss: 0.012, jitterMs: 12 };
  t.notOk(isPoor(good));
  t.ok(isPoor({ ...good, rttMs: 321 }));
  t.ok(isPoor({ ...good, loss: 0.0121 }));
  t.ok(isPoor({ ...good, jitterMs: 12.1 }));
});

t.test('intervals are by Student’s t', async (t) => {
  const { mean, halfWidth } = interval([1, 2, 3, 4]);
  t.equal(mean, 2.5);
  t.ok(Math.abs((halfWidth ?? 0) - 3.182 * Math.sqrt(5 / 3 / 4)) < 1e-9);
  t.equal(interval([7]).halfWidth, undefined);
  t.equal(interval([7, Number.NaN]).mean, 7);
});

t.test('quantiles are interpolated', async (t) => {
  t.equal(quantileOf([1, 2, 3, 4], 0.5), 2.5);
  t.equal(quantileOf([1, 2, 3, 4], 1), 4);
  t.ok(Number.isNaN(quantileOf([], 0.5)));
});
