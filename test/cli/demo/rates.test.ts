import t from 'tap';
import type { TrafficCounts } from '../../../src/cli/demo/events.js';
import { summaryOf, TrafficScore } from '../../../src/cli/demo/rates.js';

const counts = (some: Partial<TrafficCounts>): TrafficCounts => ({
  elapsedMs: 1_000,
  sentPackets: 0,
  receivedPackets: 0,
  receivedBytes: 0,
  missingPackets: 0,
  rttMs: null,
  ...some,
});

t.test('a second is reported when the counts of both peers are there', async (t) => {
  const score = new TrafficScore();
  const a = counts({ receivedPackets: 500, receivedBytes: 125_000, rttMs: 2 });
  const b = counts({ receivedPackets: 900, receivedBytes: 250_000, missingPackets: 100, rttMs: 4 });
  t.equal(score.add('A', a), undefined);
  t.same(score.add('B', b), {
    event: 'traffic',
    second: 1,
    aToB: { mbitPerSecond: 2, packetsPerSecond: 900, loss: 0.1 },
    bToA: { mbitPerSecond: 1, packetsPerSecond: 500, loss: 0 },
    rttMs: 3,
  });
});

t.test('rates are per second between two counts', async (t) => {
  const score = new TrafficScore();
  score.add('A', counts({}));
  score.add('B', counts({ receivedPackets: 100, missingPackets: 10 }));
  score.add('B', counts({ elapsedMs: 1_500, receivedPackets: 200, missingPackets: 4 }));
  t.match(score.add('A', counts({ elapsedMs: 2_000 })), {
    second: 2,
    // Six packets of the first second arrived late, so none counts as lost in this one.
    aToB: { packetsPerSecond: 200, loss: 0 },
    bToA: { mbitPerSecond: 0, packetsPerSecond: 0, loss: 0 },
    rttMs: null,
  });
});

t.test('the loss of the summary is the share of sent packets that did not arrive', async (t) => {
  const a = counts({ elapsedMs: 4_000, sentPackets: 1_000, receivedPackets: 90 });
  const b = counts({ elapsedMs: 4_100, sentPackets: 100, receivedPackets: 980 });
  t.match(summaryOf({ A: a, B: b }), {
    seconds: 4.1,
    aToB: { sentPackets: 1_000, receivedPackets: 980, loss: 0.02 },
    bToA: { sentPackets: 100, receivedPackets: 90, loss: 0.1 },
  });
});
