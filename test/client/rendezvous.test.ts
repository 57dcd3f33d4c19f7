import t, { type Test } from 'tap';
import { transportAddress } from '../../src/address.js';
import { Rendezvous, type RendezvousOptions } from '../../src/client/index.js';
import { NETWORK_LOOK_MS } from '../../src/client/network-watch.js';
import { WEB_SOCKET_LIMITS } from '../../src/http/web-socket-limits.js';
import { type FakeMember, type FakeRendezvous, fakeRendezvous } from './support/fake-rendezvous.js';
import { FakeScheduler } from './support/fake-scheduler.js';
import { API_KEY } from './support/http-server.js';
import { delivered, rejectionOf, until } from './support/until.js';

const MINE = transportAddress('203.0.113.7', 40_112);
const THEIRS = { address: '198.51.100.9', port: 51_820 };

interface RoomScene {
  readonly fake: FakeRendezvous;
  readonly scheduler: FakeScheduler;
  readonly rendezvous: Rendezvous;
  /** The first socket. */
  readonly member: FakeMember;
}

/** Opens a rendezvous that has joined a room; the end of the test closes it. */
async function inRoom(t: Test, options: Partial<RendezvousOptions> = {}): Promise<RoomScene> {
  const fake = await fakeRendezvous(t);
  const scheduler = new FakeScheduler();
  const rendezvous = await Rendezvous.open({
    directoryUrl: fake.url,
    apiKey: API_KEY,
    room: 'lunch',
    scheduler,
    ...options,
  });
  t.teardown(() => rendezvous.close());
  return { fake, scheduler, rendezvous, member: await nthMember(fake, 0) };
}

/** Waits until the nth socket has joined, and returns it. */
async function nthMember(fake: FakeRendezvous, n: number): Promise<FakeMember> {
  await until(`socket ${n} joined`, () => (fake.members[n]?.of('join').length ?? 0) > 0);
  return fake.members[n] as FakeMember;
}

t.test('a join has the room, a random member name and the hints', async (t) => {
  const { member } = await inRoom(t, { hints: { region: 'fra' } });
  t.match(member.messages, [
    { type: 'join', room: 'lunch', member: /^[\w-]{16,64}$/, peer: { region: 'fra' } },
  ]);
});

t.test(
  'measured families are sent as a hint, and left out after the error no-family',
  async (t) => {
    const fake = await fakeRendezvous(t);
    fake.relays = [transportAddress('127.0.0.1', 3_478)];
    const options = { directoryUrl: fake.url, apiKey: API_KEY, room: 'lunch' };
    const noFamily = { type: 'error', code: 'no-relay', message: 'none', reason: 'no-family' };
    const joinsOf = async (hints: RendezvousOptions['hints'], n: number, joins: number) => {
      const rendezvous = await Rendezvous.open({ ...options, hints });
      t.teardown(() => rendezvous.close());
      const retrying: unknown[] = [];
      rendezvous.on('retrying', (error) => retrying.push(error.message));
      const member = await nthMember(fake, n);
      member.send(noFamily);
      member.send(noFamily);
      await until('it was told', () => retrying.length > 0 && member.of('join').length === joins);
      return { joins: member.of('join').map(({ peer }) => peer), retrying };
    };
    const measured = await joinsOf({ region: 'fra' }, 0, 2);
    t.match(measured.joins[0], { region: 'fra', families: [4] });
    t.strictSame(measured.joins.slice(1), [{ region: 'fra' }]);
    t.ok(measured.retrying.length > 0, 'the second error is reported');
    const given = await joinsOf({ families: [4] }, 1, 1);
    t.strictSame(given.joins, [{ families: [4] }], 'families of the application stay');
  },
);

t.test('next() resolves with a connection, over which addresses are exchanged', async (t) => {
  const { rendezvous, member } = await inRoom(t);
  let waited = 0;
  rendezvous.on('waiting', () => {
    waited += 1;
  });
  const coming = rendezvous.next();
  member.send({ type: 'waiting' });
  member.send({ type: 'fashion', of: 'tomorrow' });
  member.send('not json');
  member.send('null');
  member.sendConnection('a');
  const introduction = await coming;
  t.equal(waited, 1);
  t.equal(introduction.grant.connectionId, 'a'.repeat(32));
  t.equal(introduction.complete, false);
  introduction.sendAddress(MINE);
  await until('our address arrived', () => member.of('address').length === 1);
  t.strictSame(member.of('address'), [{ type: 'address', connectionId: 'a'.repeat(32), ...MINE }]);
  member.send({ type: 'address', connectionId: 'b'.repeat(32), ...THEIRS, port: 1 });
  member.send({ type: 'address', connectionId: 'a'.repeat(32), address: 'nowhere', port: 1 });
  member.send({ type: 'address', connectionId: 'a'.repeat(32), ...THEIRS });
  t.strictSame(await introduction.peerAddress(), THEIRS);
  t.equal(introduction.complete, true);
});

t.test('an address that arrives before next() is kept', async (t) => {
  const { rendezvous, member } = await inRoom(t);
  member.sendConnection('a');
  member.send({ type: 'address', connectionId: 'a'.repeat(32), ...THEIRS });
  const introduction = await rendezvous.next();
  t.strictSame(await introduction.peerAddress(), THEIRS);
  t.equal(member.of('join').length, 1, 'no second join');
});

t.test('next() joins again on the same socket', async (t) => {
  const { rendezvous, member } = await inRoom(t);
  member.sendConnection('a');
  const first = await rendezvous.next();
  const coming = rendezvous.next();
  await until('joined again', () => member.of('join').length === 2);
  const [join, again] = member.of('join');
  t.strictSame(again, join);
  member.sendConnection('b');
  t.equal((await coming).grant.connectionId, 'b'.repeat(32));
  t.equal(first.over.aborted, true, 'the newer connection replaces it');
});

t.test('a connection is over when the other peer leaves or asks for another one', async (t) => {
  const { rendezvous, member } = await inRoom(t);
  member.sendConnection('a');
  const left = await rendezvous.next();
  member.send({ type: 'peer-left' });
  member.send({ type: 'waiting' });
  t.match(await rejectionOf(left.peerAddress()), { code: 'ERR_TURNPIKE_RENDEZVOUS' });
  member.sendConnection('b');
  const second = await rendezvous.next();
  t.equal(member.of('join').length, 1, 'no second join, since the member is ready');
  member.send({ type: 'peer-ready' });
  await until('it is over', () => second.over.aborted);
});

t.test('peer-ready is ignored between a join and its connection', async (t) => {
  const { rendezvous, member } = await inRoom(t);
  member.sendConnection('a');
  const first = await rendezvous.next();
  const coming = rendezvous.next();
  await until('joined again', () => member.of('join').length === 2);
  member.send({ type: 'peer-ready' });
  member.send({ type: 'peer-left' });
  await new Promise<void>((resolve) => rendezvous.once('peer-left', resolve));
  t.equal(first.over.aborted, false);
  member.sendConnection('b');
  await coming;
});

t.test('a lost socket is opened again with the same member name while next() waits', async (t) => {
  const { fake, rendezvous, member, scheduler } = await inRoom(t);
  const coming = rendezvous.next();
  fake.refuse = { status: 503, body: '{"code":"socket-limit"}' };
  const retrying = new Promise((resolve) => rendezvous.once('retrying', resolve));
  member.drop();
  t.match(await retrying, { code: 'ERR_TURNPIKE_DIRECTORY', status: 503 });
  fake.refuse = undefined;
  scheduler.advance(1_000);
  const again = await nthMember(fake, 1);
  t.strictSame(again.of('join'), member.of('join'));
  again.sendConnection('a');
  t.equal((await coming).grant.connectionId, 'a'.repeat(32));
});

t.test('a lost socket ends a connection before the exchange of addresses', async (t) => {
  const { rendezvous, member } = await inRoom(t);
  member.sendConnection('a');
  const introduction = await rendezvous.next();
  introduction.sendAddress(MINE);
  const waiting = rejectionOf(introduction.peerAddress());
  member.drop();
  t.match(await waiting, { code: 'ERR_TURNPIKE_RENDEZVOUS' });
});

t.test('a lost socket does not end a connection after the exchange of addresses', async (t) => {
  const { fake, rendezvous, member } = await inRoom(t);
  member.sendConnection('a');
  member.send({ type: 'address', connectionId: 'a'.repeat(32), ...THEIRS });
  const introduction = await rendezvous.next();
  introduction.sendAddress(MINE);
  await introduction.peerAddress();
  member.drop();
  const coming = rendezvous.next();
  (await nthMember(fake, 1)).sendConnection('b', { role: 1 });
  t.equal((await coming).grant.role, 1);
});

t.test('a socket that is silent for 15 s is replaced', async (t) => {
  const { fake, rendezvous, member, scheduler } = await inRoom(t);
  const coming = rendezvous.next();
  scheduler.advance(14_000);
  member.ping();
  member.send({ type: 'waiting' });
  await new Promise<void>((resolve) => rendezvous.once('waiting', resolve));
  scheduler.advance(14_999);
  t.equal(fake.members.length, 1);
  scheduler.advance(1);
  (await nthMember(fake, 1)).sendConnection('a');
  await coming;
});

t.test(
  'a pause of the host causes a ping, and a socket that does not answer is replaced',
  async (t) => {
    const { fake, rendezvous, member, scheduler } = await inRoom(t);
    const coming = rendezvous.next();
    const wake = () => {
      scheduler.skip(0, 60_000);
      scheduler.advance(NETWORK_LOOK_MS);
    };
    wake();
    await member.pinged(1);
    // The pong is under way.
    await delivered();
    scheduler.advance(WEB_SOCKET_LIMITS.probeMs + 1_000);
    t.equal(fake.members.length, 1, 'not after a pong');
    member.freeze();
    wake();
    scheduler.advance(WEB_SOCKET_LIMITS.probeMs);
    const second = await nthMember(fake, 1);
    t.equal(second.of('join')[0]?.member, member.of('join')[0]?.member);
    second.sendConnection('a');
    await coming;
  },
);

t.test('no-relay is reported as retrying, and next() waits on', async (t) => {
  const { rendezvous, member } = await inRoom(t);
  const coming = rendezvous.next();
  const retrying = new Promise((resolve) => rendezvous.once('retrying', resolve));
  member.send({ type: 'error', code: 'no-relay', message: 'none', retryAfterSeconds: 2 });
  t.match(await retrying, { code: 'ERR_TURNPIKE_RENDEZVOUS', retryAfterSeconds: 2 });
  member.sendConnection('a');
  await coming;
});

t.test('after room-expired and shutting-down the room is entered again', async (t) => {
  for (const code of ['room-expired', 'shutting-down']) {
    const { fake, rendezvous, member } = await inRoom(t);
    const coming = rendezvous.next();
    member.send({ type: 'error', code, message: 'later' });
    member.drop();
    (await nthMember(fake, 1)).sendConnection('a');
    t.equal((await coming).grant.connectionId, 'a'.repeat(32), code);
  }
});

t.test('other errors end the rendezvous', async (t) => {
  for (const code of ['room-full', 'replaced', 'bad-message', 'room-limit', 'tomorrow']) {
    const { rendezvous, member } = await inRoom(t, { hints: { family: 4 } });
    const coming = rejectionOf(rendezvous.next());
    member.send({ type: 'error', code, message: 'no', retryAfterSeconds: 9 });
    t.match(await coming, {
      code: 'ERR_TURNPIKE_RENDEZVOUS',
      message: new RegExp(code),
      retryAfterSeconds: 9,
    });
    t.match(await rejectionOf(rendezvous.next()), { message: new RegExp(code) });
  }
});

t.test('a malformed connection ends the rendezvous', async (t) => {
  const { rendezvous, member } = await inRoom(t);
  const coming = rejectionOf(rendezvous.next());
  member.sendConnection('a', { role: 7 });
  t.match(await coming, { code: 'ERR_TURNPIKE_DIRECTORY' });
});

t.test('open() rejects with the cause', async (t) => {
  const fake = await fakeRendezvous(t);
  const options = { apiKey: API_KEY, room: 'lunch' };
  fake.refuse = { status: 401, body: '{"code":"unauthorized","detail":"unknown key"}' };
  t.match(await rejectionOf(Rendezvous.open({ ...options, directoryUrl: fake.url })), {
    code: 'ERR_TURNPIKE_DIRECTORY',
    status: 401,
    message: 'the directory answered 401 unauthorized: unknown key',
  });
  t.match(await rejectionOf(Rendezvous.open({ ...options, directoryUrl: 'ftp://x' })), {
    code: 'ERR_TURNPIKE_CONFIG',
  });
  const signal = AbortSignal.abort();
  t.match(await rejectionOf(Rendezvous.open({ ...options, directoryUrl: fake.url, signal })), {
    code: 'ERR_TURNPIKE_ABORTED',
  });
});

t.test('open() can be aborted while the directory does not answer', async (t) => {
  const fake = await fakeRendezvous(t);
  const controller = new AbortController();
  const opening = rejectionOf(
    Rendezvous.open({
      directoryUrl: `${fake.url}/x/`,
      apiKey: API_KEY,
      room: 'r',
      signal: controller.signal,
    }),
  );
  controller.abort();
  t.match(await opening, { code: 'ERR_TURNPIKE_ABORTED' });
});

t.test('next() can be aborted, and close() ends it', async (t) => {
  const { rendezvous, scheduler } = await inRoom(t);
  const controller = new AbortController();
  const coming = rejectionOf(rendezvous.next({ signal: controller.signal }));
  t.match(await rejectionOf(rendezvous.next()), { code: 'ERR_TURNPIKE_CONFIG' });
  controller.abort();
  t.match(await coming, { code: 'ERR_TURNPIKE_ABORTED' });
  const again = rejectionOf(rendezvous.next());
  rendezvous.close();
  rendezvous.close();
  t.match(await again, { code: 'ERR_TURNPIKE_RENDEZVOUS' });
  await until('no timer is left', () => scheduler.armed === 0);
});
