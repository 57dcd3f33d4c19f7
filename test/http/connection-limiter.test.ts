import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import t from 'tap';
import { ClientSources } from '../../src/http/client-sources.js';
import {
  CONNECTIONS_PER_RELAY_MAX,
  ConnectionLimiter,
  FIRST_REQUEST_MS,
} from '../../src/http/connection-limiter.js';
import {
  CONNECTIONS_MAX,
  connectionBounds,
  readDescriptors,
} from '../../src/http/file-descriptors.js';
import { WEB_SOCKET_LIMITS } from '../../src/http/web-socket-limits.js';

class FakeSocket extends EventEmitter {
  destroyed = false;
  constructor(
    readonly remotePort: number,
    readonly remoteAddress: string,
  ) {
    super();
  }
  destroy() {
    this.destroyed = true;
    this.emit('close');
  }
}

function scene(
  connectionsMax: number,
  relaysReserve: number,
  perSourceMax = connectionsMax,
  perNetworkMax = connectionsMax,
) {
  const clock = { ms: 0, now: () => 0, monotonic: () => clock.ms };
  const rendezvousMax = connectionsMax;
  const bounds = { connectionsMax, relaysReserve, perSourceMax, perNetworkMax, rendezvousMax };
  const ledger = new ConnectionLimiter(bounds, new ClientSources(['10.0.0.0/8']), clock);
  let port = 0;
  const open = (ip = '192.0.2.1') => {
    port += 1;
    const socket = new FakeSocket(port, ip);
    ledger.accept(socket as unknown as Socket);
    return socket as FakeSocket & Socket;
  };
  const many = (count: number, use: (socket: FakeSocket & Socket) => void, ip?: string) =>
    Array.from({ length: count }, () => {
      clock.ms += 1;
      const socket = open(ip);
      use(socket);
      return socket;
    });
  return { clock, ledger, open, many };
}

t.test('at the bound the connection that is idle longest is closed for a new one', async (t) => {
  const { ledger, open, many } = scene(20, 5);
  const idle = many(15, (socket) => ledger.request(socket, false));
  const newcomer = open();
  t.ok(idle[0]?.destroyed, 'the first');
  t.equal(idle.filter(({ destroyed }) => destroyed).length, 1);
  t.notOk(newcomer.destroyed);
  t.equal(ledger.closedIdle, 1);
  t.equal(ledger.size, 15);
});

t.test('rooms and pending requests are not closed, and relays have a reserve', async (t) => {
  const { ledger, open, many } = scene(20, 5);
  const rooms = many(10, (socket) => ledger.isRoom(socket));
  const busy = many(5, (socket) => ledger.request(socket, true));
  const relays = many(5, (socket) => ledger.isRelay(socket, `r-${socket.remotePort}`));
  t.notOk([...rooms, ...busy, ...relays].some(({ destroyed }) => destroyed));
  t.ok(open().destroyed, 'refused when full');
  t.equal(ledger.refused, 1);
  for (const socket of busy) ledger.request(socket, false);
  for (const socket of relays) ledger.request(socket, false);
  t.notOk(open().destroyed, 'accepted when a connection is idle');
  t.notOk(
    relays.some(({ destroyed }) => destroyed),
    'a relay’s connection is not closed',
  );
});

t.test('a connection without a request may be closed after FIRST_REQUEST_MS', async (t) => {
  const { clock, ledger, open, many } = scene(20, 5);
  const silent = many(20, () => {});
  t.ok(open().destroyed, 'all of them are new');
  clock.ms += FIRST_REQUEST_MS;
  t.notOk(open().destroyed);
  t.equal(silent.filter(({ destroyed }) => destroyed).length, 1);
  t.equal(ledger.size, 20);
});

t.test('a closed connection frees its place', async (t) => {
  const { ledger, many } = scene(20, 5);
  for (const socket of many(5, (each) => ledger.isRelay(each, `r-${each.remotePort}`)))
    socket.destroy();
  for (const socket of many(15, (each) => ledger.isRoom(each))) socket.destroy();
  t.equal(ledger.size, 0);
  t.notOk(many(20, (socket) => ledger.isRoom(socket)).some(({ destroyed }) => destroyed));
});

const ended = (sockets: readonly FakeSocket[]) => sockets.filter((each) => each.destroyed).length;

t.test('idle connections of the source with most are closed first', async (t) => {
  const { ledger, many } = scene(20, 5);
  const idle = (socket: Socket) => ledger.request(socket, false);
  const few = many(3, idle);
  const crowd = many(12, idle, '192.0.2.2');
  t.notOk(many(12, idle, '192.0.2.3').at(-1)?.destroyed);
  t.equal(ended(few), 0);
  t.ok(ended(crowd) >= 6, 'until other sources have as many');
});

t.test('a source has a bound for connections without an API key', async (t) => {
  const { ledger, open, many } = scene(100, 5, 10);
  const busy = many(10, (socket) => ledger.request(socket, true));
  t.ok(open().destroyed, 'none of them is idle');
  ledger.request(busy[3] as Socket, false);
  t.notOk(open().destroyed);
  t.ok(busy[3]?.destroyed, 'the idle one is closed for it');
  t.notOk(open('192.0.2.2').destroyed, 'the bound is per source');
  for (const socket of busy) ledger.hasKey(socket);
  t.equal(ended(many(8, (socket) => ledger.request(socket, true))), 0);
  const proxied = many(40, (socket) => ledger.request(socket, true), '10.1.2.3');
  t.equal(ended(proxied), 0, 'no bound behind a trusted proxy');
});

t.test('requests that never end do not keep new connections out', async (t) => {
  const { clock, ledger, open, many } = scene(200, 5, 50);
  const idle = many(20, (socket) => ledger.request(socket, false), '192.0.2.9');
  for (const ip of ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4']) {
    many(50, (socket) => ledger.request(socket, true), ip);
  }
  const before = ended(idle);
  clock.ms += FIRST_REQUEST_MS;
  t.notOk(open('192.0.2.8').destroyed, 'from a new source');
  t.notOk(open('192.0.2.1').destroyed, 'from a source of such requests');
  t.equal(ended(many(40, (socket) => ledger.request(socket, false), '192.0.2.8')), 0);
  t.equal(ended(idle), before, 'no idle connection is closed for them');
});

t.test('a relay has at most CONNECTIONS_PER_RELAY_MAX connections', async (t) => {
  const { ledger, many } = scene(40, 20);
  const own = many(9, (socket) => ledger.isRelay(socket, 'evil-1'));
  t.equal(ended(own), 9 - CONNECTIONS_PER_RELAY_MAX);
  t.ok(own[0]?.destroyed, 'the oldest are closed');
  t.equal(ended(many(9, (socket) => ledger.isRelay(socket, `fra-${socket.remotePort}`))), 0);
});

t.test(
  'new connections beyond the bound of a source are accepted for FIRST_REQUEST_MS',
  async (t) => {
    const { clock, open, many } = scene(100, 5, 10);
    t.equal(ended(many(60, () => {})), 0);
    clock.ms += FIRST_REQUEST_MS;
    const silent = many(1, () => {});
    t.notOk(silent[0]?.destroyed, 'one without a request is closed for it');
    t.notOk(open('192.0.2.2').destroyed);
  },
);

t.test('a connection that was reset before it was accepted is not counted', async (t) => {
  const { ledger, open } = scene(20, 5);
  for (let n = 0; n < 100; n += 1) {
    const socket = new FakeSocket(0, '');
    Object.assign(socket, { remoteAddress: undefined, remotePort: undefined });
    ledger.accept(socket as unknown as Socket);
    t.ok(socket.destroyed);
  }
  t.equal(ledger.size, 0);
  const busy = Array.from({ length: 20 }, () => open());
  for (const socket of busy) ledger.request(socket, true);
  t.ok(open().destroyed, 'nothing is idle');
  t.match(ledger, { closedIdle: 0, ofSource: 1 });
});

t.test(
  'a new connection with the same address and port is counted apart from the closed one',
  async (t) => {
    const { ledger } = scene(20, 5);
    const first = new FakeSocket(1, '192.0.2.1') as FakeSocket & Socket;
    const second = new FakeSocket(1, '192.0.2.1') as FakeSocket & Socket;
    ledger.accept(first);
    ledger.isRelay(first, 'r-1');
    ledger.accept(second);
    ledger.request(second, true);
    first.destroy();
    t.equal(ledger.size, 1);
    second.destroy();
    t.equal(ledger.size, 0);
  },
);

t.test('an IPv6 source is a /64', async (t) => {
  const { ledger, open, many } = scene(100, 5, 10);
  const busy = (socket: Socket) => ledger.request(socket, true);
  for (let n = 0; n < 10; n += 1) many(1, busy, `2001:db8:0:1::${n}`);
  t.ok(open('2001:db8::1:ffff:0:0:1').destroyed);
  t.notOk(open('2001:db8:0:2::1').destroyed);
  t.notOk(open('::ffff:192.0.2.9').destroyed);
});

/** Addresses of as many /64s of one /48. */
const ofSite = (count: number, site = '2001:db8:1') =>
  Array.from({ length: count }, (_, subnet) => `${site}:${subnet.toString(16)}::1`);

t.test('the /64s of an IPv6 /48 have a bound together', async (t) => {
  const { ledger, open, many } = scene(100, 5, 10, 20);
  const busy = (socket: Socket) => ledger.request(socket, true);
  for (const ip of ofSite(20)) t.equal(ended(many(1, busy, ip)), 0);
  t.ok(open('2001:db8:1:ffff::1').destroyed, 'of one more');
  t.equal(ledger.ofSource, 1);
  t.notOk(open('2001:db8:2::1').destroyed, 'not of another');
  t.equal(ended(many(30, busy, '10.1.2.3')), 0, 'nor of a trusted proxy');
  const v4 = Array.from({ length: 30 }, (_, n) => many(1, busy, `::ffff:192.0.2.${n}`)).flat();
  t.equal(ended(v4), 0, 'nor of IPv4 clients');
});

t.test('idle connections of the /48 with most are closed first', async (t) => {
  const { ledger, many } = scene(40, 5);
  const idle = (socket: Socket) => ledger.request(socket, false);
  const few = many(5, idle);
  const crowd = ofSite(30).flatMap((ip) => many(1, idle, ip));
  many(10, idle, '192.0.2.3');
  t.equal(ended(few), 0, 'not those of an address with more than each of its /64s');
  t.equal(ended(crowd), 10);
});

t.test('neighbours in its /48 do not pay for a source that has most of it', async (t) => {
  const { ledger, many } = scene(40, 5);
  const idle = (socket: Socket) => ledger.request(socket, false);
  const neighbours = ofSite(10).flatMap((ip) => many(1, idle, ip));
  const crowd = many(25, idle, '2001:db8:1:ffff::1');
  many(5, idle, '192.0.2.3');
  t.equal(ended(neighbours), 0);
  t.equal(ended(crowd), 5);
});

t.test('the bounds are computed from the descriptors of the process', async (t) => {
  t.strictSame(connectionBounds({ limit: 1_048_576, used: 30 }), {
    connectionsMax: CONNECTIONS_MAX,
    relaysReserve: Math.floor(CONNECTIONS_MAX / 4),
    perSourceMax: CONNECTIONS_MAX / 4,
    perNetworkMax: CONNECTIONS_MAX / 2,
    rendezvousMax: WEB_SOCKET_LIMITS.socketsMax,
  });
  t.strictSame(connectionBounds(undefined), connectionBounds({ limit: 100_000, used: 0 }));
  const few = connectionBounds({ limit: 256, used: 24 });
  t.strictSame(few, {
    connectionsMax: 200,
    relaysReserve: 50,
    perSourceMax: 50,
    perNetworkMax: 100,
    rendezvousMax: 100,
  });
  t.ok(connectionBounds({ limit: 64, used: 60 }).connectionsMax > 0, 'at least one');
  const { limit = 0, used = 0 } = readDescriptors() ?? {};
  t.ok(limit > used && used > 3, `${used} of ${limit}`);
});
