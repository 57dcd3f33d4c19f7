import t from 'tap';
import { standardWaitsMs } from '../../src/stun/transmission-limits.js';

t.test('the waits are those of RFC 8489 section 6.2.1', async (t) => {
  t.strictSame(standardWaitsMs(500), [500, 1_000, 2_000, 4_000, 8_000, 16_000, 8_000]);
  t.strictSame(standardWaitsMs(500, 5), [500, 1_000, 2_000, 4_000, 8_000]);
});
