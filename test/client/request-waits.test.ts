import t from 'tap';
import {
  CONNECT_GRACE_MS,
  closeWaitsMs,
  connectWaitsMs,
  RelayRoundTrip,
} from '../../src/client/request-waits.js';
import { LEG_LIMITS } from '../../src/stun/leg-limits.js';

const sum = (waits: readonly number[]) => waits.reduce((total, wait) => total + wait, 0);

t.test('the waits of Connect are at most 1 s and end after 30 s and a grace', async (t) => {
  for (const [rtoMs, elapsedMs] of [
    [500, 0],
    [500, 12_345],
    [3_000, 0],
    [500, 29_999],
    [500, 40_000],
  ] as const) {
    const waits = connectWaitsMs(rtoMs, elapsedMs);
    const last = waits.at(-1) ?? 0;
    t.ok(waits.slice(0, -1).every((wait) => wait <= 1_000));
    t.ok(last <= 1_000 + CONNECT_GRACE_MS);
    const endMs = Math.max(LEG_LIMITS.connectMs, elapsedMs) + CONNECT_GRACE_MS;
    t.equal(elapsedMs + sum(waits), endMs);
  }
});

t.test('the waits of a close add up to 2 s', async (t) => {
  t.equal(sum(closeWaitsMs()), 2_000);
});

t.test('the RTO follows the round trip and is at least 500 ms', async (t) => {
  const roundTrip = new RelayRoundTrip();
  t.equal(roundTrip.smoothedMs, undefined);
  t.equal(roundTrip.rtoMs, 500);
  roundTrip.add(400);
  t.equal(roundTrip.smoothedMs, 400);
  t.equal(roundTrip.rtoMs, 1_200);
  for (let n = 0; n < 100; n += 1) roundTrip.add(20);
  t.ok(Math.abs((roundTrip.smoothedMs ?? 0) - 20) < 1);
  t.equal(roundTrip.rtoMs, 500);
});
