import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import t from 'tap';
import { ConnectionLedger } from '../../../src/directory/http/connection-ledger.js';
import { connectionBounds, readDescriptors } from '../../../src/directory/http/descriptors.js';
import { LIMITS } from '../../../src/limits.js';

class FakeSocket extends EventEmitter {
  readonly remoteAddress = '192.0.2.1';
  destroyed = false;
  constructor(readonly remotePort: number) {
    super();
  }
  destroy() {
    this.destroyed = true;
    this.emit('close');
  }
}

function scene(connectionsMax: number, relaysReserve: number) {
  const clock = { ms: 0, now: () => 0, monotonic: () => clock.ms };
  const bounds = { connectionsMax, relaysReserve, rendezvousMax: connectionsMax };
  const ledger = new ConnectionLedger(bounds, clock);
  let port = 0;
  const open = () => {
    port += 1;
    const socket = new FakeSocket(port);
    ledger.accept(socket as unknown as Socket);
    return socket as FakeSocket & Socket;
  };
  const many = (count: number, use: (socket: FakeSocket & Socket) => void) =>
    Array.from({ length: count }, () => {
      clock.ms += 1;
      const socket = open();
      use(socket);
      return socket;
    });
  return { clock, ledger, open, many };
}

t.test('idle connections make room, the longest idle first', async (t) => {
  const { ledger, open, many } = scene(20, 5);
  const idle = many(15, (socket) => ledger.request(socket, false));
  const newcomer = open();
  t.ok(idle[0]?.destroyed, 'the first');
  t.equal(idle.filter(({ destroyed }) => destroyed).length, 1);
  t.notOk(newcomer.destroyed);
  t.equal(ledger.closedIdle, 1);
  t.equal(ledger.size, 15);
});

t.test(
  'neither rooms nor requests under way are ended, and relays have their reserve',
  async (t) => {
    const { ledger, open, many } = scene(20, 5);
    const rooms = many(10, (socket) => ledger.isRoom(socket));
    const busy = many(5, (socket) => ledger.request(socket, true));
    const relays = many(5, (socket) => ledger.isRelay(socket));
    t.notOk([...rooms, ...busy, ...relays].some(({ destroyed }) => destroyed));
    t.ok(open().destroyed, 'then it is full');
    t.equal(ledger.refused, 1);
    for (const socket of busy) ledger.request(socket, false);
    for (const socket of relays) ledger.request(socket, false);
    t.notOk(open().destroyed, 'until something is idle');
    t.notOk(
      relays.some(({ destroyed }) => destroyed),
      'which a relay never is',
    );
  },
);

t.test('a connection that says nothing may go when it had its time', async (t) => {
  const { clock, ledger, open, many } = scene(20, 5);
  const silent = many(20, () => {});
  t.ok(open().destroyed, 'all of them are new');
  clock.ms += LIMITS.httpFirstRequestMs;
  t.notOk(open().destroyed);
  t.equal(silent.filter(({ destroyed }) => destroyed).length, 1);
  t.equal(ledger.size, 20);
});

t.test('what is closed leaves its place', async (t) => {
  const { ledger, many } = scene(20, 5);
  for (const socket of many(5, (each) => ledger.isRelay(each))) socket.destroy();
  for (const socket of many(15, (each) => ledger.isRoom(each))) socket.destroy();
  t.equal(ledger.size, 0);
  t.notOk(many(20, (socket) => ledger.isRoom(socket)).some(({ destroyed }) => destroyed));
});

t.test('bounds follow from the descriptors', async (t) => {
  t.strictSame(connectionBounds({ limit: 1_048_576, used: 30 }), {
    connectionsMax: LIMITS.httpConnectionsMax,
    relaysReserve: LIMITS.relaysMax,
    rendezvousMax: LIMITS.rendezvousSocketsMax,
  });
  t.strictSame(connectionBounds(undefined), connectionBounds({ limit: 100_000, used: 0 }));
  const few = connectionBounds({ limit: 256, used: 24 });
  t.strictSame(few, { connectionsMax: 200, relaysReserve: 50, rendezvousMax: 100 });
  t.ok(connectionBounds({ limit: 64, used: 60 }).connectionsMax > 0, 'never none');
  const { limit = 0, used = 0 } = readDescriptors() ?? {};
  t.ok(limit > used && used > 3, `${used} of ${limit}`);
});
