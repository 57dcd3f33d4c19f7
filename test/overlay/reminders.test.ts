import t from 'tap';
import { listenerHandle } from '../../src/native/transport-handle.js';
import { Leg } from '../../src/overlay/leg.js';
import { OVERLAY_LIMITS } from '../../src/overlay/overlay-limits.js';
import { REMINDED_AT_ONCE, SilenceWatch } from '../../src/overlay/silence-watch.js';
import { FakeScheduler } from '../client/support/fake-scheduler.js';

const TICK_MS = 100;

/** Watches legs whose peers promised LIVENESS, and sends one data packet to each. */
function owing(count: number) {
  const scheduler = new FakeScheduler();
  const reminders = new Map<Leg, number>();
  let data = 0;
  const plane = {
    flowMeter: () => 0,
    flowPackets: () => 0,
    sessionPackets: () => data,
  };
  const watch = new SilenceWatch(plane, scheduler, (leg) => {
    reminders.set(leg, (reminders.get(leg) ?? 0) + 1);
  });
  const legs = Array.from({ length: count }, (_, index) => {
    const leg = new Leg({
      name: { tenant: 'default', connectionId: '0'.repeat(32), role: 0 },
      origin: {
        worker: 0,
        tuple: { handle: listenerHandle('client', 0), remote: { address: '192.0.2.1', port: 1 } },
      },
      tupleKey: String(index),
      peerRelay: 'self',
      signer: { kind: 'sha256', key: new Uint8Array(32) },
      lifetimeSeconds: 600,
      expiresAt: 0,
    });
    leg.sessionIndex = index;
    leg.livenessMs = OVERLAY_LIMITS.peerSilentUnderDataMs;
    leg.signs = { heardAt: scheduler.monotonic() };
    watch.add(leg, { channel: 0x4000, other: undefined });
    return leg;
  });
  const total = () => [...reminders.values()].reduce((sum, each) => sum + each, 0);
  /** Lets time pass. @returns the reminders of each tick, and the silent legs */
  const pass = (ms: number) => {
    const perTick: number[] = [];
    const silent: Leg[] = [];
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      scheduler.advance(TICK_MS);
      const before = total();
      const ended = watch.tick();
      for (const leg of ended) watch.remove(leg);
      silent.push(...ended);
      perTick.push(total() - before);
    }
    return { perTick, silent };
  };
  pass(1_000);
  data += 1;
  return { legs, reminders, pass, scheduler };
}

t.test(
  'a tick sends at most REMINDED_AT_ONCE reminders, and none gets two before all have one',
  async (t) => {
    const { legs, reminders, pass } = owing(20 * REMINDED_AT_ONCE);
    const { perTick, silent } = pass(4_200);
    t.equal(Math.max(...perTick), REMINDED_AT_ONCE);
    t.strictSame(silent, []);
    const counts = legs.map((leg) => reminders.get(leg) ?? 0);
    t.ok(Math.max(...counts) - Math.min(...counts) <= 1, 'in turn');
  },
);

t.test('a peer without a reminder is judged silent by the same rule', async (t) => {
  const { legs, reminders, pass } = owing(60 * REMINDED_AT_ONCE);
  t.strictSame(pass(4_000).silent, []);
  // Each tick examines a share of the remaining legs, so the last ones take longer.
  const { silent } = pass(6_000);
  t.equal(new Set(silent).size, legs.length);
  t.ok(reminders.size < legs.length, 'some get no reminder');
  t.strictSame(pass(2_000).perTick.filter(Boolean), [], 'no reminder after the end of a leg');
});

t.test(
  'a peer that gives a sign of life while its reminder is queued is not reminded',
  async (t) => {
    const { legs, reminders, pass, scheduler } = owing(20 * REMINDED_AT_ONCE);
    pass(2_600);
    const before = reminders.size;
    t.ok(before > 0 && before < legs.length);
    for (const leg of legs) leg.signs.heardAt = scheduler.monotonic();
    t.strictSame(pass(5_000).perTick.filter(Boolean), []);
  },
);
