import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { FIRST_REQUEST_MS } from '../../src/http/connection-limiter.js';
import { type Health, healthOf } from '../../src/http/health.js';
import { openOperatorHttp } from '../../src/http/operator-http.js';

const FINE = healthOf([]);
const ANY = { address: '127.0.0.1', port: 0 } as const;

t.test('the server answers health and metrics, and otherwise 404 or 405', async (t) => {
  const metrics = async () => 'turnpike_legs 3\n';
  const http = await openOperatorHttp(ANY, { metrics, health: () => FINE });
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

t.test('/healthz and /readyz answer with status and reasons', async (t) => {
  let health: Health = FINE;
  const http = await openOperatorHttp(ANY, { metrics: () => '', health: () => health });
  t.teardown(() => http.close());
  const ask = async (path: string) => {
    const answer = await fetch(`${http.url}${path}`);
    return [answer.status, await answer.json()];
  };
  t.strictSame(await ask('/readyz'), [200, { status: 'ok', reasons: [] }]);
  const draining = { code: 'draining', detail: 'no new peers', stops: 'readiness' } as const;
  health = healthOf([draining]);
  t.strictSame(await ask('/healthz'), [200, { status: 'ok', reasons: [draining] }]);
  t.strictSame(await ask('/readyz'), [503, { status: 'failed', reasons: [draining] }]);
  const stuck = { code: 'worker-stuck', detail: 'thread 0', stops: 'liveness' } as const;
  health = healthOf([stuck]);
  t.strictSame(await ask('/healthz'), [503, { status: 'failed', reasons: [stuck] }]);
  t.equal((await fetch(`${http.url}/readyz`, { method: 'POST' })).status, 405);
});

t.test('a failure of metrics is answered 500, and the server continues', async (t) => {
  const metrics = () => Promise.reject(new Error('no counters'));
  const http = await openOperatorHttp(ANY, { metrics, health: () => FINE });
  t.teardown(() => http.close());
  t.equal((await fetch(`${http.url}/metrics`)).status, 500);
  t.equal((await fetch(`${http.url}/healthz`)).status, 200);
});

t.test('idle connections do not keep a probe out', async (t) => {
  const http = await openOperatorHttp(ANY, { metrics: () => '', health: () => FINE });
  t.teardown(() => http.close());
  const { hostname, port } = new URL(http.url);
  const open = async (n: number) => {
    const socket = connect(Number(port), hostname)
      .on('error', () => {})
      .resume();
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    socket.write(n % 2 === 0 ? 'GET /metr' : '');
    return socket;
  };
  const idle = await Promise.all(Array.from({ length: 80 }, (_, n) => open(n)));
  await new Promise((resolve) => setTimeout(resolve, FIRST_REQUEST_MS + 200));
  t.equal((await fetch(`${http.url}/readyz`)).status, 200, 'the oldest is closed');
  const ended = idle.filter((socket) => !socket.destroyed).map((socket) => once(socket, 'close'));
  await Promise.all(ended);
  t.pass('the server closes each');
});

t.test('an address in use rejects with ERR_TURNPIKE_BIND', async (t) => {
  const relay = { metrics: () => '', health: () => FINE };
  const http = await openOperatorHttp({ address: '::1', port: 0 }, relay);
  t.teardown(() => http.close());
  t.match(http.url, /^http:\/\/\[::1\]:\d+$/);
  const port = Number(new URL(http.url).port);
  await t.rejects(openOperatorHttp({ address: '::1', port }, relay), {
    code: 'ERR_TURNPIKE_BIND',
    errno: 'EADDRINUSE',
    address: `[::1]:${port}`,
  });
});
