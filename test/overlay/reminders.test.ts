import t from 'tap';
import { listenerHandle } from '../../src/native/transport-handle.js';
import { Leg } from '../../src/overlay/leg.js';
import { OVERLAY_LIMITS } from '../../src/overlay/overlay-limits.js';
import { REMINDED_AT_ONCE, SilenceWatch } from '../../src/overlay/silence-watch.js';
import { FakeScheduler } from '../client/support/fake-scheduler.js';

const TICK_MS = 100;

/** So many legs whose peers promised a sign of life, and a packet of data to each of them. */
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
  /** @returns the reminders of each tick, and those that were silent */
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

t.test('a tick reminds so many and no more, each once before any twice', async (t) => {
  const { legs, reminders, pass } = owing(20 * REMINDED_AT_ONCE);
  const { perTick, silent } = pass(4_200);
  t.equal(Math.max(...perTick), REMINDED_AT_ONCE);
  t.strictSame(silent, []);
  const counts = legs.map((leg) => reminders.get(leg) ?? 0);
  t.ok(Math.max(...counts) - Math.min(...counts) <= 1, 'in turn');
});

t.test('one that was left out is held silent all the same', async (t) => {
  const { legs, reminders, pass } = owing(60 * REMINDED_AT_ONCE);
  t.strictSame(pass(4_000).silent, []);
  // Each tick looks at a share of those that are left, so the last ones take longer.
  const { silent } = pass(6_000);
  t.equal(new Set(silent).size, legs.length);
  t.ok(reminders.size < legs.length, 'some had no reminder');
  t.strictSame(pass(2_000).perTick.filter(Boolean), [], 'none is reminded after its end');
});

t.test('one that gave a sign while it waited its turn is not reminded', async (t) => {
  const { legs, reminders, pass, scheduler } = owing(20 * REMINDED_AT_ONCE);
  pass(2_600);
  const before = reminders.size;
  t.ok(before > 0 && before < legs.length);
  for (const leg of legs) leg.signs.heardAt = scheduler.monotonic();
  t.strictSame(pass(5_000).perTick.filter(Boolean), []);
});
