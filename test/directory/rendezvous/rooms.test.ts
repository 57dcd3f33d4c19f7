import t from 'tap';
import type { BrokerAnswer, ConnectionWish } from '../../../src/directory/connection-broker.js';
import type { OutgoingMessage } from '../../../src/directory/rendezvous/messages.js';
import { RENDEZVOUS_LIMITS } from '../../../src/directory/rendezvous/rendezvous-limits.js';
import { type Member, Rooms } from '../../../src/directory/rendezvous/rooms.js';
import type { UnmadeConnection } from '../../../src/directory/rendezvous/unmade-connection-log.js';
import type { NoRelay } from '../../../src/directory/selection/no-relay-reason.js';
import type { PeerHints } from '../../../src/directory/selection/score.js';
import { WEB_SOCKET_LIMITS } from '../../../src/http/web-socket-limits.js';
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

  /** What it was told since the last call. */
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
    if (state.noRelay !== undefined) return { ok: false, noRelay: state.noRelay };
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
    return { ok: true, connection: { connectionId, expiresAt: '', realm: 'turnpike', peers } };
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

/** Two peers with a connection and, if asked, each other's addresses. */
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

t.test('two ready members get a connection, the longer present role 0', async (t) => {
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
});

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

t.test('an address before a join is a fault', async (t) => {
  const w = world();
  const a = w.peer();
  w.address(a);
  t.equal(a.news, 'failed bad-message');
});

t.test('another room than the first is a fault, and frees the room', async (t) => {
  const w = world();
  const a = w.peer();
  w.join(a);
  w.join(a, 'dinner');
  t.equal(a.news, 'waiting, failed bad-message');
  t.equal(w.rooms.size, 0);
});

t.test('either side may ask for a new connection', async (t) => {
  const { a, b, join } = paired(true);
  join(b);
  t.equal(b.news, 'waiting');
  t.equal(a.news, 'peer-ready');
  join(a);
  t.equal(a.news, 'connection 0');
  t.equal(b.news, 'connection 1');
});

t.test('a member that goes after the exchange leaves an established connection', async (t) => {
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

t.test('a member that goes before the exchange voids the connection', async (t) => {
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

t.test('one member alone has a connection replaced that is not in use yet', async (t) => {
  const { a, b, join, address, pass, unmade, wishes } = paired(false);
  t.same(unmade, []);
  pass(2_500);
  const avoid = new Set(['fra-1']);
  join(a, 'lunch', undefined, { avoid });
  t.equal(a.news, 'connection 0');
  t.equal(b.news, 'connection 1', 'without a word of its own');
  t.same(
    wishes.map(({ peers }) => peers[0]),
    [{}, { avoid }],
    'with the hints of the newest join',
  );
  t.same(wishes.at(-1)?.peers[1], { avoid }, 'and the other is not given what it avoids');
  t.match(unmade, [{ tenant: 'default', from: '192.0.2.1', avoid: ['fra-1'] }]);
  address(b);
  join(a, 'lunch', undefined, { avoid });
  t.equal(a.news, 'address, waiting', 'not more often than once a second');
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
  t.equal(b.news, 'connection 1, waiting', 'its join crossed the connection on the way');
  address(a);
  address(b);
  pass(10_000);
  t.equal(a.news, 'address');
  t.equal(b.news, 'address');
  t.equal(wishes.length, 2, 'both went on with the connection they had');
  join(b);
  t.equal(a.news, 'peer-ready', 'one that may be in use is replaced when both say so');
});

t.test('a replaced connection that no relay can serve is made when one can', async (t) => {
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

t.test('no relay: both are told and served when there is one', async (t) => {
  const w = world();
  w.state.noRelay = { reason: 'no-relays', detail: '' };
  const [a, b] = [w.peer(), w.peer()];
  w.join(a);
  w.join(b);
  t.equal(a.news, 'waiting, error no-relays');
  t.equal(b.news, 'error no-relays');
  w.pass(500);
  w.pass(500);
  t.equal(a.news + b.news, '', 'once is enough');
  w.state.noRelay = { reason: 'none-ready', detail: '' };
  w.pass(500);
  t.equal(a.news, 'error none-ready', 'for each reason');
  w.state.noRelay = undefined;
  w.pass(499);
  t.equal(a.news, '');
  w.pass(1);
  t.equal(a.news, 'connection 0');
  t.equal(b.news, 'error none-ready, connection 1');
});

t.test('a third peer is refused once both members answered', async (t) => {
  const { a, b, peer, join, pass } = paired(true);
  const third = peer();
  join(third);
  t.same([a.pings, b.pings], [1, 1]);
  pass(250);
  t.equal(third.news, '');
  const fourth = peer();
  join(fourth);
  t.equal(fourth.news, 'failed room-full', 'one waits to be seated, not more');
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

t.test('a third peer that goes is forgotten', async (t) => {
  const { a, peer, join, rooms, pass } = paired(true);
  const third = peer();
  join(third);
  join(third);
  rooms.leave(third);
  pass(WEB_SOCKET_LIMITS.probeMs);
  t.notOk(a.dropped);
  t.equal(third.news, '');
});

t.test('a third peer is seated at once when a member leaves', async (t) => {
  const { a, b, peer, join, rooms } = paired(true);
  const third = peer();
  join(third);
  rooms.leave(a);
  t.equal(b.news, 'peer-left, peer-ready');
  t.equal(third.news, 'waiting');
});

t.test('a member that comes back on a new socket replaces its old one', async (t) => {
  const w = world();
  const [old, again, b] = [w.peer(), w.peer(), w.peer()];
  w.join(old, 'lunch', 'token-of-a-member');
  w.join(again, 'lunch', 'token-of-a-member');
  t.equal(old.news, 'waiting, failed replaced');
  t.equal(again.news, 'waiting', 'it did not meet itself');
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

t.test('waiting ends after ten minutes', async (t) => {
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
  t.equal(b.news, '', 'a pair that has its connection may stay');
});

t.test('who waited in vain is told for what', async (t) => {
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

t.test('rooms are bounded for a tenant and in all', async (t) => {
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
