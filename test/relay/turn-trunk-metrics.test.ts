// What a relay's metrics say of requests to bind peers of TURN's clients behind other relays.
import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { RelayMetrics } from '../../src/relay/metrics.js';
import { Method } from '../../src/stun/methods.js';
import type { WorldRelay } from './world/index.js';
import { Allocated, noFaults, twoClients } from './world/trunk-clients.js';

/** Returns the counts above zero of a relay's metric, by the labels as they are shown. */
async function shownAt({ core, plane }: WorldRelay, metric: 'refusals' | 'failures') {
  const text = await new RelayMetrics(core, plane).text();
  const series = `^turnpike_relay_trunk_bind_${metric}_total\\{(.*)\\} ([1-9]\\d*)$`;
  const rows = text.matchAll(new RegExp(series, 'gm'));
  return Object.fromEntries([...rows].map(([, labels = '', count]) => [labels, Number(count)]));
}

t.test('refusals are counted by reason, at the relay that refuses and at the other', async (t) => {
  const { world, fra, nyc, a, b } = await twoClients();
  t.strictSame(await shownAt(nyc, 'refusals'), {});
  t.ok(await a.bind(b.relayed));
  world.pass(300);
  t.strictSame(await shownAt(nyc, 'refusals'), { 'code="403",reason="not-permitted"': 1 });
  t.strictSame(await shownAt(fra, 'failures'), { 'reason="refused_403"': 1 });

  const plain = world.addRelay('plain-1', '192.0.2.30');
  world.introduce();
  world.pass(500);
  t.ok(await a.bind(parseAddress('192.0.2.30:50001'), 0x4001), 'a relay without TURN');
  world.pass(300);
  t.strictSame(await shownAt(plain, 'refusals'), { 'code="437",reason="no-turn"': 1 });
  t.match(await shownAt(fra, 'failures'), { 'reason="refused_437"': 1 });

  const port = b.relayed.port === 50_001 ? 50_002 : 50_001;
  t.ok(await a.bind({ ...b.relayed, port }, 0x4002), 'a port without an allocation');
  world.pass(300);
  t.match(await shownAt(nyc, 'refusals'), { 'code="437",reason="no-allocation"': 1 });
  t.match(await shownAt(fra, 'failures'), { 'reason="refused_437"': 2 });
});

t.test('a full data plane is counted at the relay that refuses, and at the other', async (t) => {
  const { world, fra, nyc, a, b } = await twoClients();
  t.ok(await b.permit({ ...a.relayed, port: 0 }));
  nyc.plane.full = true;
  t.ok(await a.bind(b.relayed));
  world.pass(300);
  // The other relay's own request has this one ask again at once.
  const { 'code="508",reason="no-room"': full = 0, ...others } = await shownAt(nyc, 'refusals');
  t.ok(full > 0);
  t.strictSame(others, {});
  t.strictSame(await shownAt(fra, 'failures'), { 'reason="refused_508"': full });
});

t.test('a relay with XDP counts the requests that it refuses', async (t) => {
  const { world, fra, nyc, a, b } = await twoClients({ xdp: true });
  t.ok((await a.bind(b.relayed)) && (await b.bind(a.relayed)));
  world.pass(300);
  t.strictSame(await shownAt(fra, 'refusals'), { 'code="403",reason="address-not-own"': 1 });
  t.strictSame(await shownAt(nyc, 'failures'), { 'reason="refused_403"': 1 });
});

t.test('bindings that end and requests without an answer are counted as failures', async (t) => {
  const { world, fra, nyc, a, b } = await twoClients();
  await a.bind(b.relayed);
  await b.bind(a.relayed);
  world.pass(400);
  await b.refresh(0);
  world.pass(50);
  t.match(await shownAt(fra, 'failures'), { 'reason="closed"': 1 });

  const c = await Allocated.open(world, nyc, '203.0.113.61:6000');
  world.lose = ({ to, data }) => to.port === nyc.trunk.port && data[1] === Method.ChannelBind;
  t.ok(await a.bind(c.relayed, 0x4001));
  t.notOk((await shownAt(fra, 'failures'))['reason="unanswered"']);
  world.pass(30_000);
  t.ok((await shownAt(fra, 'failures'))['reason="unanswered"']);
});

t.test('no relay has had an internal error', async (t) => noFaults(t));
