import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { healthOf } from '../../src/http/health.js';
import { openOperatorHttp } from '../../src/http/operator-http.js';
import { REQUEST_LIMITS } from '../../src/http/request-limiter.js';
import { DirectoryHarness } from '../directory/http/harness.js';
import { until } from '../until.js';

const CONNECTIONS = 100;
const REQUESTS = 3_000;
const UNREAD_MS = 500;

/**
 * Opens connections that send many requests and read nothing.
 * @param header - a line of each request
 * @param met - what they are kept open for, beside a time
 */
async function greedy(
  url: string,
  path: string,
  header = '',
  met = async () => true,
): Promise<void> {
  const { hostname, port } = new URL(url);
  const request = `GET ${path} HTTP/1.1\r\nhost: x\r\n${header}\r\n`;
  const sockets = Array.from({ length: CONNECTIONS }, () => {
    const socket = connect(Number(port), hostname);
    // A reset is expected.
    socket.on('error', () => {});
    socket.pause();
    socket.write(request.repeat(REQUESTS));
    return socket;
  });
  await sleep(UNREAD_MS);
  await until(met);
  for (const socket of sockets) socket.destroy();
}

async function survives(test: Test, url: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const before = process.memoryUsage.rss();
    await greedy(url, path);
    const grown = ((process.memoryUsage.rss() - before) / 1e6).toFixed(0);
    test.comment(`${CONNECTIONS} connections, ${REQUESTS} times ${path} each: ${grown} MB more`);
    const answer = await fetch(`${url}/healthz`);
    test.equal(answer.status, 200, path);
  }
}

t.test('a directory closes connections that send requests without reading', async (t) => {
  const h = await DirectoryHarness.open(t);
  const paths = ['/docs/json', '/readyz', '/nothing', '/healthz', '/v1/relays'];
  await survives(t, h.directory.url, paths);
  const cut = async () => {
    const text = await h.directory.metrics();
    return Number(/bounds_met_total\{bound="http-pipelined"\} (\d+)/.exec(text)?.[1]);
  };
  const before = await cut();
  t.ok(before > 0);
  const isMore = async () => (await cut()) > before;
  await greedy(h.directory.url, '/docs/json', 'upgrade: x\r\n', isMore);
  t.ok(await isMore(), 'also with an Upgrade header');
});

t.test(
  'a relay’s HTTP endpoint survives connections that send requests without reading',
  async (t) => {
    const health = () => healthOf([]);
    const metrics = () => 'a 1\n'.repeat(5_000);
    const http = await openOperatorHttp({ address: '127.0.0.1', port: 0 }, { health, metrics });
    t.teardown(() => http.close());
    await survives(t, http.url, ['/metrics', '/nothing', '/readyz']);
  },
);

t.test('unread responses are kept up to a bound', async (t) => {
  const bytes = 8 << 20;
  const metrics = () => 'x'.repeat(bytes);
  const health = () => healthOf([]);
  const http = await openOperatorHttp({ address: '127.0.0.1', port: 0 }, { health, metrics });
  t.teardown(() => http.close());
  const { port } = new URL(http.url);
  const requests = REQUEST_LIMITS.perConnectionMax;
  const sockets = Array.from({ length: 3 }, () => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => {});
    socket.pause();
    socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(requests));
    return socket;
  });
  await sleep(2 * UNREAD_MS);
  for (const socket of sockets) {
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.resume();
    await closed;
    t.ok(socket.bytesRead < requests * bytes, `${socket.bytesRead} bytes arrive`);
  }
});
