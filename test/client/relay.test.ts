import { once } from 'node:events';
import t, { type Test } from 'tap';
import { transportAddress } from '../../src/address.js';
import { Peer, type PeerHints, type PeerOptions } from '../../src/client/index.js';
import { type Cluster, cluster } from './support/cluster.js';
import { FakeScheduler } from './support/fake-scheduler.js';
import { rebindingNat } from './support/rebinding-nat.js';
import { rejectionOf, until } from './support/until.js';

const WEST = { region: 'west' };
const EAST = { region: 'east' };

/** Opens two peers of one connection without connecting them. */
async function allocated(
  { client }: Cluster,
  hints: readonly [PeerHints, PeerHints],
  options: Partial<PeerOptions> = {},
): Promise<[Peer, Peer]> {
  const { grants } = await client.createConnection({ peers: hints });
  const [first, second] = grants;
  return [
    await Peer.open({ grant: first, ...options }),
    await Peer.open({ grant: second, ...options }),
  ];
}

async function established(
  system: Cluster,
  hints: readonly [PeerHints, PeerHints],
  options: Partial<PeerOptions> = {},
): Promise<[Peer, Peer]> {
  const [a, b] = await allocated(system, hints, options);
  await Promise.all([a.connect(b.mappedAddress), b.connect(a.mappedAddress)]);
  return [a, b];
}

/** Sends numbered messages both ways, one pair at a time, and waits for each. */
async function chatter(t: Test, [a, b]: readonly [Peer, Peer], messages: number): Promise<void> {
  const got = { a: new Set<number>(), b: new Set<number>() };
  a.on('message', (payload) => got.a.add(Buffer.from(payload).readUInt32BE(0)));
  b.on('message', (payload) => got.b.add(Buffer.from(payload).readUInt32BE(0)));
  for (let n = 0; n < messages; n += 1) {
    const payload = Buffer.alloc(200, n);
    payload.writeUInt32BE(n, 0);
    a.send(payload);
    b.send(payload);
    await until(`message ${n}`, () => got.a.has(n) && got.b.has(n));
  }
  t.same([got.a.size, got.b.size], [messages, messages], 'all arrived');
}

const system = await cluster(t);
const [west, east] = system.relays;

t.test('two peers exchange data through two relays, with either integrity', async (t) => {
  for (const integrity of ['sha256', 'sha1'] as const) {
    const [a, b] = await established(system, [WEST, EAST], { integrity });
    t.equal(a.grant.relay.id, west.id);
    t.equal(b.grant.relay.id, east.id);
    t.equal(a.stats().integrity, integrity);
    await chatter(t, [a, b], 100);
    const closed = once(b, 'close');
    await a.close();
    t.match(await closed, [{ code: 'ERR_TURNPIKE_CLOSED', stunCode: 437 }]);
  }
});

t.test('two peers exchange data through one relay', async (t) => {
  const [a, b] = await established(system, [WEST, WEST]);
  t.equal(a.grant.relay.id, b.grant.relay.id);
  await chatter(t, [a, b], 100);
  await Promise.all([a.close(), b.close()]);
});

t.test('an IPv6 peer exchanges data with an IPv4 peer', async (t) => {
  const [a, b] = await established(system, [
    { ...WEST, family: 6 },
    { ...EAST, family: 4 },
  ]);
  t.equal(a.mappedAddress.address, '::1');
  t.equal(b.mappedAddress.address, '127.0.0.1');
  await chatter(t, [a, b], 20);
  await Promise.all([a.close(), b.close()]);
});

t.test('the largest payload arrives whole', async (t) => {
  const [a, b] = await established(system, [WEST, EAST]);
  const payload = Buffer.alloc(a.payloadBytesMax, 'x');
  const arrived = once(b, 'message');
  a.send(payload);
  t.ok(payload.equals((await arrived)[0]));
  await Promise.all([a.close(), b.close()]);
});

t.test('addresses that do not match get 403, and a corrected connect() succeeds', async (t) => {
  const [a, b] = await allocated(system, [WEST, EAST]);
  const wrong = rejectionOf(a.connect(transportAddress('203.0.113.1', 9)));
  const right = rejectionOf(b.connect(a.mappedAddress));
  t.match(await wrong, { code: 'ERR_TURNPIKE_REJECTED', stunCode: 403 });
  t.match(await right, { code: 'ERR_TURNPIKE_REJECTED', stunCode: 403 });
  await Promise.all([a.connect(b.mappedAddress), b.connect(a.mappedAddress)]);
  await chatter(t, [a, b], 5);
  await Promise.all([a.close(), b.close()]);
});

t.test('a wrong password gets 401', async (t) => {
  const { grants } = await system.client.createConnection({ peers: [WEST, EAST] });
  const grant = { ...grants[0], password: 'wrong' };
  t.match(await rejectionOf(Peer.open({ grant })), {
    code: 'ERR_TURNPIKE_REJECTED',
    stunCode: 401,
  });
});

t.test('an unknown peer relay gets 403', async (t) => {
  const { grants } = await system.client.createConnection({ peers: [WEST, EAST] });
  const grant = { ...grants[0], peerRelay: transportAddress('203.0.113.1', 3478) };
  t.match(await rejectionOf(Peer.open({ grant })), {
    code: 'ERR_TURNPIKE_REJECTED',
    stunCode: 403,
  });
});

t.test('a second socket for a leg gets 437 until the first has closed it', async (t) => {
  const { grants } = await system.client.createConnection({ peers: [WEST, EAST] });
  const first = await Peer.open({ grant: grants[0] });
  t.match(await rejectionOf(Peer.open({ grant: grants[0] })), {
    code: 'ERR_TURNPIKE_REJECTED',
    stunCode: 437,
  });
  await first.close();
  const second = await Peer.open({ grant: grants[0] });
  t.equal(second.state, 'allocated', 'after the first has closed it');
  await second.close();
});

t.test('a change of one peer’s NAT mapping closes both peers at once', async (t) => {
  const { grants } = await system.client.createConnection({ peers: [WEST, EAST] });
  const [first, second] = grants;
  const nat = await rebindingNat(t, second.relay);
  const grant = { ...second, relay: { ...second.relay, ...nat.address } };
  const scheduler = new FakeScheduler();
  const a = await Peer.open({ grant: first });
  const b = await Peer.open({ grant, scheduler });
  await Promise.all([a.connect(b.mappedAddress), b.connect(a.mappedAddress)]);
  await chatter(t, [a, b], 5);
  await nat.rebind();
  const closed = Promise.all([once(a, 'close'), once(b, 'close')]);
  scheduler.advance(2_000);
  // Nothing else ends the connection so soon: the leg's lifetime is 600 s.
  await until('both are closed', () => a.state === 'closed' && b.state === 'closed');
  const [[ofA], [ofB]] = await closed;
  t.match(ofA, { code: 'ERR_TURNPIKE_CLOSED', stunCode: 437, cause: undefined });
  t.match(ofB, {
    code: 'ERR_TURNPIKE_CLOSED',
    stunCode: 437,
    reason: 'nat-address-changed',
    cause: { stunCode: 437 },
  });
});

t.test('a relay that closes sends Closed to its peers', async (t) => {
  const [a, b] = await established(system, [WEST, EAST]);
  const closed = Promise.all([once(a, 'close'), once(b, 'close')]);
  await west.close();
  const [[ofA], [ofB]] = await closed;
  t.match(ofA, { code: 'ERR_TURNPIKE_CLOSED', stunCode: 300 });
  t.match(ofB, { code: 'ERR_TURNPIKE_CLOSED', stunCode: 437 });
});
