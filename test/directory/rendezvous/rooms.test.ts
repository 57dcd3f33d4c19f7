import t from 'tap';
import type { BrokerAnswer, ConnectionWish } from '../../../src/directory/connection-broker.js';
import type { OutgoingMessage } from '../../../src/directory/rendezvous/messages.js';
import { RENDEZVOUS_LIMITS } from '../../../src/directory/rendezvous/rendezvous-limits.js';
import { type Member, Rooms } from '../../../src/directory/rendezvous/rooms.js';
import type { UnmadeConnection } from '../../../src/directory/rendezvous/unmade-connection-log.js';
import { WEB_SOCKET_LIMITS } from '../../../src/http/web-socket-limits.js';
import type { NoRelay } from '../../../src/selection/no-relay-reason.js';
import type { PeerHints } from '../../../src/selection/request.js';
import { FakeClock } from '../fixtures.js';

class FakeMember implements Member {
  readonly from = '192.0.2.1';
  readonly told: string[] = [];
  failedBecause: string | undefined;
  pings = 0;
  dropped = false;
  heardAtMs: number;

  constructor(
    readonly clock: FakeClock,
    readonly tenant = 'default',
  ) {
    this.heardAtMs = clock.monotonic();
  }

  send(message: OutgoingMessage): void {
    const { type } = message;
    const more = { connection: 'role', error: 'reason' }[String(type)];
    const said = message as unknown as Record<string, unknown>;
    this.told.push(more === undefined ? type : `${type} ${said[more]}`);
  }

  fail(code: string, details: { reason?: string } = {}): void {
    this.told.push(`failed ${code}`);
    this.failedBecause = details.reason;
  }

  ping(): void {
    this.pings += 1;
  }

  drop(): void {
    this.dropped = true;
  }

  answer(): void {
    this.heardAtMs = this.clock.monotonic();
  }

  /** The messages since the last call. */
  get news(): string {
    return this.told.splice(0).join(', ');
  }
}

function world() {
  const clock = new FakeClock();
  let made = 0;
  const state: { noRelay: NoRelay | undefined } = { noRelay: undefined };
  const wishes: ConnectionWish[] = [];
  const create = (wish: ConnectionWish): BrokerAnswer => {
    wishes.push(wish);
    const { tenant, peers: asked } = wish;
    const selection = { connectionId: '', tenant, snapshot: 1, seed: 1, request: { peers: asked } };
    if (state.noRelay !== undefined) return { ok: false, noRelay: state.noRelay, selection };
    made += 1;
    const half = (role: 0 | 1) => ({
      role,
      relay: { id: 'fra-1', region: 'fra', address: '192.0.2.1', port: 3478 },
      peerRelay: { address: '192.0.2.1', port: 3478 },
      username: '',
      password: '',
    });
    const connectionId = String(made).padStart(32, '0');
    const peers = [half(0), half(1)] as const;
    const selected = { snapshot: 1, seed: 1 };
    const common = { connectionId, expiresAt: '', realm: 'turnpike' };
    return { ok: true, connection: { ...common, peers, ...selected } };
  };
  const unmade: UnmadeConnection[] = [];
  const rooms = new Rooms({ create, clock, onUnmade: (each) => unmade.push(each) });
  return {
    clock,
    unmade,
    rooms,
    state,
    peer: (tenant?: string) => new FakeMember(clock, tenant),
    wishes,
    join(member: Member, room = 'lunch', token?: string, hints: PeerHints = {}) {
      rooms.join(member, { type: 'join', room, member: token, hints });
    },
    address(member: Member, connection = made) {
      rooms.address(member, {
        type: 'address',
        connectionId: String(connection).padStart(32, '0'),
        address: { address: '203.0.113.7', port: 7 },
      });
    },
    pass(ms: number) {
      clock.advance(ms);
      rooms.sweep();
    },
  };
}

/** Two peers with a connection; with `exchanged`, after both have sent their addresses. */
function paired(exchanged: boolean) {
  const w = world();
  const [a, b] = [w.peer(), w.peer()];
  w.join(a);
  w.join(b);
  if (exchanged) {
    w.address(a);
    w.address(b);
  }
  a.told.length = 0;
  b.told.length = 0;
  return { ...w, a, b };
}

t.test(
  'two ready members get a connection, and the one that joined first has role 0',
  async (t) => {
    const w = world();
    const [a, b] = [w.peer(), w.peer()];
    w.join(a);
    t.equal(a.news, 'waiting');
    w.join(b);
    t.equal(a.news, 'connection 0');
    t.equal(b.news, 'connection 1');
    w.address(a);
    t.equal(b.news, 'address');
    t.equal(a.news, '');
  },
);

t.test('an address of another connection is dropped without an error', async (t) => {
  const { a, b, address, join } = paired(true);
  join(a);
  join(b);
  a.told.length = 0;
  b.told.length = 0;
  address(a, 1);
  t.equal(a.news + b.news, '');
  address(a, 2);
  t.equal(b.news, 'address');
});

t.test('an address before a join gets bad-message', async (t) => {
  const w = world();
  const a = w.peer();
  w.address(a);
  t.equal(a.news, 'failed bad-message');
});

t.test('a join of a second room gets bad-message and frees the first room', async (t) => {
  const w = world();
  const a = w.peer();
  w.join(a);
  w.join(a, 'dinner');
  t.equal(a.news, 'waiting, failed bad-message');
  t.equal(w.rooms.size, 0);
});

t.test('either peer may ask for a new connection', async (t) => {
  const { a, b, join } = paired(true);
  join(b);
  t.equal(b.news, 'waiting');
  t.equal(a.news, 'peer-ready');
  join(a);
  t.equal(a.news, 'connection 0');
  t.equal(b.news, 'connection 1');
});

t.test('the connection remains if a member leaves after the exchange of addresses', async (t) => {
  const { a, b, rooms, peer, join } = paired(true);
  rooms.leave(a);
  t.equal(b.news, 'peer-left');
  const again = peer();
  join(again);
  t.equal(again.news, 'waiting');
  t.equal(b.news, 'peer-ready');
  join(b);
  t.equal(b.news, 'connection 0');
});

t.test('the connection is void if a member leaves before the exchange of addresses', async (t) => {
  const { a, b, rooms, peer, join, address } = paired(false);
  address(b);
  rooms.leave(a);
  t.equal(b.news, 'peer-left, waiting');
  const again = peer();
  join(again);
  t.equal(b.news, 'connection 0');
  rooms.leave(again);
  rooms.leave(b);
  t.equal(rooms.size, 0, 'a room without members does not exist');
});

t.test('one member can have a connection replaced before the exchange of addresses', async (t) => {
  const { a, b, join, address, pass, unmade, wishes } = paired(false);
  t.same(unmade, []);
  pass(2_500);
  const avoid = new Set(['fra-1']);
  join(a, 'lunch', undefined, { avoid });
  t.equal(a.news, 'connection 0');
  t.equal(b.news, 'connection 1', 'without a join of its own');
  t.same(
    wishes.map(({ peers }) => peers[0]),
    [{}, { avoid }],
    'with the hints of the newest join',
  );
  t.same(wishes.at(-1)?.peers[1], { avoid }, 'the other peer avoids the relay too');
  t.match(unmade, [{ tenant: 'default', from: '192.0.2.1', avoid: ['fra-1'] }]);
  address(b);
  join(a, 'lunch', undefined, { avoid });
  t.equal(a.news, 'address, waiting', 'at most once a second');
  t.equal(b.news, '');
  pass(999);
  t.equal(a.news + b.news, '');
  pass(1);
  t.equal(a.news, 'connection 0');
  t.equal(b.news, 'connection 1');
});

t.test('two members that ask for another connection at once get one', async (t) => {
  const { a, b, join, address, pass, wishes } = paired(false);
  pass(2_500);
  join(a);
  join(b);
  t.equal(a.news, 'connection 0');
  t.equal(b.news, 'connection 1, waiting', 'its join crossed the new connection');
  address(a);
  address(b);
  pass(10_000);
  t.equal(a.news, 'address');
  t.equal(b.news, 'address');
  t.equal(wishes.length, 2, 'both keep that connection');
  join(b);
  t.equal(a.news, 'peer-ready', 'a connection that may be in use is replaced only if both ask');
});

t.test('a replacement without a relay is made when one can serve', async (t) => {
  const { a, b, join, pass, state } = paired(false);
  pass(2_500);
  state.noRelay = { reason: 'no-pair', detail: '' };
  join(a);
  t.equal(a.news + b.news, 'error no-pairerror no-pair');
  state.noRelay = undefined;
  pass(500);
  t.equal(a.news, 'connection 0');
  t.equal(b.news, 'connection 1');
});

t.test(
  'without a relay both members get an error, and a connection when a relay can serve',
  async (t) => {
    const w = world();
    w.state.noRelay = { reason: 'no-relays', detail: '' };
    const [a, b] = [w.peer(), w.peer()];
    w.join(a);
    w.join(b);
    t.equal(a.news, 'waiting, error no-relays');
    t.equal(b.news, 'error no-relays');
    w.pass(500);
    w.pass(500);
    t.equal(a.news + b.news, '', 'not repeated');
    w.state.noRelay = { reason: 'none-ready', detail: '' };
    w.pass(500);
    t.equal(a.news, 'error none-ready', 'sent for each new reason');
    w.state.noRelay = undefined;
    w.pass(499);
    t.equal(a.news, '');
    w.pass(1);
    t.equal(a.news, 'connection 0');
    t.equal(b.news, 'error none-ready, connection 1');
  },
);

t.test('a third peer is refused once both members have answered', async (t) => {
  const { a, b, peer, join, pass } = paired(true);
  const third = peer();
  join(third);
  t.same([a.pings, b.pings], [1, 1]);
  pass(250);
  t.equal(third.news, '');
  const fourth = peer();
  join(fourth);
  t.equal(fourth.news, 'failed room-full', 'only one peer can wait for a place');
  a.answer();
  b.answer();
  pass(250);
  t.equal(third.news, 'failed room-full');
  t.equal(a.news + b.news, '');
});

t.test('a third peer takes the place of a member that does not answer', async (t) => {
  const { a, b, peer, join, pass } = paired(true);
  const third = peer();
  join(third);
  pass(250);
  b.answer();
  pass(WEB_SOCKET_LIMITS.probeMs - 251);
  t.equal(third.news, '');
  pass(1);
  t.ok(a.dropped);
  t.equal(b.news, 'peer-left, peer-ready');
  t.equal(third.news, 'waiting');
});

t.test('a third peer that leaves is removed', async (t) => {
  const { a, peer, join, rooms, pass } = paired(true);
  const third = peer();
  join(third);
  join(third);
  rooms.leave(third);
  pass(WEB_SOCKET_LIMITS.probeMs);
  t.notOk(a.dropped);
  t.equal(third.news, '');
});

t.test('a third peer takes the place of a member that leaves at once', async (t) => {
  const { a, b, peer, join, rooms } = paired(true);
  const third = peer();
  join(third);
  rooms.leave(a);
  t.equal(b.news, 'peer-left, peer-ready');
  t.equal(third.news, 'waiting');
});

t.test('a member that returns on a new socket replaces its old one', async (t) => {
  const w = world();
  const [old, again, b] = [w.peer(), w.peer(), w.peer()];
  w.join(old, 'lunch', 'token-of-a-member');
  w.join(again, 'lunch', 'token-of-a-member');
  t.equal(old.news, 'waiting, failed replaced');
  t.equal(again.news, 'waiting', 'no connection with itself');
  w.join(b);
  t.equal(again.news, 'connection 0');

  const third = w.peer();
  w.join(third);
  const anew = w.peer();
  w.join(anew, 'lunch', 'token-of-a-member');
  t.equal(third.news, 'failed room-full');
  t.equal(again.news, 'failed replaced');
  t.equal(anew.news, 'connection 1');
});

t.test('a member without a partner gets room-expired after ten minutes', async (t) => {
  const w = world();
  const a = w.peer();
  w.join(a);
  w.pass(RENDEZVOUS_LIMITS.roomWaitMs - 1);
  t.equal(a.news, 'waiting');
  w.pass(1);
  t.equal(a.news, 'failed room-expired');
  t.equal(a.failedBecause, 'no other peer came to room "lunch" within 600 s');
  t.equal(w.rooms.size, 0);
  const { b, pass } = paired(true);
  pass(10 * RENDEZVOUS_LIMITS.roomWaitMs);
  t.equal(b.news, '', 'members with a connection may stay');
});

t.test('room-expired has the reason for which no connection was made', async (t) => {
  const { a, b, join, pass } = paired(true);
  join(a);
  pass(RENDEZVOUS_LIMITS.roomWaitMs);
  t.match(a.failedBecause, 'the other peer in room "lunch" did not ask for a new connection');
  t.notMatch(b.news, 'failed');
  const w = world();
  w.state.noRelay = { reason: 'no-family', detail: 'peer 0 can use IPv6 only' };
  const [c, d] = [w.peer(), w.peer()];
  w.join(c);
  w.join(d);
  w.pass(RENDEZVOUS_LIMITS.roomWaitMs);
  t.match(c.failedBecause, 'no relay could serve room "lunch" within 600 s: peer 0 can use IPv6');
  t.match(d.failedBecause, /"lunch"/);
});

t.test('rooms are limited per tenant', async (t) => {
  const w = world();
  for (let count = 0; count < RENDEZVOUS_LIMITS.roomsPerTenantMax; count += 1)
    w.join(w.peer(), `r${count}`);
  const late = w.peer();
  w.join(late, 'late');
  t.equal(late.news, 'failed room-limit');
  const other = w.peer('acme');
  w.join(other, 'late');
  t.equal(other.news, 'waiting');
  w.rooms.leave(other);
  t.equal(w.rooms.size, RENDEZVOUS_LIMITS.roomsPerTenantMax);
});
