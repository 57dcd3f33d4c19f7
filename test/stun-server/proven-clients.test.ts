import t from 'tap';
import { listenerHandle } from '../../src/native/transport-handle.js';
import { LEG_LIMITS } from '../../src/stun/leg-limits.js';
import { tupleKey } from '../../src/stun-server/origin.js';
import {
  PROVEN_CLIENT_MS,
  PROVEN_CLIENTS_MAX,
  PROVEN_CLIENTS_OF_NETWORK_MAX,
  PROVEN_CLIENTS_OF_SOURCE_MAX,
  ProvenClients,
} from '../../src/stun-server/proven-clients.js';
import { FakePlane } from '../relay/world/fake-plane.js';
import { established, FakePeer, ManualClock, twoRelays } from '../relay/world/index.js';

function scene() {
  const clock = new ManualClock();
  const plane = new FakePlane({ client: [], trunk: [] }, () => {});
  const proven = new ProvenClients(plane, clock);
  const origin = (address: string, port: number) => ({
    worker: 0,
    tuple: { handle: listenerHandle('client', 0), remote: { address, port } },
  });
  return { clock, plane, proven, origin };
}

t.test('a 5-tuple is proven while it holds a leg, and a minute longer', async (t) => {
  const { world, a, fra, nyc } = twoRelays();
  const { proven } = fra.core.server;
  const key = tupleKey({ handle: listenerHandle('client', 0), remote: a.address });
  a.challenge();
  t.notOk(proven.has(key), 'not by a challenge');
  const { password } = a.credential;
  a.credential.password = 'wrong';
  a.allocate(nyc.service);
  t.notOk(proven.has(key), 'not by a USERNAME');
  t.equal(fra.plane.knownClients.size, 0);
  a.credential.password = password;
  a.allocate(nyc.service);
  t.ok(proven.has(key), 'by a leg that is only reserved');
  t.equal(fra.plane.knownClients.size, 1);
  world.pass(LEG_LIMITS.reservedMs + 1_000);
  t.equal(fra.core.context.legs.size, 0);
  t.ok(proven.has(key));
  t.equal(fra.plane.knownClients.size, 1);
  world.pass(PROVEN_CLIENT_MS + 1_000);
  t.notOk(proven.has(key));
  t.equal(fra.plane.knownClients.size, 0);
});

t.test('an authenticated request proves a 5-tuple without a leg', async (t) => {
  const { world, a, fra } = established();
  const moved = new FakePeer(world, { address: '203.0.113.8:1', relay: fra, role: 0 });
  const key = tupleKey({ handle: listenerHandle('client', 0), remote: moved.address });
  t.equal(moved.refresh(600)?.errorCode()?.code, 437);
  t.ok(fra.core.server.proven.has(key));
  t.equal(fra.plane.knownClients.size, 2);
  t.equal(a.refresh(600)?.messageClass, 'success');
});

t.test(
  'the 5-tuples of a source without a leg are bounded, and do not remove those of others',
  async (t) => {
    const { plane, proven, origin } = scene();
    proven.proved(origin('198.51.100.1', 1));
    for (let port = 1; port <= 20_000; port += 1) proven.proved(origin('203.0.113.7', port));
    for (let n = 0; n < 20_000; n += 1) proven.proved(origin(`2001:db8::${n.toString(16)}`, 1));
    t.equal(proven.recent, 1 + 2 * PROVEN_CLIENTS_OF_SOURCE_MAX);
    t.ok(proven.has(tupleKey(origin('198.51.100.1', 1).tuple)));
    t.equal(plane.knownClients.size, proven.recent);
  },
);

t.test('the /64s of an IPv6 /48 are bounded together', async (t) => {
  const { clock, plane, proven, origin } = scene();
  const of = (site: number, subnet: number) =>
    origin(`2001:db8:${site}:${subnet.toString(16)}::1`, 1);
  proven.proved(origin('198.51.100.1', 1));
  for (let subnet = 0; subnet < 20_000; subnet += 1) proven.proved(of(1, subnet));
  t.equal(proven.recent, 1 + PROVEN_CLIENTS_OF_NETWORK_MAX);
  t.ok(proven.has(tupleKey(origin('198.51.100.1', 1).tuple)), 'who proved itself before');
  proven.proved(of(2, 1));
  t.ok(proven.has(tupleKey(of(2, 1).tuple)), 'of another /48');
  clock.advance(PROVEN_CLIENT_MS);
  proven.tick();
  proven.proved(of(1, 30_000));
  t.equal(proven.recent, 1, 'until they expire');
  t.equal(plane.knownClients.size, 1);
});

t.test('a client that proves itself again expires later', async (t) => {
  const { clock, proven, origin } = scene();
  const [again, once] = [origin('198.51.100.1', 1), origin('198.51.100.2', 1)];
  proven.proved(again);
  proven.proved(once);
  clock.advance(PROVEN_CLIENT_MS / 2);
  proven.proved(again);
  clock.advance(PROVEN_CLIENT_MS / 2);
  proven.tick();
  t.equal(proven.recent, 1);
  t.ok(proven.has(tupleKey(again.tuple)));
});

t.test('the table has at most PROVEN_CLIENTS_MAX clients without a leg', async (t) => {
  const { clock, plane, proven, origin } = scene();
  proven.hold(origin('198.51.100.1', 1));
  for (let n = 0; n < 2 * PROVEN_CLIENTS_MAX; n += 1) {
    proven.proved(origin(`10.0.${n >> 8}.${n & 255}`, 1));
  }
  t.equal(proven.recent, PROVEN_CLIENTS_MAX);
  t.ok(proven.has(tupleKey(origin('198.51.100.1', 1).tuple)), 'one with a leg stays');
  t.equal(plane.knownClients.size, PROVEN_CLIENTS_MAX + 1);
  clock.advance(PROVEN_CLIENT_MS);
  proven.tick();
  t.equal(plane.knownClients.size, 1);
});

t.test('a known client moves to the worker that receives its 5-tuple', async (t) => {
  const { plane, proven, origin } = scene();
  const { tuple } = origin('198.51.100.1', 1);
  proven.proved({ worker: 0, tuple });
  proven.hold({ worker: 1, tuple });
  t.same([...plane.knownClients], [`1 ${tupleKey(tuple)}`]);
  proven.release(tupleKey(tuple));
  t.ok(proven.has(tupleKey(tuple)));
});

t.test('a 5-tuple is held until its last holder releases it', async (t) => {
  const { clock, plane, proven, origin } = scene();
  const held = origin('198.51.100.1', 1);
  const key = tupleKey(held.tuple);
  proven.hold(held);
  proven.hold(held);
  t.equal(plane.knownClients.size, 1);
  proven.release(key);
  t.equal(proven.recent, 0);
  proven.release(key);
  t.equal(proven.recent, 1);
  proven.release(key);
  clock.advance(PROVEN_CLIENT_MS);
  proven.tick();
  t.notOk(proven.has(key));
  t.equal(plane.knownClients.size, 0);
});
