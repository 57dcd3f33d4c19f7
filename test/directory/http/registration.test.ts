import { createHash } from 'node:crypto';
import t from 'tap';
import { CLOCK_SKEW_MS_MAX } from '../../../src/clock.js';
import { RECORD_CHANGES_BURST } from '../../../src/directory/record-change-limiter.js';
import { NONCES_PER_RELAY_MAX } from '../../../src/directory/replay-filter.js';
import { HTTP_LIMITS } from '../../../src/http/http-limits.js';
import { FakeClock, IDLE, keyOf, publicKeyOf, relayRecord } from '../fixtures.js';
import { DirectoryHarness } from './harness.js';

const fra = relayRecord('fra-1', 1);
const nyc = relayRecord('nyc-1', 2);

t.test('registration, beats and deregistration get signed answers', async (t) => {
  const h = await DirectoryHarness.open(t);
  const registered = await h.register(fra);
  t.match(registered, { status: 200, genuine: true });
  t.same(registered.body.registry.relays, [fra]);
  const { version } = registered.body.registry;
  const same = await h.beat('fra-1', version);
  t.match(same, { status: 200, genuine: true });
  t.same(
    same.body,
    { registryVersion: version, check: [], sequence: 2 },
    'no registry if the version is current',
  );
  await h.register(nyc);
  const changed = await h.beat('fra-1', version);
  t.same(changed.body.registry.relays, [fra, nyc]);
  t.not(changed.body.registryVersion, version);
  const goodbye = await h.signed('fra-1', 'DELETE', `registration?start=${fra.start}`, undefined);
  t.match(goodbye, { status: 204, genuine: true, body: undefined });
  const unknown = await h.beat('fra-1', version);
  t.match(unknown, { status: 404, genuine: true, body: { code: 'unknown-relay' } });
  const again = await h.signed('fra-1', 'DELETE', `registration?start=${fra.start}`, undefined);
  t.equal(again.status, 204);
});

t.test(
  'a relay with fetchesRegistry gets the version only, and fetches the registry by it',
  async (t) => {
    const h = await DirectoryHarness.open(t);
    const asks = { load: IDLE, draining: false, fetchesRegistry: true };
    const registered = await h.signed('fra-1', 'PUT', 'registration', { record: fra, ...asks });
    t.match(registered, { status: 200, genuine: true });
    const { registryVersion: version } = registered.body;
    t.same(registered.body, { registryVersion: version, check: [], sequence: 1 });
    const fetched = await h.signed('fra-1', 'GET', `registry/${version}`, undefined);
    t.match(fetched, { status: 200, body: { relays: [fra] } });
    t.equal(createHash('sha256').update(JSON.stringify(fetched.body)).digest('hex'), version);

    await t.test('compressed with gzip if the request accepts it', async (t) => {
      const headers = { 'accept-encoding': 'identity' };
      const plain = await h.signed('fra-1', 'GET', `registry/${version}`, undefined, { headers });
      t.equal(plain.headers.get('content-encoding'), null);
      t.equal(fetched.headers.get('content-encoding'), 'gzip');
      t.same(plain.body, fetched.body);
    });

    await t.test(
      'a relay without fetchesRegistry gets the same registry in its answers',
      async (t) => {
        const other = await h.register(nyc);
        t.same(Object.keys(other.body), ['registry', 'check', 'sequence']);
        const beat = await h.beat('nyc-1', null);
        t.same(beat.body.registry.relays, [fra, nyc]);
        t.equal(beat.body.registry.version, beat.body.registryVersion);
        const fetching = await h.beat('fra-1', version, { fetchesRegistry: true });
        t.same(fetching.body, {
          registryVersion: beat.body.registryVersion,
          check: [],
          sequence: 2,
        });
      },
    );

    await t.test('an unknown version gets 404, and an unauthenticated request 401', async (t) => {
      const unknown = await h.signed('fra-1', 'GET', 'registry/made-up', undefined);
      t.match(unknown, { status: 404, genuine: true, body: { code: 'unknown-version' } });
      const forgery = { key: keyOf('nyc-1') };
      const forged = await h.signed('fra-1', 'GET', `registry/${version}`, undefined, forgery);
      t.match(forged, { status: 401, body: { code: 'wrong-signature' } });
      t.equal((await h.request(`/v1/relays/fra-1/registry/${version}`)).status, 401);
    });
  },
);

t.test('fetches of the registry do not count against the nonces of a relay', async (t) => {
  const h = await DirectoryHarness.open(t);
  const asks = { load: IDLE, draining: false, fetchesRegistry: true };
  const { body } = await h.signed('fra-1', 'PUT', 'registration', { record: fra, ...asks });
  for (let n = 0; n < NONCES_PER_RELAY_MAX; n += 1) {
    await h.signed('fra-1', 'GET', `registry/${body.registryVersion}`, undefined);
  }
  t.equal((await h.beat('fra-1', null)).status, 200);
  for (let n = 2; n < NONCES_PER_RELAY_MAX; n += 1) await h.beat('fra-1', null);
  const full = await h.beat('fra-1', null);
  t.match(full, { status: 429, genuine: true, body: { code: 'too-many-requests' } });
});

t.test('a relay whose record changes too often gets 429 with Retry-After', async (t) => {
  const h = await DirectoryHarness.open(t);
  for (let n = 1; n <= RECORD_CHANGES_BURST; n += 1) {
    t.equal((await h.register({ ...fra, start: n })).status, 200);
  }
  const refused = await h.register({ ...fra, start: 100 });
  t.match(refused, { status: 429, genuine: true, body: { code: 'too-many-changes' } });
  t.equal(refused.headers.get('retry-after'), '5');
  const beat = await h.beat('fra-1', null, { start: RECORD_CHANGES_BURST });
  t.equal(beat.status, 200, 'it stays registered with the former record');
});

t.test('a silent relay expires by the monotonic clock', async (t) => {
  const h = await DirectoryHarness.open(t);
  await h.addRelays(fra);
  t.equal((await h.connect({ peers: [{}, {}] })).status, 201);
  h.clock.wallMs += 3_600_000;
  t.equal((await h.request('/healthz')).body.relays, 1, 'the wall clock has no effect');
  while ((await h.request('/healthz')).body.relays > 0) {
    h.clock.advance(1_400);
    await new Promise((resolve) => setTimeout(resolve, 260));
  }
  t.equal((await h.connect({ peers: [{}, {}] })).status, 503);
  t.match(await h.directory.metrics(), 'turnpike_directory_relays_expired_total 1');
});

t.test(
  'a later start supersedes a process, and an earlier start gets 409 with the last one',
  async (t) => {
    const h = await DirectoryHarness.open(t);
    await h.register({ ...fra, start: 1_000 });
    const low = await h.register({ ...fra, start: 999 });
    t.match(low, { status: 409, genuine: true, body: { code: 'start-too-low', lastStart: 1_000 } });
    await h.register({ ...fra, start: 1_001 });
    const beat = await h.beat('fra-1', null, { start: 1_000 });
    t.match(beat, { status: 409, genuine: true, body: { code: 'superseded', lastStart: 1_001 } });
    const goodbye = await h.signed('fra-1', 'DELETE', 'registration?start=1000', undefined);
    t.match(goodbye, { status: 409, body: { code: 'superseded' } });
    t.equal((await h.request('/healthz')).body.relays, 1);
  },
);

t.test('a request that does not prove the relay’s key gets an unsigned 401', async (t) => {
  const h = await DirectoryHarness.open(t);
  await h.register(fra);
  const body = { start: fra.start, registryVersion: null, load: IDLE, draining: true };
  const beat = (forgery: object) => h.signed('fra-1', 'POST', 'beat', body, forgery);
  const skew = CLOCK_SKEW_MS_MAX;
  const cases: [string, string, object][] = [
    ['another relay’s key', 'wrong-signature', { key: keyOf('nyc-1') }],
    ['a changed body', 'wrong-signature', { body: JSON.stringify({ ...body, start: 1 }) }],
    ['a changed query', 'wrong-signature', { path: '/v1/relays/fra-1/beat?x=1' }],
    ['another relay’s path', 'wrong-signature', { path: '/v1/relays/nyc-1/beat' }],
    ['another method', 'wrong-signature', { method: 'PUT', path: '/v1/relays/fra-1/registration' }],
    ['an old request', 'clock-skew', { timeMs: h.clock.now() - skew - 1 }],
    ['a request of the future', 'clock-skew', { timeMs: h.clock.now() + skew + 1 }],
    ['no time', 'unsigned', { headers: { 'turnpike-time': '' } }],
    ['a short nonce', 'unsigned', { nonce: 'abcd' }],
    ['no signature', 'wrong-signature', { headers: { 'turnpike-signature': '' } }],
    ['a long signature', 'wrong-signature', { headers: { 'turnpike-signature': 'A'.repeat(999) } }],
  ];
  for (const [what, code, forgery] of cases) {
    t.match(await beat(forgery), { status: 401, genuine: false, body: { code } }, what);
  }
  const nonce = 'ab'.repeat(16);
  t.match(await beat({ nonce }), { status: 200, genuine: true });
  t.match(await beat({ nonce }), { status: 401, genuine: false, body: { code: 'replayed' } });
  t.equal((await beat({ timeMs: h.clock.now() - skew })).status, 200, 'the edge of the window');
});

t.test('a request with an invalid relay id gets 401', async (t) => {
  const h = await DirectoryHarness.open(t);
  for (const id of ['UPPER', '%2e%2e%2f', '-fra', '%00', '__proto__', 'a'.repeat(64), 'é']) {
    const path = encodeURI(id).replaceAll('%25', '%');
    const answer = await h.signed(path, 'POST', 'beat', {}, { key: keyOf(id) });
    t.match(answer, { status: 401, genuine: false }, id);
  }
});

t.test('an invalid record is refused', async (t) => {
  const h = await DirectoryHarness.open(t);
  const address = (ip: string, port = 1) => [{ address: ip, port }];
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ address: '192.0.2.1', port: index + 1 }));
  const tomorrow = new FakeClock().now() + 86_400_001;
  const cases: [string, object][] = [
    ['invalid-record', { publicKey: publicKeyOf('nyc-1') }],
    ['invalid-record', { id: 'nyc-1' }],
    ['invalid-record', { start: tomorrow }],
    ['invalid-record', { serviceAddresses: address('0.0.0.0') }],
    ['invalid-record', { trunkAddresses: address('::') }],
    ['invalid-record', { trunkSources: address('224.0.0.1') }],
    ['invalid-record', { trunkSources: address('example.org') }],
    ['invalid-request', { serviceAddresses: [] }],
    ['invalid-request', { trunkAddresses: [] }],
    ['invalid-request', { trunkSources: many(65) }],
    ['invalid-request', { serviceAddresses: many(17) }],
    ['invalid-request', { serviceAddresses: address('192.0.2.1', 0) }],
    ['invalid-request', { serviceAddresses: address('192.0.2.1', 65_536) }],
    ['invalid-request', { region: 'Not A Name' }],
    ['invalid-request', { start: -1 }],
    ['invalid-request', { start: 1.5 }],
    ['invalid-request', { recordsMax: 0 }],
    ['invalid-request', { publicKey: '' }],
  ];
  for (const [code, change] of cases) {
    const body = { record: { ...fra, ...change }, load: IDLE, draining: false };
    const answer = await h.signed('fra-1', 'PUT', 'registration', body);
    t.match(answer, { status: 400, genuine: true, body: { code } }, JSON.stringify(change));
  }
  t.equal((await h.register({ ...fra, trunkSources: many(64) })).status, 200);
  const taken = await h.register({ ...nyc, serviceAddresses: fra.serviceAddresses });
  t.match(taken, { status: 409, body: { code: 'address-taken' } });
  t.match(taken.body.detail, 'fra-1');
});

t.test('a hostile body is refused', async (t) => {
  const h = await DirectoryHarness.open(t);
  const polluted = '{"record":{"__proto__":{"id":"x"}},"load":{},"draining":false}';
  t.match(await h.register(fra, { body: polluted }), { status: 400, genuine: false });
  const nested = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
  t.match(await h.register(fra, { body: nested }), { status: 401, genuine: false });
  const large = await h.register(fra, {
    body: ' '.repeat(HTTP_LIMITS.registrationBodyBytesMax + 1),
  });
  t.match(large, { status: 413, genuine: false });
  const headers = { 'content-type': 'application/octet-stream' };
  t.match(await h.register(fra, { headers }), { status: 415, genuine: false });
  t.match(await h.register(fra), { status: 200, genuine: true });
  t.match(
    await h.directory.metrics(),
    /turnpike_directory_relay_requests_refused_total\{code="wrong-signature"\} 1/,
  );
});
