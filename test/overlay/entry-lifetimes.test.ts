import t from 'tap';
import { ENTRY_GRACE_SECONDS } from '../../src/overlay/forwarding.js';
import { LEG_LIMITS } from '../../src/stun/leg-limits.js';
import { decodeMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { established, FakePeer, twoRelays, type WorldRelay } from '../relay/world/index.js';

const { lifetimeSeconds: LIFETIME, lifetimeSecondsMax: LIFETIME_MAX } = LEG_LIMITS;

/** Returns the lifetimes that a relay last set for its entries, in seconds. */
function lifetimes({ plane }: WorldRelay) {
  const { flowLifetimes, sessionLifetimes, clientFlows, sessions } = plane;
  return {
    flows: [...clientFlows.keys()].map((key) => flowLifetimes.get(key)),
    sessions: [...sessions.keys()].map((index) => sessionLifetimes.get(index)),
  };
}

/** Connects two peers at one relay whose legs have the given lifetimes in seconds. */
function pairOfOneRelay(lifetimeA: number, lifetimeB: number) {
  const { world, fra, a } = twoRelays();
  const b = new FakePeer(world, { address: '198.51.100.9:50000', relay: fra, role: 1 });
  a.allocate(fra.service, lifetimeA);
  b.allocate(fra.service, lifetimeB);
  a.connect(b.address);
  b.connect(a.address);
  return { world, fra, a, b };
}

t.test('entries last for the lifetime of their leg plus the grace', async (t) => {
  const { fra, nyc } = established();
  const seconds = LIFETIME + ENTRY_GRACE_SECONDS;
  for (const relay of [fra, nyc]) {
    t.strictSame(lifetimes(relay), { flows: [seconds], sessions: [seconds] });
  }
});

t.test('a Refresh renews both entries of a leg before its response leaves', async (t) => {
  const { world, fra, a } = established();
  world.pass(300_000, 1_000);
  fra.plane.flowLifetimes.clear();
  fra.plane.sessionLifetimes.clear();
  let atResponse: unknown;
  world.lose = ({ to, data }) => {
    const decoded = decodeMessage(data);
    const isResponse = decoded.ok && decoded.message.method === Method.Refresh;
    if (isResponse && to.port === a.address.port) atResponse = lifetimes(fra);
    return false;
  };
  t.equal(a.refresh(1_200)?.lifetimeSeconds(), 1_200);
  const seconds = 1_200 + ENTRY_GRACE_SECONDS;
  t.strictSame(atResponse, { flows: [seconds], sessions: [seconds] });
});

t.test(
  'a repeated Allocate renews the entries, and a shorter lifetime does not shorten them',
  async (t) => {
    const { world, fra, nyc, a } = established();
    a.refresh(LIFETIME_MAX);
    world.pass(100_000, 1_000);
    const left = LIFETIME_MAX - 100 + ENTRY_GRACE_SECONDS;
    t.equal(a.refresh(LIFETIME)?.lifetimeSeconds(), LIFETIME);
    t.strictSame(lifetimes(fra), { flows: [left], sessions: [left] });
    a.allocate(nyc.service, LIFETIME_MAX);
    const again = LIFETIME_MAX + ENTRY_GRACE_SECONDS;
    t.strictSame(lifetimes(fra), { flows: [again], sessions: [again] });
  },
);

t.test('entries between two legs of a relay last as long as the first to expire', async (t) => {
  const { world, fra, a, b } = pairOfOneRelay(LIFETIME, 2 * LIFETIME);
  const both = (seconds: number) => ({
    flows: [seconds + ENTRY_GRACE_SECONDS, seconds + ENTRY_GRACE_SECONDS],
    sessions: [],
  });
  t.strictSame(lifetimes(fra), both(LIFETIME));
  world.pass(300_000, 1_000);
  a.refresh(3 * LIFETIME);
  t.strictSame(lifetimes(fra), both(2 * LIFETIME - 300), 'b expires before a');
  b.refresh(LIFETIME_MAX);
  t.strictSame(lifetimes(fra), both(3 * LIFETIME), 'a expires before b');
});

t.test('the session of a connecting leg lasts as long as the attempt', async (t) => {
  const { world, fra, nyc, a, b } = twoRelays();
  a.allocate(nyc.service);
  b.allocate(fra.service);
  a.connect(b.address);
  world.lose = ({ to }) => to.port === fra.trunk.port && to.address === fra.trunk.address;
  world.pass(2_000);
  b.connect(a.address);
  const { sessions, flows } = lifetimes(nyc);
  t.strictSame(flows, [], 'no answer has reached b’s relay');
  t.strictSame(sessions, [LEG_LIMITS.connectMs / 1_000 + ENTRY_GRACE_SECONDS]);
  a.refresh(LIFETIME_MAX);
  b.refresh(LIFETIME_MAX);
  world.lose = () => false;
  world.pass(2_000);
  a.connect(b.address);
  b.connect(a.address);
  const seconds = LIFETIME_MAX + ENTRY_GRACE_SECONDS;
  t.strictSame(lifetimes(nyc), { flows: [seconds], sessions: [seconds] });
});

t.test('no entry expires before the rules end its leg', async (t) => {
  const { world, fra, nyc, a, b } = established();
  const startedAt = world.clock.monotonic();
  const seconds = lifetimes(fra).flows[0] ?? 0;
  while (fra.plane.clientFlows.size > 0) world.pass(1_000);
  const passed = (world.clock.monotonic() - startedAt) / 1_000;
  t.ok(passed <= seconds - ENTRY_GRACE_SECONDS + 1, `${passed} s of ${seconds}`);
  t.strictSame([a.closed, b.closed], [[437], [437]], 'both peers get Closed');
  t.equal(nyc.plane.sessions.size, 0);
});

t.test(
  'a Refresh gets no response while the worker’s queue is full, and its repetition succeeds',
  async (t) => {
    const { world, fra, a } = established();
    world.pass(300_000, 1_000);
    fra.plane.full = true;
    t.equal(a.refresh(600), undefined);
    t.equal(fra.core.context.stats.refusals.of('data-plane-full'), 1);
    const [leg] = fra.core.context.legs.all();
    const left = LIFETIME * 1_000 - 300_000;
    t.match(leg?.state, { expiresAt: Math.round(world.clock.monotonic()) + left });
    fra.plane.full = false;
    t.equal(a.refresh(600)?.lifetimeSeconds(), 600);
    world.pass(500_000, 1_000);
    t.strictSame(a.closed.length, 1, 'b did not refresh');
  },
);

t.test('a record on an expired entry does not end a leg that still exists', async (t) => {
  const { world, fra, a, b } = established();
  const [sessionIndex] = fra.plane.sessions.keys();
  const [relayIndex] = fra.plane.remoteRelays.keys();
  if (sessionIndex === undefined || relayIndex === undefined) throw new Error('no session');
  const event = { type: 'unbound-index', relayIndex, sessionIndex } as const;
  fra.core.receive({ datagrams: [], events: [event] });
  world.pass(1_000);
  t.strictSame([a.closed, b.closed], [[], []]);
  t.equal(a.refresh(600)?.messageClass, 'success');
  t.equal(b.refresh(600)?.messageClass, 'success');
});
