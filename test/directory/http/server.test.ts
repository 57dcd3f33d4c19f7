import { once } from 'node:events';
import { createServer } from 'node:net';
import { Writable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { pino } from 'pino';
import t from 'tap';
import { CREDENTIAL_TTL_SECONDS_MAX } from '../../../src/auth/tenant-credentials.js';
import { systemClock } from '../../../src/clock.js';
import { createHttpServer } from '../../../src/directory/http/server.js';
import { Directory } from '../../../src/directory/index.js';
import { DirectoryMetrics } from '../../../src/directory/metrics.js';
import { ClientSources } from '../../../src/http/client-sources.js';
import { ConnectionLimiter } from '../../../src/http/connection-limiter.js';
import { connectionBounds } from '../../../src/http/file-descriptors.js';
import { HTTP_LIMITS } from '../../../src/http/http-limits.js';
import { REQUEST_LIMITS, RequestLimiter } from '../../../src/http/request-limiter.js';
import { API_KEY, API_KEYS, CLUSTER_SECRET } from '../fixtures.js';
import { OTHER_CERT, OTHER_KEY, TEST_CERT, TEST_KEY } from '../tls-fixture.js';
import { DirectoryHarness } from './harness.js';

const OPTIONS = {
  listen: { address: '127.0.0.1', port: 0 },
  clusterSecret: CLUSTER_SECRET,
  apiKeys: API_KEYS,
};

t.test(
  'an unknown path gets 404 and an unknown method 405, both as problem documents',
  async (t) => {
    const h = await DirectoryHarness.open(t);
    const missing = await h.request(`/v2/relays?key=${'x'.repeat(100)}`);
    t.match(missing, { status: 404, body: { code: 'not-found', title: 'Not Found' } });
    const method = await h.request('/v1/connections');
    t.match(method, { status: 405, body: { code: 'method-not-allowed' } });
    t.equal(method.headers.get('allow'), 'POST');
    const relay = await h.request('/v1/relays/fra-1/registration', { method: 'POST' });
    t.equal(relay.headers.get('allow'), 'DELETE, PUT');
    t.equal((await h.request('/healthz', { method: 'PROPFIND' })).status, 405);
    t.match(await h.request('/v1/%zz'), { status: 400, body: { code: 'invalid-url' } });
    const long = await h.request(`/v1/relays/${'x'.repeat(300)}/beat`, { method: 'POST' });
    t.match(long, { status: 414, body: { code: 'invalid-url' } });
  },
);

t.test(
  'metrics are not served on the public listener, and unknown paths have one label',
  async (t) => {
    const h = await DirectoryHarness.open(t);
    t.match(await h.request('/healthz'), { status: 200, body: { status: 'ok', relays: 0 } });
    for (let count = 0; count < 50; count += 1) await h.request(`/no/${count}`);
    await h.connect({ peers: [{}, {}] });
    t.equal((await h.request('/metrics')).status, 404);
    const body = await h.directory.metrics();
    t.match(body, 'turnpike_directory_requests_total{route="none",status="404"} 51');
    t.match(body, 'turnpike_directory_connections_total{tenant="default",result="no-relay"} 1');
    t.notMatch(body, '/no/', 'a request’s path is not a label');
  },
);

t.test('a directory without relays is ready, with the reason no-relays', async (t) => {
  const h = await DirectoryHarness.open(t);
  for (const path of ['/healthz', '/readyz']) {
    const reasons = [{ code: 'no-relays', stops: 'nothing' }];
    t.match(await h.request(path), { status: 200, body: { status: 'ok', relays: 0, reasons } });
  }
  t.match(h.directory.health(), { live: true, ready: true });
  await h.directory.close();
  t.match(h.directory.health(), { live: true, ready: false, reasons: [{ code: 'closing' }] });
});

t.test(
  'API keys can be replaced while the directory runs, and invalid ones are refused',
  async (t) => {
    const h = await DirectoryHarness.open(t);
    const ask = async (key: string) =>
      (await h.request('/v1/relays', { headers: { authorization: `Bearer ${key}` } })).status;
    const other = 'another-key-0123456789';
    t.strictSame([await ask(API_KEY), await ask(other)], [200, 401]);
    h.directory.update({ apiKeys: [{ key: other, tenant: 'default' }] });
    t.strictSame([await ask(API_KEY), await ask(other)], [401, 200]);
    t.throws(() => h.directory.update({ apiKeys: [] }), { code: 'ERR_TURNPIKE_CONFIG' });
    t.equal(await ask(other), 200, 'the last valid keys stay');
  },
);

t.test(
  'a renewed certificate applies to new connections, and open connections continue',
  async (t) => {
    const directory = await Directory.open({ ...OPTIONS, tls: { cert: TEST_CERT, key: TEST_KEY } });
    t.teardown(() => directory.close());
    const { port } = directory.address;
    const dial = async () => {
      const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      t.teardown(() => socket.destroy());
      return socket;
    };
    const first = await dial();
    const name = first.getPeerCertificate().fingerprint256;
    for (const broken of [
      { cert: OTHER_CERT, key: TEST_KEY },
      { cert: OTHER_CERT, key: '' },
      { cert: OTHER_CERT.slice(0, 200), key: OTHER_KEY },
    ]) {
      t.throws(() => directory.update({ tls: broken }), { code: 'ERR_TURNPIKE_CONFIG' });
    }
    t.equal(
      (await dial()).getPeerCertificate().fingerprint256,
      name,
      'an invalid certificate changes nothing',
    );
    directory.update({ tls: { cert: OTHER_CERT, key: OTHER_KEY } });
    t.not((await dial()).getPeerCertificate().fingerprint256, name);
    first.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
    const [answer] = await once(first, 'data');
    t.match(String(answer), /^HTTP\/1\.1 200 /);
    const plain = await Directory.open(OPTIONS);
    t.teardown(() => plain.close());
    t.throws(() => plain.update({ tls: { cert: OTHER_CERT, key: OTHER_KEY } }), {
      code: 'ERR_TURNPIKE_CONFIG',
    });
  },
);

t.test('an update with one invalid setting changes none', async (t) => {
  const h = await DirectoryHarness.open(t);
  const ask = async (key: string) =>
    (await h.request('/v1/relays', { headers: { authorization: `Bearer ${key}` } })).status;
  const apiKeys = [{ key: 'another-key-0123456789', tenant: 'default' }];
  for (const [wrong, message] of [
    [{ trustedProxies: ['10.0.0.0/99'] }, /10\.0\.0\.0\/99/],
    [{ listen: '127.0.0.1:0' }, /`listen` changes only at a start: restart to apply/],
    [{ trustedProxy: [] }, /did you mean `trustedProxies`/],
    [{ tls: { cert: OTHER_CERT, key: OTHER_KEY } }, /opened without TLS/],
  ] as const) {
    const settings = { apiKeys, ...wrong } as never;
    t.throws(() => h.directory.update(settings), { code: 'ERR_TURNPIKE_CONFIG', message });
  }
  t.equal(await ask(API_KEY), 200, 'the former keys stay');
  h.directory.update({ apiKeys, trustedProxies: ['10.0.0.0/8'] });
  t.equal(await ask(API_KEY), 401);
});

t.test('the OpenAPI document has the routes and the validated bounds', async (t) => {
  const h = await DirectoryHarness.open(t);
  const { body } = await h.request('/docs/json');
  t.match(body, { openapi: '3.1.0', info: { title: 'Turnpike directory' } });
  t.match(Object.keys(body.paths).sort(), [
    '/healthz',
    '/readyz',
    '/v1/connections',
    '/v1/explanations',
    '/v1/ice-servers',
    '/v1/relays',
    '/v1/relays/candidates',
    '/v1/relays/{id}/beat',
    '/v1/relays/{id}/registration',
    '/v1/relays/{id}/registry/{digest}',
  ]);
  const { post } = body.paths['/v1/connections'];
  const { properties } = post.requestBody.content['application/json'].schema;
  t.equal(properties.ttlSeconds.maximum, CREDENTIAL_TTL_SECONDS_MAX);
  t.ok(post.responses['4XX'].content['application/problem+json'].schema.properties.code);
  t.same(post.security, [{ apiKey: [] }]);
});

t.test('invalid HTTP gets a problem document, and the connection ends', async (t) => {
  const h = await DirectoryHarness.open(t);
  const noise = await h.raw('\x16\x03\x01\x00\xa5\r\n\r\n');
  t.match(noise, /^HTTP\/1\.1 400 .*"code":"invalid-http"/s);
  const flood = Array.from({ length: 2_000 }, (_, index) => `x-${index}: y\r\n`).join('');
  const headers = await h.raw(`GET /healthz HTTP/1.1\r\nhost: x\r\n${flood}\r\n`);
  t.match(headers, /^HTTP\/1\.1 431 .*"code":"headers-too-large"/s);
  const smuggled = await h.raw(
    'POST /v1/connections HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n' +
      'transfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  );
  t.match(smuggled, /^HTTP\/1\.1 400 /);
  t.equal((await h.request('/healthz')).status, 200);
});

t.test('the server has the timeouts of HTTP_LIMITS and checks them every second', async (t) => {
  const metrics = new DirectoryMetrics();
  const sources = new ClientSources();
  const connections = new ConnectionLimiter(connectionBounds(undefined), sources, systemClock);
  const guard = new RequestLimiter(REQUEST_LIMITS, sources, systemClock);
  const tls = { cert: TEST_CERT, key: TEST_KEY };
  for (const each of [undefined, tls]) {
    const app = await createHttpServer({
      tls: each,
      logger: pino({ enabled: false }),
      metrics,
      connections,
      requestLimiter: guard,
    });
    t.match(app.server, {
      headersTimeout: HTTP_LIMITS.headersMs,
      requestTimeout: HTTP_LIMITS.requestMs,
      keepAliveTimeout: HTTP_LIMITS.keepAliveMs,
      connectionsCheckingInterval: 1_000,
    });
    await app.close();
  }
});

t.test('with a certificate only TLS is served', async (t) => {
  const tls = { cert: TEST_CERT, key: TEST_KEY };
  const h = await DirectoryHarness.open(t, { tls });
  t.match(h.directory.url, /^https:\/\/127\.0\.0\.1:\d+$/);
  const { port } = h.directory.address;
  const socket = connectTls({ host: '127.0.0.1', port, ca: TEST_CERT });
  await once(socket, 'secureConnect');
  socket.end('GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  let received = '';
  for await (const chunk of socket) received += chunk;
  t.match(received, /^HTTP\/1\.1 200 /);
  t.equal(await h.raw('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n'), '');
});

t.test('an invalid certificate is refused', async (t) => {
  const tls = { cert: 'no certificate', key: TEST_KEY };
  await t.rejects(Directory.open({ ...OPTIONS, tls }), { code: 'ERR_TURNPIKE_CONFIG' });
});

t.test('an address in use is refused with its errno and address', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  const { port } = other.address() as { port: number };
  await t.rejects(Directory.open({ ...OPTIONS, listen: { address: '127.0.0.1', port } }), {
    code: 'ERR_TURNPIKE_BIND',
    errno: 'EADDRINUSE',
    address: `127.0.0.1:${port}`,
  });
});

t.test('invalid options are refused', async (t) => {
  const cases = [
    { apiKeys: [] },
    { apiKeys: [{ key: '', tenant: 'default' }] },
    { apiKeys: [{ key: 'white space', tenant: 'default' }] },
    { apiKeys: [{ key: 'k', tenant: 'No Name' }] },
    { apiKeys: ['a', 'b'].map((tenant) => ({ key: 'same', tenant })) },
  ];
  for (const options of cases) {
    await t.rejects(Directory.open({ ...OPTIONS, ...options }), { code: 'ERR_TURNPIKE_CONFIG' });
  }
  const short = { ...OPTIONS, clusterSecret: new Uint8Array(16) };
  await t.rejects(Directory.open(short), { code: 'ERR_TURNPIKE_SECRET' });
});

t.test(
  'a listener beyond loopback without TLS is logged as a warning, and no log line has an API key',
  async (t) => {
    let log = '';
    const stream = new Writable({
      write(chunk, _encoding, done) {
        log += chunk;
        done();
      },
    });
    const logger = pino({ level: 'trace' }, stream);
    const listen = { address: '0.0.0.0', port: 0 };
    const h = await DirectoryHarness.open(t, { listen, logger });
    t.match(log, /"level":40.*without TLS/);
    t.match(
      h.directory.url,
      /^http:\/\/127\.0\.0\.1:/,
      'the URL of a wildcard listener is on loopback',
    );
    await h.connect({ peers: [{}, {}] });
    await h.connect({ peers: [{}, {}] }, 'wrong-key');
    t.notMatch(log, API_KEY);
    const quiet = log.length;
    await DirectoryHarness.open(t, { logger });
    t.notMatch(log.slice(quiet), 'without TLS');
  },
);

t.test('close ends open connections and may be called twice', async (t) => {
  const h = await DirectoryHarness.open(t);
  const idle = h.raw('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
  const half = h.raw('POST /v1/connections HTTP/1.1\r\nhost: x\r\ncontent-');
  await h.request('/healthz');
  await h.directory.close();
  t.match(await idle, /200 OK/);
  t.equal(await half, '');
  await h.directory.close();
  await t.rejects(h.request('/healthz'));
});
