import { setImmediate as nextRound } from 'node:timers/promises';
import t from 'tap';
import {
  TENANT_REQUESTS_AT_ONCE,
  TENANT_REQUESTS_WAITING_MAX,
  TenantRequestQueue,
} from '../../../src/directory/http/tenant-request-queue.js';

const here = () => false;

t.test('requests within the number of one round do not wait', async (t) => {
  const queue = new TenantRequestQueue();
  const served = Array.from({ length: TENANT_REQUESTS_AT_ONCE }, () => queue.take('a', here));
  t.equal(queue.size, 0);
  t.ok((await Promise.all(served)).every((each) => each));
});

t.test('a tenant with many requests delays only itself', async (t) => {
  const queue = new TenantRequestQueue();
  let flood = 0;
  for (let n = 0; n < 1_000; n++) void queue.take('greedy', here).then(() => (flood += 1));
  let small = 0;
  for (let n = 0; n < 4; n++) void queue.take('small', here).then(() => (small += 1));
  await nextRound();
  await nextRound();
  t.equal(small, 4, 'all requests of the small tenant in the next rounds');
  t.ok(flood <= 3 * TENANT_REQUESTS_AT_ONCE, `${flood} of 1,000`);
  while (queue.size > 0) await nextRound();
  await nextRound();
  t.equal(flood, 1_000, 'all requests of the other tenant are served later');
});

t.test(
  'a request of a disconnected client takes no turn, and one beyond the bound is refused',
  async (t) => {
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
    t.equal(queue.size, 0, 'all requests of disconnected clients leave the queue');
    t.equal(gone, TENANT_REQUESTS_WAITING_MAX);
  },
);
