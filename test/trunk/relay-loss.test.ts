import t from 'tap';
import { RelayLoss } from '../../src/trunk/relay-loss.js';

/** Probes every 100 ms, with traffic if `busy`. @returns when the relay is gone */
function run(liveness: RelayLoss, from: number, ms: number, busy: boolean): number | undefined {
  for (let now = from; now < from + ms; now += 100) {
    liveness.probed();
    if (busy) liveness.traffic(now, now + 1);
    if (liveness.gone(now)) return now;
  }
  return undefined;
}

t.test('a relay is gone after 5 s without a reply under traffic', async (t) => {
  t.equal(run(new RelayLoss(0), 0, 10_000, true), 5_000);
});

t.test('an idle relay is never gone', async (t) => {
  t.equal(run(new RelayLoss(0), 0, 60_000, false), undefined);
});

t.test('the 5 s begin with the first traffic', async (t) => {
  const liveness = new RelayLoss(0);
  run(liveness, 0, 20_000, false);
  t.equal(run(liveness, 20_000, 10_000, true), 25_000);
});

t.test('a relay is not gone after a stall in which no probes were sent', async (t) => {
  const liveness = new RelayLoss(0);
  liveness.traffic(0, 1);
  liveness.probed();
  liveness.traffic(4_900, 2);
  t.notOk(liveness.gone(9_000), 'only one probe went unanswered');
});

t.test('a relay is idle if it replies more than 30 s after the last traffic', async (t) => {
  for (const [idleMs, goneAt] of [
    [30_000, 36_000],
    [30_001, undefined],
  ] as const) {
    const liveness = new RelayLoss(0);
    liveness.traffic(1_000, 1);
    const replyAt = 1_000 + idleMs;
    liveness.replied(replyAt);
    t.equal(run(liveness, replyAt, 10_000, false), goneAt, `${idleMs} ms after it`);
  }
});
