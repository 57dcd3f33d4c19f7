import t from 'tap';
import { DampedPathMtu, MTU_GROWTH_MS } from '../../src/trunk/damped-path-mtu.js';

const HELD = MTU_GROWTH_MS;
const found = (bytes: number) => ({ bytes, measured: true });

t.test('the first measured size and any smaller one take effect at once', async (t) => {
  const size = new DampedPathMtu();
  t.equal(size.bytes, undefined);
  size.take({ bytes: 1_200, measured: false }, 0);
  t.equal(size.bytes, 1_200);
  size.take(found(1_452), 100);
  t.equal(size.bytes, 1_452);
  size.take(found(508), 200);
  t.equal(size.bytes, 508);
});

t.test(
  'a larger size takes effect after MTU_GROWTH_MS, as the smallest in that time',
  async (t) => {
    const size = new DampedPathMtu();
    size.take(found(508), 0);
    size.take(found(1_200), 1_000);
    size.take(found(1_452), 2_000);
    size.take(found(1_452), 1_000 + HELD - 1);
    t.equal(size.bytes, 508);
    size.take(found(1_452), 1_000 + HELD);
    t.equal(size.bytes, 1_200);
    size.take(found(1_452), 2_000 + HELD);
    size.take(found(1_452), 2_000 + 2 * HELD);
    t.equal(size.bytes, 1_452);
  },
);

t.test('a larger size that does not hold never takes effect', async (t) => {
  const size = new DampedPathMtu();
  size.take(found(1_000), 0);
  for (let now = 0; now < 10 * HELD; now += HELD / 2) {
    size.take(found(1_452), now);
    size.take(found(1_000), now + HELD / 4);
    t.equal(size.bytes, 1_000);
  }
});
