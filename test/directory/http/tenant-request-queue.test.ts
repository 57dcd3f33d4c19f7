import { setImmediate as nextRound } from 'node:timers/promises';
import t from 'tap';
import {
  TENANT_REQUESTS_AT_ONCE,
  TENANT_REQUESTS_WAITING_MAX,
  TenantRequestQueue,
} from '../../../src/directory/http/tenant-request-queue.js';

const here = () => false;

t.test('without a crowd nobody waits', async (t) => {
  const queue = new TenantRequestQueue();
  const served = Array.from({ length: TENANT_REQUESTS_AT_ONCE }, () => queue.take('a', here));
  t.equal(queue.size, 0);
  t.ok((await Promise.all(served)).every((each) => each));
});

t.test('a tenant that asks much waits for itself', async (t) => {
  const queue = new TenantRequestQueue();
  let flood = 0;
  for (let n = 0; n < 1_000; n++) void queue.take('greedy', here).then(() => (flood += 1));
  let small = 0;
  for (let n = 0; n < 4; n++) void queue.take('small', here).then(() => (small += 1));
  await nextRound();
  await nextRound();
  t.equal(small, 4, 'all of the small one in the next round');
  t.ok(flood <= 3 * TENANT_REQUESTS_AT_ONCE, `${flood} of 1,000`);
  while (queue.size > 0) await nextRound();
  await nextRound();
  t.equal(flood, 1_000, 'and all of the other in the end');
});

t.test('who has gone takes nobody’s turn, and too many are refused', async (t) => {
  const queue = new TenantRequestQueue();
  let gone = 0;
  for (let n = 0; n < TENANT_REQUESTS_AT_ONCE; n++) await queue.take('a', here);
  for (let n = 0; n < TENANT_REQUESTS_WAITING_MAX; n++) {
    void queue.take('a', () => true).then(() => (gone += 1));
  }
  t.equal(await queue.take('a', here), false);
  t.equal(queue.refused, 1);
  const other = queue.take('b', here);
  await nextRound();
  await nextRound();
  t.ok(await other);
  t.equal(queue.size, 0, 'all that were gone went in one round');
  t.equal(gone, TENANT_REQUESTS_WAITING_MAX);
});
