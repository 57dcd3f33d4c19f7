import t from 'tap';
import { tenantRoot, tenantSecret } from '../../../src/auth/keys.js';
import { passwordFor } from '../../../src/auth/tenant-credentials.js';
import { parseUsername } from '../../overlay/parse-username.js';
import { API_KEY, CLUSTER_SECRET, IDLE, OTHER_API_KEY, relayRecord } from '../fixtures.js';
import { DirectoryHarness } from './harness.js';

const AUTHORIZED = { headers: { authorization: `Bearer ${API_KEY}` } };

t.test('a connection is answered in the form of PROTOCOL.md section 5', async (t) => {
  const h = await DirectoryHarness.open(t);
  await h.addRelays(relayRecord('fra-1', 1), relayRecord('nyc-1', 2));
  const answer = await h.connect({
    peers: [
      { address: '203.0.113.7', latencies: { 'fra-1': 10, nyc: 400 } },
      { address: '198.51.100.9', latencies: { fra: 400, 'nyc-1': 10 } },
    ],
    ttlSeconds: 600,
  });
  t.equal(answer.status, 201);
  t.equal(answer.headers.get('cache-control'), 'no-store');
  const { connectionId, snapshot, seed } = answer.body;
  t.match(connectionId, /^[0-9a-f]{32}$/);
  t.ok(Number.isInteger(snapshot) && Number.isInteger(seed));
  const expiry = h.clock.now() / 1_000 + 600;
  const secret = tenantSecret(tenantRoot(CLUSTER_SECRET), 'default');
  const half = (role: 0 | 1) => {
    const username = `${expiry}:default/${connectionId}/${role}`;
    return { role, username, password: passwordFor(secret, username) };
  };
  const fra = { address: '10.0.0.1', port: 3478 };
  const nyc = { address: '10.0.0.2', port: 3478 };
  t.same(answer.body, {
    connectionId,
    expiresAt: '2026-11-22T15:00:00Z',
    realm: 'turnpike',
    peers: [
      { ...half(0), relay: { id: 'fra-1', region: 'fra', ...fra }, peerRelay: nyc },
      { ...half(1), relay: { id: 'nyc-1', region: 'nyc', ...nyc }, peerRelay: fra },
    ],
    snapshot,
    seed,
  });
});

t.test('the tenant is that of the API key, and ttlSeconds has a default and bounds', async (t) => {
  const h = await DirectoryHarness.open(t);
  await h.addRelays(relayRecord('fra-1', 1));
  const peers = [{}, {}];
  const acme = await h.connect({ peers }, OTHER_API_KEY);
  const credential = parseUsername(acme.body.peers[0].username);
  t.match(credential, { tenant: 'acme', expiresAtSeconds: h.clock.now() / 1_000 + 600 });
  t.equal((await h.connect({ peers, ttlSeconds: 86_400 })).body.expiresAt, '2026-11-23T14:50:00Z');
  for (const ttlSeconds of [0, 86_401, 1.5, '600', null]) {
    t.equal((await h.connect({ peers, ttlSeconds })).status, 400, String(ttlSeconds));
  }
  const one = await h.connect({ peers });
  t.not(one.body.connectionId, acme.body.connectionId);
  t.equal(one.body.peers[0].relay.id, one.body.peers[1].relay.id, 'one relay for both peers');
});

t.test(
  'without a relay that can serve, the answer is 503 with a reason and Retry-After',
  async (t) => {
    const h = await DirectoryHarness.open(t);
    const none = await h.connect({ peers: [{}, {}] });
    t.equal(none.status, 503);
    t.match(none.body, { code: 'no-relay', status: 503, retryAfterSeconds: 2 });
    t.match(none.body, { reason: 'no-relays', detail: /no relay is registered/ });
    t.equal(none.headers.get('retry-after'), '2');
    await h.addRelays(relayRecord('fra-1', 1));
    t.match(await h.connect({ peers: [{ family: 6 }, {}] }), {
      status: 503,
      body: { code: 'no-relay', reason: 'no-family', detail: /peer 0 can use IPv6 only/ },
    });
    t.match(await h.connect({ peers: [{}, { families: [6] }] }), {
      status: 503,
      body: { code: 'no-relay', reason: 'no-family', detail: /peer 1 can use IPv6 only/ },
    });
    t.equal((await h.connect({ peers: [{ families: [4, 6] }, { families: [4] }] })).status, 201);
    t.equal((await h.connect({ peers: [{}, {}] })).status, 201);
    await h.beat('fra-1', null, { draining: true });
    t.equal((await h.connect({ peers: [{}, {}] })).status, 503);
    await h.beat('fra-1', null, { load: { ...IDLE, legs: 1_000 } });
    t.equal((await h.connect({ peers: [{}, {}] })).status, 201, 'a full one rather than none');
  },
);

t.test('a relay that a peer avoids is assigned only if no other can serve', async (t) => {
  const h = await DirectoryHarness.open(t);
  await h.addRelays(relayRecord('fra-1', 1));
  const avoiding = { peers: [{ avoid: ['fra-1', 'fra-1', 'gone-1'], region: 'fra' }, {}] };
  const only = await h.connect(avoiding);
  t.equal(only.body.peers[0].relay.id, 'fra-1');
  await h.addRelays(relayRecord('fra-1', 1), relayRecord('nyc-1', 2));
  for (let count = 0; count < 20; count += 1) {
    t.equal((await h.connect(avoiding)).body.peers[0].relay.id, 'nyc-1');
  }
});

t.test('relays that have not confirmed each other are not paired, also after 3 s', async (t) => {
  const h = await DirectoryHarness.open(t);
  await h.addRelays(relayRecord('fra-1', 1));
  await h.register(relayRecord('nyc-1', 2));
  h.clock.advance(3_000);
  const apart = { peers: [{ region: 'fra' }, { region: 'nyc' }] };
  const before = (await h.connect(apart)).body;
  t.equal(before.peers[0].relay.id, before.peers[1].relay.id);
  const { registryVersion } = (await h.beat('fra-1', null)).body;
  await h.beat('fra-1', registryVersion);
  await h.beat('nyc-1', registryVersion);
  const after = (await h.connect(apart)).body;
  t.same([after.peers[0].relay.id, after.peers[1].relay.id], ['fra-1', 'nyc-1']);
});

t.test('GET /v1/relays lists the confirmed relays', async (t) => {
  const h = await DirectoryHarness.open(t);
  await h.addRelays(relayRecord('fra-1', 1));
  await h.register(relayRecord('nyc-1', 2));
  const { status, body } = await h.request('/v1/relays', AUTHORIZED);
  t.equal(status, 200);
  t.same(
    body,
    {
      relays: [
        {
          id: 'fra-1',
          region: 'fra',
          addresses: [{ address: '10.0.0.1', port: 3478 }],
          turn: false,
          reachability: { verdict: 'unchecked' },
        },
      ],
    },
    'nyc-1 is not confirmed yet',
  );
});

t.test('GET /v1/relays says which relays serve TURN, as soon as that changes', async (t) => {
  const h = await DirectoryHarness.open(t);
  await h.addRelays(relayRecord('fra-1', 1));
  const { registryVersion } = (await h.beat('fra-1', null)).body;
  const served = async () => (await h.request('/v1/relays', AUTHORIZED)).body.relays[0].turn;
  t.equal(await served(), false);
  const turn = { allocations: 0, allocationsMax: 9 };
  await h.beat('fra-1', registryVersion, { load: { ...IDLE, turn } });
  t.equal(await served(), true);
  await h.beat('fra-1', registryVersion, { load: { ...IDLE, turn: { ...turn, allocations: 9 } } });
  t.equal(await served(), true);
  await h.register(relayRecord('fra-1', 1));
  t.equal(await served(), false, 'a registration counts, too');
});

t.test('a malformed request is refused with a JSON pointer to the fault', async (t) => {
  const h = await DirectoryHarness.open(t);
  await h.addRelays(relayRecord('fra-1', 1));
  const many = Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`r-${index}`, 1]));
  const cases: [string, unknown][] = [
    ['', {}],
    ['', []],
    ['', null],
    ['/tenant', { peers: [{}, {}], tenant: 'acme' }],
    ['/peers', { peers: [{}] }],
    ['/peers/2', { peers: [{}, {}, {}] }],
    ['/peers/0', { peers: [1, {}] }],
    ['/peers/0/familly', { peers: [{ familly: 6 }, {}] }],
    ['/peers/1/family', { peers: [{}, { family: 5 }] }],
    ['/peers/1/family', { peers: [{}, { family: 'ipv4' }] }],
    ['/peers/0/families', { peers: [{ families: [] }, {}] }],
    ['/peers/0/families', { peers: [{ families: 4 }, {}] }],
    ['/peers/0/families/0', { peers: [{ families: [5] }, {}] }],
    ['/peers/0/families', { peers: [{ families: [4, 6, 4] }, {}] }],
    ['/peers/1/family', { peers: [{}, { family: 4, families: [6] }] }],
    ['/peers/1/avoid', { peers: [{}, { avoid: 'fra-1' }] }],
    ['/peers/1/avoid/0', { peers: [{}, { avoid: ['no name'] }] }],
    ['/peers/1/avoid', { peers: [{}, { avoid: Array(9).fill('fra-1') }] }],
    ['/peers/1/region', { peers: [{}, { region: 'Mars' }] }],
    ['/peers/0/address', { peers: [{ address: 'example.org' }, {}] }],
    ['/peers/1/address', { peers: [{}, { address: '192.0.2.1:80' }] }],
    ['/peers/1/address', { peers: [{}, { address: 'fe80::1%eth0' }] }],
    ['/peers/0/latencies', { peers: [{ latencies: many }, {}] }],
    ['/peers/0/latencies', { peers: [{ latencies: { 'UPPER case': 1 } }, {}] }],
    ['/peers/0/latencies/fra', { peers: [{ latencies: { fra: -1 } }, {}] }],
    ['/peers/0/latencies/fra', { peers: [{ latencies: { fra: '10' } }, {}] }],
  ];
  for (const [pointer, body] of cases) {
    const answer = await h.connect(body);
    const what = JSON.stringify(body).slice(0, 60);
    t.equal(answer.status, 400, what);
    t.match(answer.body, { code: 'invalid-request', type: 'about:blank' }, what);
    t.ok(
      answer.body.errors.some((error: { pointer: string }) => error.pointer === pointer),
      `${what}: ${JSON.stringify(answer.body.errors)}`,
    );
    t.match(answer.headers.get('content-type'), 'application/problem+json');
  }
  const long = { peers: Array.from({ length: 500 }, () => ({ no: 1 })) };
  t.ok((await h.connect(long)).body.errors.length <= 16);
});

t.test('a body that is not JSON, is too large or has a prototype member is refused', async (t) => {
  const h = await DirectoryHarness.open(t);
  const bodies = [
    '',
    '{',
    '{"peers":[{},{}],"__proto__":{"ttlSeconds":1}}',
    '{"peers":[{},{"constructor":{"prototype":{}}}]}',
    '[1e999',
  ];
  for (const body of bodies) {
    const answer = await h.connect(body);
    t.match(answer, { status: 400, body: { code: /^invalid-(json|request)$/ } }, body);
  }
  t.equal((await h.connect('{"peers":[{"latencies":{"__proto__":1}},{}]}')).status, 400);
  const large = await h.connect(`{"peers":[${' '.repeat(40_000)}{},{}]}`);
  t.match(large, { status: 413, body: { code: 'body-too-large' } });
  const text = await h.request('/v1/connections', {
    method: 'POST',
    headers: { ...AUTHORIZED.headers, 'content-type': 'text/plain' },
    body: '{"peers":[{},{}]}',
  });
  t.match(text, { status: 415, body: { code: 'unsupported-media-type' } });
});

t.test('a request without a valid API key gets 401', async (t) => {
  const h = await DirectoryHarness.open(t);
  const wrong = ['', 'Bearer', 'Bearer ', 'Bearer wrong', `Basic ${API_KEY}`, API_KEY];
  for (const authorization of [...wrong, `Bearer ${API_KEY} ${API_KEY}`, `Bearer ${API_KEY}x`]) {
    const answer = await h.request('/v1/relays', { headers: { authorization } });
    t.match(answer, { status: 401, body: { code: /^api-key-(missing|unknown)$/ } }, authorization);
    t.equal(answer.headers.get('www-authenticate'), 'Bearer');
  }
  const bearer = await h.request('/v1/relays', { headers: { authorization: `bearer ${API_KEY}` } });
  t.equal(bearer.status, 200, 'the scheme has no case (RFC 9110 section 11.1)');
  t.equal((await h.request('/v1/relays')).status, 401);
});

t.test('legs that were assigned since the reports count as load', async (t) => {
  const h = await DirectoryHarness.open(t);
  const records = ['fra-1', 'fra-2', 'fra-3'].map((id, index) => relayRecord(id, index + 1));
  await h.addRelays(...records);
  for (const [index, { id }] of records.entries()) {
    await h.beat(id, null, { load: { ...IDLE, legsMax: 100, legs: index === 2 ? 80 : 0 } });
  }
  const usesThird = async () => {
    const { body } = await h.connect({ peers: [{}, {}] });
    return body.peers.some(({ relay }: { relay: { id: string } }) => relay.id === 'fra-3');
  };
  t.notOk(await usesThird(), 'the other two are idle');
  let connections = 1;
  while (!(await usesThird())) {
    connections += 1;
    if (connections > 400) throw new Error('the busy relay is never used');
  }
  t.ok(connections > 30, `not before the others were given their most legs: ${connections}`);
});

t.test('a session keeps its pair, of its tenant alone, and explains so', async (t) => {
  const h = await DirectoryHarness.open(t);
  const ids = ['fra-1', 'fra-2', 'fra-3', 'fra-4', 'fra-5', 'fra-6'];
  await h.addRelays(...ids.map((id, index) => relayRecord(id, index + 1)));
  const ask = async (session: string, key = API_KEY, swapped = false) => {
    const peers = [{ address: '203.0.113.7' }, { address: '198.51.100.9' }];
    if (swapped) peers.reverse();
    const { status, body } = await h.connect({ peers, session }, key);
    t.equal(status, 201);
    return body;
  };
  // biome-ignore lint/suspicious/noExplicitAny: an answer's body.
  const idsOf = ({ peers }: any): string[] => peers.map(({ relay }: any) => relay.id);
  const first = idsOf(await ask('call 1'));
  const others = new Set<string>();
  for (let n = 0; n < 20; n++) {
    h.clock.advance(100);
    t.strictSame(idsOf(await ask('call 1')), first);
    others.add(String(idsOf(await ask(`call ${n + 2}`))));
    others.add(String(idsOf(await ask('call 1', OTHER_API_KEY))));
  }
  t.ok(others.size > 3, 'other sessions have their own');
  const swapped = await ask('call 1', API_KEY, true);
  t.strictSame(idsOf(swapped), first.toReversed());
  const { body } = await h.explain({ connectionId: swapped.connectionId });
  t.match(body, { choice: 'kept', former: { relays: first.toReversed(), fate: 'kept' } });
  const [gone = ''] = first;
  await h.beat(gone, null, { draining: true });
  t.notOk(idsOf(await ask('call 1')).includes(gone), 'a draining relay is left at once');
  for (const session of ['', 'x'.repeat(129), 'a\nb', 7]) {
    t.equal((await h.connect({ peers: [{}, {}], session })).status, 400);
  }
});
