import t, { type Test } from 'tap';
import { tenantRoot, tenantSecret } from '../../../src/auth/keys.js';
import { mintTurnCredential } from '../../../src/auth/tenant-turn-credentials.js';
import { API_KEY, CLUSTER_SECRET, IDLE, OTHER_API_KEY, relayRecord } from '../fixtures.js';
import { DirectoryHarness } from './harness.js';

const TURN = { ...IDLE, turn: { allocations: 0, allocationsMax: 100 } };

function ask(h: DirectoryHarness, body: unknown, key: string | undefined = API_KEY) {
  return h.request('/v1/ice-servers', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key !== '' && { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify(body),
  });
}

/** Opens a directory with relays in three regions, two of which serve TURN. */
async function fleet(test: Test) {
  const h = await DirectoryHarness.open(test);
  const records = [relayRecord('fra-1', 1), relayRecord('nyc-1', 2), relayRecord('sin-1', 3)];
  await h.addRelays(...records);
  const { registryVersion } = (await h.beat('fra-1', null)).body;
  for (const id of ['fra-1', 'nyc-1']) await h.beat(id, registryVersion, { load: TURN });
  return h;
}

t.test('the answer is an RTCConfiguration of the nearest relays with TURN', async (t) => {
  const h = await fleet(t);
  const latencies = { sin: 1, nyc: 10, fra: 90 };
  const { status, headers, body } = await ask(h, { user: 'alice', client: { latencies } });
  t.equal(status, 200);
  t.equal(headers.get('cache-control'), 'no-store');
  const secret = tenantSecret(tenantRoot(CLUSTER_SECRET), 'default');
  const expiresAtSeconds = Math.floor(h.clock.now() / 1_000) + 3_600;
  const input = { tenantSecret: secret, tenant: 'default', user: 'alice', expiresAtSeconds };
  const { username, password: credential } = mintTurnCredential(input);
  t.equal(username, `${expiresAtSeconds}:default/turn/alice`);
  t.same(body, {
    iceServers: [
      { urls: ['turn:10.0.0.2:3478?transport=udp'], username, credential },
      { urls: ['turn:10.0.0.1:3478?transport=udp'], username, credential },
    ],
    ttlSeconds: 3_600,
    expiresAt: '2026-11-22T15:50:00Z',
  });
});

t.test('the tenant is that of the API key, and the members have defaults and bounds', async (t) => {
  const h = await fleet(t);
  const acme = await ask(h, {}, OTHER_API_KEY);
  t.match(acme.body.iceServers[0].username, /^\d+:acme\/turn$/, 'the tenant as a whole');
  t.equal(acme.body.iceServers.length, 2);
  t.equal((await ask(h, { relays: 1 })).body.iceServers.length, 1);
  t.equal((await ask(h, { ttlSeconds: 60 })).body.ttlSeconds, 60);
  const wrong = [
    { relays: 0 },
    { relays: 9 },
    { ttlSeconds: 0 },
    { ttlSeconds: 86_401 },
    { user: '' },
    { user: 'line\nbreak' },
    { user: 'x'.repeat(256) },
    { user: '😀'.repeat(127) },
    { client: { address: 'nowhere' } },
    { client: { family: 6, families: [4] } },
    { more: 1 },
    [],
  ];
  for (const body of wrong) {
    const answer = await ask(h, body);
    t.match(answer, { status: 400, body: { code: 'invalid-request' } }, JSON.stringify(body));
  }
  t.match((await ask(h, { user: '😀'.repeat(127) })).body.errors, [{ pointer: '/user' }]);
  t.match((await ask(h, { client: { address: 'nowhere' } })).body.errors, [
    { pointer: '/client/address' },
  ]);
  t.equal((await ask(h, {}, 'an-unknown-api-key')).status, 401);
  t.equal((await ask(h, {}, '')).status, 401);
});

t.test('without a relay that serves TURN the answer is 503 with a reason', async (t) => {
  const h = await DirectoryHarness.open(t);
  t.match(await ask(h, {}), { status: 503, body: { code: 'no-relay', reason: 'no-relays' } });
  await h.addRelays(relayRecord('fra-1', 1));
  const none = await ask(h, {});
  t.match(none, { status: 503, body: { reason: 'no-turn', retryAfterSeconds: 2 } });
  t.equal(none.headers.get('retry-after'), '2');
  await h.beat('fra-1', null, { load: TURN });
  t.equal((await ask(h, {})).status, 200);
  await h.beat('fra-1', null, {
    load: { ...TURN, turn: { allocations: 100, allocationsMax: 100 } },
  });
  t.match(await ask(h, {}), { status: 503, body: { reason: 'none-ready' } });
  await h.beat('fra-1', null, { load: TURN });
  t.match(await ask(h, { client: { families: [6] } }), {
    status: 503,
    body: { reason: 'no-family' },
  });
  t.match(
    await h.directory.metrics(),
    /turnpike_directory_ice_servers_total\{tenant="default",result="no-relay"\} 4/,
  );
});

t.test('what a relay says of its TURN is bounded', async (t) => {
  const h = await DirectoryHarness.open(t);
  await h.addRelays(relayRecord('fra-1', 1));
  for (const turn of [{}, { allocations: -1, allocationsMax: 1 }, { allocations: 0 }, 1, null]) {
    const { status } = await h.beat('fra-1', null, { load: { ...IDLE, turn } });
    t.equal(status, 400, JSON.stringify(turn));
  }
});
