import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import t from 'tap';
import { ClientSources } from '../../src/http/client-sources.js';
import {
  REQUEST_LIMITS,
  RequestLimiter,
  type RequestLimits,
  requestLimiterBounds,
} from '../../src/http/request-limiter.js';

class FakeSocket extends EventEmitter {
  destroyed = false;
  bytesWritten = 0;
  writableLength = 0;
  constructor(readonly remoteAddress: string) {
    super();
  }
  destroy() {
    this.destroyed = true;
    this.emit('close');
  }
}

function scene(limits: Partial<RequestLimits> = {}) {
  const clock = { ms: 0, now: () => 0, monotonic: () => clock.ms };
  const sources = new ClientSources(['192.0.2.9']);
  const guard = new RequestLimiter({ ...REQUEST_LIMITS, ...limits }, sources, clock);
  const open = (ip = 'a') => new FakeSocket(ip) as FakeSocket & Socket;
  /** Opens a connection with one pending request. */
  const asking = (ip?: string, bodyBytes = 0) => {
    const socket = open(ip);
    guard.begin(socket, bodyBytes);
    return socket;
  };
  return { clock, guard, open, asking };
}

t.test('a connection with more than four pending requests is closed', async (t) => {
  const { guard, open } = scene();
  const socket = open();
  for (let n = 0; n < 4; n += 1) t.equal(guard.begin(socket, 0), 'taken');
  guard.end(socket, 0);
  t.equal(guard.begin(socket, 0), 'taken', 'one was answered');
  t.equal(guard.begin(socket, 0), 'cut');
  t.ok(socket.destroyed);
  t.equal(guard.begin(socket, 0), 'cut', 'further requests on it');
  t.match(guard.counts, { pipelined: 1 });
});

t.test('pending requests are limited per source, and not behind a trusted proxy', async (t) => {
  const { guard, open, asking } = scene({ perSourceMax: 10 });
  const busy = Array.from({ length: 10 }, () => asking());
  const late = open();
  t.equal(guard.begin(late, 0), 'crowded');
  t.notOk(late.destroyed);
  t.equal(guard.begin(open('b'), 0), 'taken');
  for (let n = 0; n < 20; n += 1) t.equal(guard.begin(open('192.0.2.9'), 0), 'taken');
  guard.end(busy[0] as Socket, 0);
  busy[1]?.destroy();
  t.equal(guard.begin(late, 0), 'taken');
  t.equal(guard.begin(open(), 0), 'taken');
  t.equal(guard.begin(open(), 0), 'crowded');
  t.match(guard.counts, { crowded: 2 });
});

t.test(
  'beyond the bound of body bytes, connections of the largest source are closed',
  async (t) => {
    const { guard, asking } = scene({ bodyBytesMax: 8_000 });
    const slow = Array.from({ length: 7 }, () => asking('a', 1_000));
    const honest = asking('b', 900);
    t.notOk(honest.destroyed);
    const quick = asking('c', 600);
    t.notOk(quick.destroyed);
    t.notOk(honest.destroyed);
    t.equal(slow.filter(({ destroyed }) => destroyed).length, 2);
    t.match(guard.counts, { bodies: 2 });
    guard.end(quick, 600);
    t.notOk(asking('d', 600).destroyed);
    t.match(guard.counts, { bodies: 2 }, 'ended requests do not count');
  },
);

t.test('the /64s of an IPv6 /48 hold body bytes together', async (t) => {
  const { asking } = scene({ bodyBytesMax: 8_000 });
  const site = Array.from({ length: 7 }, (_, subnet) => asking(`2001:db8:1:${subnet}::1`, 1_000));
  const honest = asking('b', 1_200);
  t.notOk(honest.destroyed);
  t.equal(site.filter(({ destroyed }) => destroyed).length, 2);
});

t.test('a connection that reads nothing for `unreadMs` is closed', async (t) => {
  const { clock, guard, asking } = scene({ unreadMs: 5_000 });
  const [stuck, slow, waiting] = [asking(), asking(), asking()];
  Object.assign(stuck, { bytesWritten: 100_000, writableLength: 50_000 });
  Object.assign(slow, { bytesWritten: 100_000, writableLength: 50_000 });
  for (let ms = 0; ms <= 6_000; ms += 250) {
    clock.ms = ms;
    slow.writableLength -= 100;
    guard.sweep();
  }
  t.ok(stuck.destroyed);
  t.notOk(slow.destroyed, 'not a slow reader');
  t.notOk(waiting.destroyed, 'not one without a response to read');
  t.match(guard.counts, { unread: 1 });
});

t.test(
  'unread bytes of all connections are bounded, and the largest source loses connections',
  async (t) => {
    const { guard, asking } = scene({ unreadBytesMax: 800_000 });
    const crowd = Array.from({ length: 9 }, () => asking('a'));
    for (const socket of crowd) socket.writableLength = 100_000;
    const other = asking('b');
    other.writableLength = 100_000;
    guard.sweep();
    t.notOk(other.destroyed);
    t.equal(crowd.filter(({ destroyed }) => destroyed).length, 3, 'until an eighth is free');
  },
);

t.test('requests after the one too many are not parsed', async (t) => {
  const { guard } = scene();
  let requests = 0;
  const server = createServer(({ socket }) => {
    requests += 1;
    guard.begin(socket, 0);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  for (let n = 1; n <= 3; n += 1) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.end('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(3_000));
    await new Promise((resolve) => socket.resume().on('close', resolve));
    t.equal(requests, n * 5);
  }
});

t.test('a connection with many requests has one close listener and leaves no count', async (t) => {
  const { guard, open } = scene();
  const socket = open();
  for (let n = 0; n < 100; n += 1) {
    guard.begin(socket, 10);
    guard.end(socket, 10);
  }
  t.equal(socket.listenerCount('close'), 1);
  socket.destroy();
  guard.end(socket, 10);
  t.equal(guard.begin(open(), REQUEST_LIMITS.bodyBytesMax), 'taken');
  t.same(
    requestLimiterBounds(guard).map(({ met }) => met()),
    [0, 0, 0, 0],
  );
});
