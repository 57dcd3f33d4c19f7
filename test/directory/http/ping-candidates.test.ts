import t, { type Test } from 'tap';
import { until } from '../../until.js';
import { API_KEY, IDLE, relayRecord } from '../fixtures.js';
import { DirectoryHarness } from './harness.js';

async function ask(h: DirectoryHarness, body: unknown = {}, headers: Record<string, string> = {}) {
  return h.request('/v1/relays/candidates', {
    method: 'POST',
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

const idsOf = ({ body }: { body: { relays: { id: string }[] } }) => body.relays.map(({ id }) => id);

/** Opens a directory with relays, each by its id and a host number. */
async function withRelays(test: Test, ids: readonly string[]) {
  const h = await DirectoryHarness.open(test);
  await h.addRelays(...ids.map((id, index) => relayRecord(id, index + 1)));
  return h;
}

/** Lets the list of regions be made again. */
const renewed = (h: DirectoryHarness) => h.clock.advance(1_000);

const REGIONS = Array.from({ length: 30 }, (_, index) => `r${index}`);

t.test('a peer is given one relay of a region, in the form of PROTOCOL.md', async (t) => {
  const h = await withRelays(t, ['fra-1', 'fra-2', 'nyc-1']);
  const { status, body } = await ask(h);
  t.equal(status, 200);
  t.equal(body.validSeconds, 60);
  const regions = body.relays.map(({ region }: { region: string }) => region);
  t.strictSame(regions.sort(), ['fra', 'nyc']);
  const nyc = body.relays.find(({ id }: { id: string }) => id === 'nyc-1');
  t.same(nyc, { id: 'nyc-1', region: 'nyc', addresses: [{ address: '10.0.0.3', port: 3478 }] });
  t.strictSame(idsOf(await ask(h, { peer: { region: 'fra' } })).sort(), ['fra-1', 'fra-2']);
  t.equal(idsOf(await ask(h, { peer: { region: 'gone' } })).length, 2, 'a region without relays');
});

t.test('without relays the list is empty, and is not kept', async (t) => {
  const h = await DirectoryHarness.open(t);
  t.strictSame(idsOf(await ask(h)), []);
  await h.addRelays(relayRecord('fra-1', 1));
  t.strictSame(idsOf(await ask(h)), ['fra-1']);
});

t.test('peers of different addresses are given different regions, each the same', async (t) => {
  const h = await withRelays(
    t,
    REGIONS.flatMap((region) => [`${region}-1`, `${region}-2`]),
  );
  const given = new Set<string>();
  for (let host = 0; host < 40; host += 1) {
    const peer = { address: `203.0.113.${host}` };
    const ids = idsOf(await ask(h, { peer }));
    t.equal(new Set(ids.map((id) => id.split('-')[0])).size, 10, 'ten regions');
    t.strictSame(idsOf(await ask(h, { peer })), ids, 'the same again');
    for (const id of ids) given.add(id);
  }
  t.ok(given.size > 50, `${given.size} of 60 relays`);
  t.equal(idsOf(await ask(h, { relays: 3 })).length, 3);
  t.equal(idsOf(await ask(h, { relays: 12 })).length, 12);
});

t.test('no relay drains, is unconfirmed, full or avoided', async (t) => {
  const h = await withRelays(t, ['fra-1', 'fra-2', 'nyc-1', 'sin-1', 'syd-1']);
  await ask(h);
  await h.beat('fra-1', null, { draining: true });
  await h.beat('nyc-1', null, { load: { ...IDLE, legs: IDLE.legsMax } });
  await h.register(relayRecord('waw-1', 9));
  const expected = ['fra-2', 'syd-1'];
  const peer = { avoid: ['sin-1'] };
  t.strictSame(idsOf(await ask(h, { peer })).sort(), expected, 'at once');
  renewed(h);
  t.strictSame(idsOf(await ask(h, { peer })).sort(), expected);
});

t.test('the addresses are of families that the peer can use, its own first', async (t) => {
  const h = await DirectoryHarness.open(t);
  const both = [
    { address: '192.0.2.1', port: 3478 },
    { address: '192.0.2.2', port: 3478 },
    { address: '2001:db8::1', port: 3478 },
  ];
  await h.addRelays(relayRecord('fra-1', 1, { serviceAddresses: both }), relayRecord('nyc-1', 2));
  const addresses = async (peer: object) => {
    const { body } = await ask(h, { peer: { region: 'fra', ...peer } });
    return body.relays[0].addresses.map(({ address }: { address: string }) => address);
  };
  t.strictSame(await addresses({}), ['192.0.2.1', '2001:db8::1']);
  t.strictSame(await addresses({ address: '2001:db8::9' }), ['2001:db8::1', '192.0.2.1']);
  t.strictSame(await addresses({ families: [6] }), ['2001:db8::1']);
  t.strictSame(await addresses({ family: 4 }), ['192.0.2.1']);
  t.strictSame(idsOf(await ask(h, { peer: { families: [6] } })), ['fra-1']);
});

t.test('behind a trusted proxy the forwarded address counts', async (t) => {
  const ids = REGIONS.map((region) => `${region}-1`);
  const records = ids.map((id, index) => relayRecord(id, index + 1));
  const h = await DirectoryHarness.open(t, { trustedProxies: ['127.0.0.1', '10.0.0.0/8'] });
  await h.addRelays(...records);
  const of = async (forwarded: string) => idsOf(await ask(h, {}, { 'x-forwarded-for': forwarded }));
  const own = idsOf(await ask(h, { peer: { address: '203.0.113.7' } }));
  t.strictSame(await of('203.0.113.7'), own);
  t.strictSame(await of('198.51.100.1, 203.0.113.7, 10.0.0.1'), own, 'the last that is no proxy');
  t.notSame(await of('198.51.100.1'), own);
  const direct = await DirectoryHarness.open(t);
  await direct.addRelays(...records);
  const first = idsOf(await ask(direct));
  const forged = await ask(direct, {}, { 'x-forwarded-for': '203.0.113.7' });
  t.strictSame(idsOf(forged), first, 'anybody else is not believed');
});

t.test('a request that is malformed, or without an API key, is refused', async (t) => {
  const h = await withRelays(t, ['fra-1']);
  const wrong = await ask(h, { peer: { address: 'x.example' } });
  t.match(wrong, { status: 400, body: { errors: [{ pointer: '/peer/address' }] } });
  for (const body of [{ relays: 0 }, { relays: 13 }, { peers: [] }, { peer: { port: 1 } }, []]) {
    t.equal((await ask(h, body)).status, 400, JSON.stringify(body));
  }
  t.equal((await ask(h, {}, { authorization: 'Bearer of-somebody-else' })).status, 401);
});

t.test('the regions that are best for a network come first, and two others', async (t) => {
  const h = await withRelays(
    t,
    REGIONS.map((region) => `${region}-1`),
  );
  // All peers of this network that relays have seen are far from them, but for three regions.
  const near = ['r3', 'r11', 'r17'];
  for (const [at, region] of REGIONS.entries()) {
    const rtt = near.includes(region) ? 10 + at : 200;
    const legs = [{ network: '203.0.113.0/24', rtt, sd: 1, jitter: 1, loss: 0, count: 50 }];
    await h.beat(`${region}-1`, null, { measurements: { legs } });
  }
  const peer = { address: '203.0.113.7' };
  let ids: string[] = [];
  await until('the estimates are published', async () => {
    ids = idsOf(await ask(h, { peer, relays: 5 }));
    return ids.slice(0, 3).join() === 'r3-1,r11-1,r17-1';
  });
  t.equal(new Set(ids).size, 5);
  const elsewhere = idsOf(await ask(h, { peer: { address: '198.51.100.9' }, relays: 5 }));
  t.equal(elsewhere.length, 5);
});
