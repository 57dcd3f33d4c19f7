import t from 'tap';
import { openRelayHttp } from '../../src/cli/relay-http.js';

const ANY = { address: '127.0.0.1', port: 0 } as const;

t.test('health and metrics, and nothing else', async (t) => {
  const metrics = async () => 'turnpike_legs 3\n';
  const http = await openRelayHttp(ANY, { metrics });
  t.teardown(() => http.close());
  const ask = (path: string, method = 'GET') => fetch(`${http.url}${path}`, { method });
  t.match(await (await ask('/healthz')).json(), { status: 'ok' });
  const answer = await ask('/metrics?x=1');
  t.equal(await answer.text(), 'turnpike_legs 3\n');
  t.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  t.equal(await (await ask('/metrics', 'HEAD')).text(), '');
  t.equal((await ask('/')).status, 404);
  const post = await ask('/metrics', 'POST');
  t.equal(post.status, 405);
  t.equal(post.headers.get('allow'), 'GET, HEAD');
});

t.test('metrics that fail are a 500, and the server lives', async (t) => {
  const metrics = () => Promise.reject(new Error('no counters'));
  const http = await openRelayHttp(ANY, { metrics });
  t.teardown(() => http.close());
  t.equal((await fetch(`${http.url}/metrics`)).status, 500);
  t.equal((await fetch(`${http.url}/healthz`)).status, 200);
});

t.test('an address that is taken', async (t) => {
  const relay = { metrics: () => '' };
  const http = await openRelayHttp({ address: '::1', port: 0 }, relay);
  t.teardown(() => http.close());
  t.match(http.url, /^http:\/\/\[::1\]:\d+$/);
  const port = Number(new URL(http.url).port);
  await t.rejects(openRelayHttp({ address: '::1', port }, relay), {
    code: 'ERR_TURNPIKE_BIND',
    errno: 'EADDRINUSE',
    address: `[::1]:${port}`,
  });
});
