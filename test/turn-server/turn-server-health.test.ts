import t from 'tap';
import {
  type TurnServerFacts,
  turnServerHealth,
} from '../../src/turn-server/turn-server-health.js';

const FINE: TurnServerFacts = {
  closing: false,
  draining: false,
  stuck: [],
  lostAddresses: [],
  allocations: 9,
  allocationsMax: 10,
};

t.test('liveness, readiness and reasons of each state of a TURN server', async (t) => {
  const table: [Partial<TurnServerFacts>, boolean, boolean, string[]][] = [
    [{}, true, true, []],
    [{ allocations: 10 }, true, false, ['full']],
    [{ draining: true }, true, false, ['draining']],
    [{ closing: true, draining: true }, true, false, ['closing']],
    [{ lostAddresses: ['192.0.2.1'] }, true, false, ['address-lost']],
    [{ stuck: [{ worker: 1, seconds: 7 }] }, false, false, ['worker-stuck']],
  ];
  for (const [facts, live, ready, codes] of table) {
    const health = turnServerHealth({ ...FINE, ...facts });
    const found = [health.live, health.ready, health.reasons.map(({ code }) => code)];
    t.strictSame(found, [live, ready, codes], JSON.stringify(facts));
  }
});
