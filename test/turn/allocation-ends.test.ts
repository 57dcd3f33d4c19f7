import { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import t from 'tap';
import { UDP_PROTOCOL } from '../../src/stun/attribute-types.js';
import { longTermKey } from '../../src/stun/integrity.js';
import { Method } from '../../src/stun/methods.js';
import { TURN_LIMITS } from '../../src/turn/turn-limits.js';
import { TurnLog } from '../../src/turn/turn-log.js';
import { TestClock } from '../auth/test-clock.js';
import {
  clientKey,
  PASSWORD,
  PEER,
  peerKey,
  REALM,
  relayedOf,
  TurnClient,
  TurnWorld,
} from './world/index.js';

function capture(level: string) {
  const lines: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  return { lines, logger: pino({ level, base: null }, stream) };
}

function scene(level = 'info') {
  const { lines, logger } = capture(level);
  const log = new TurnLog(new TestClock(), logger);
  const world = new TurnWorld({ log });
  return { world, lines, client: new TurnClient(world) };
}

t.test('the end of an allocation is logged in one line with all of its traffic', async (t) => {
  const { world, client, lines } = scene();
  const [relayed] = relayedOf(await client.allocate());
  await client.refresh(3_600);
  const handle = world.onlyEndpoint;
  const { tuple, worker } = client;
  const permission = (address: string) => peerKey({ relayed: handle, peer: { address, port: 0 } });
  const channel = clientKey({ worker, tuple, channel: 0x4000 });
  await client.permit({ address: '198.51.100.9', port: 1 });
  await client.bind(0x4000, PEER);
  const { packets } = world.plane;
  packets.set(`${handle}`, 1);
  packets.set(permission('198.51.100.9'), 20);
  packets.set(channel, 300);
  packets.set(peerKey({ relayed: handle, peer: PEER }), 4_000);
  packets.set(permission(PEER.address), 50_000);
  await world.pass(700);
  packets.clear();
  await client.bind(0x4000, PEER);
  packets.set(channel, 7);
  packets.set(`${handle}`, 1);
  world.plane.overBandwidth.set(channel, 20).set(`${handle}`, 1);
  await client.refresh(0);
  t.equal(lines.length, 1, 'nothing else at level info');
  t.match(lines[0], {
    level: 30,
    event: 'allocation-ended',
    username: 'alice',
    client: '192.0.2.1:5000',
    relayed: `203.0.113.5:${relayed?.port}`,
    reason: 'deleted',
    durationSeconds: 700,
    packetsFromClient: 308,
    bytesFromClient: 30_800,
    packetsToClient: 54_020,
    bytesToClient: 5_402_000,
    packetsOverBandwidth: 21,
  });
  t.same(world.turn.stats.traffic, {
    packets_from_clients: 308,
    bytes_from_clients: 30_800,
    packets_to_clients: 54_020,
    bytes_to_clients: 5_402_000,
  });
});

t.test('an allocation expires, and frees its 5-tuple, its port and its user', async (t) => {
  const { world, client, lines } = scene();
  await client.allocate();
  await client.bind(0x4000, PEER);
  const key = `${client.tuple.handle}||192.0.2.1:5000`;
  await world.pass(599);
  t.equal(world.turn.allocations, 1);
  t.ok(world.proven.has(key));
  await world.pass(2);
  t.equal(world.turn.allocations, 0);
  t.equal(world.turn.relayedPorts, 0);
  for (const left of [world.plane.endpoints, world.plane.allocations, world.plane.clientFlows]) {
    t.equal(left.size, 0);
  }
  t.match(lines, [{ reason: 'expired' }]);
  t.equal((await client.refresh(600)).code, 437);
  world.clock.advance(120_000);
  world.proven.tick();
  t.notOk(world.proven.has(key), 'the 5-tuple is no longer held');
  await world.pass(900);
  t.equal(world.turn.stats.ended.of('expired'), 1, 'no deadline of it is left');
});

t.test('nothing of an ended allocation expires later', async (t) => {
  const { world, client } = scene();
  await client.allocate();
  await client.permit({ address: '198.51.100.9', port: 1 });
  await client.bind(0x4000, PEER);
  await client.refresh(0);
  const calls: string[] = [];
  world.plane.removePeerFlow = () => calls.push('removePeerFlow');
  world.plane.removeClientFlow = () => calls.push('removeClientFlow');
  world.plane.removeAllocation = () => calls.push('removeAllocation');
  await world.pass(1_000);
  t.same(calls, []);
});

t.test('the end of a socket ends its allocation', async (t) => {
  const { world, client } = scene();
  await client.allocate();
  const handle = world.onlyEndpoint;
  world.turn.event({ type: 'endpoint-closed', handle: client.tuple.handle, errno: 'EIO' });
  t.equal(world.turn.allocations, 1, "another's socket");
  world.turn.event({ type: 'endpoint-closed', handle, errno: 'ENETDOWN' });
  await world.pass(0);
  t.equal(world.turn.allocations, 0);
  t.equal(world.turn.stats.ended.of('socket-failed'), 1);
  t.equal(world.turn.relayedPorts, 0);
  t.equal((await client.allocate()).messageClass, 'success');
});

t.test('the allocations of removed users end', async (t) => {
  const { world, client } = scene();
  const bob = new TurnClient(world, { port: 2, username: '9999999999:bob' });
  await client.allocate();
  await bob.allocate();
  const keys: Record<string, Uint8Array> = {};
  world.turn.endUsers((username, key) => {
    keys[username] = key;
    return username !== '9999999999:bob';
  });
  const given = keys['9999999999:bob'] ?? new Uint8Array();
  const algorithm = given.length === 16 ? 'md5' : 'sha256';
  const proved = longTermKey(algorithm, '9999999999:bob', REALM.name, PASSWORD);
  t.equal(Buffer.compare(given, proved), 0, 'the key that proved the Allocate');
  t.equal(world.turn.allocations, 1);
  t.equal(world.turn.stats.ended.of('user-removed'), 1);
  t.equal((await bob.refresh(600)).code, 437);
  t.equal((await client.refresh(600)).messageClass, 'success');
});

t.test('many ends are done in steps', async (t) => {
  const limits = { allocationsMax: 900, userQuota: 900, permissionsMax: 1, channelsMax: 1 };
  const world = new TurnWorld({ limits });
  const clients = Array.from(
    { length: 250 },
    (_, port) => new TurnClient(world, { port: port + 1 }),
  );
  for (const client of clients) await client.allocate();
  const rest = [...world.turn.closeAll()];
  t.same(rest, [150, 50]);
  const { endpoints, allocations } = world.plane;
  t.same([endpoints.size, allocations.size], [250, 250], 'they close with the data plane');
  t.equal(world.turn.allocations, 0);
  t.equal(world.turn.stats.ended.of('server-stopped'), 250);
  const other = new TurnWorld({ limits });
  for (const [port] of clients.entries()) {
    await new TurnClient(other, { port: port + 1 }).allocate();
  }
  other.clock.advance(601_000);
  t.equal(other.turn.tick(), true);
  t.equal(other.turn.allocations, 250 - TURN_LIMITS.endedAtOnce);
  t.equal(other.turn.tick(), true);
  t.equal(other.turn.tick(), false);
  t.equal(other.turn.allocations, 0);
});

t.test('what ends while others are being ended ends once', async (t) => {
  const limits = { allocationsMax: 900, userQuota: 900, permissionsMax: 1, channelsMax: 1 };
  const ended: string[] = [];
  const world: TurnWorld = new TurnWorld({
    limits,
    onEvent: (event) => {
      if (event.type !== 'ended') return;
      ended.push(`${event.client.port}`);
      // An embedder that removes a user at the first end of one of the user's allocations.
      world.turn.endUser('alice');
    },
  });
  const allocateAll = async () => {
    const ports = Array.from({ length: 3 }, (_, index) => index + 1);
    const clients = ports.map((port) => new TurnClient(world, { port }));
    for (const client of clients) await client.allocate();
  };
  for (const end of [
    () => world.turn.endUsers(() => false),
    () => {
      world.clock.advance(601_000);
      world.turn.tick();
    },
    () => void [...world.turn.closeAll()],
  ]) {
    await allocateAll();
    end();
    t.equal(world.turn.allocations, 0);
    t.strictSame(ended.splice(0).sort(), ['1', '2', '3']);
    await setImmediate();
    t.equal(world.turn.relayedPorts, 0, 'each port is freed once');
  }
});

t.test('refusals are logged at level debug with their reason', async (t) => {
  const { client, lines } = scene('debug');
  t.equal((await client.refresh(600)).code, 437);
  t.match(lines, [
    { level: 20, event: 'refused', code: 437, reason: 'no-allocation', client: '192.0.2.1:5000' },
  ]);
});

t.test('log lines are limited in rate, and omitted ones are counted', async (t) => {
  const { lines, logger } = capture('info');
  const clock = new TestClock();
  const log = new TurnLog(clock, logger);
  const traffic = {
    packetsFromClient: 0,
    bytesFromClient: 0,
    packetsToClient: 0,
    bytesToClient: 0,
    packetsOverBandwidth: 0,
  };
  const about = { username: 'a', user: 'a', client: PEER, relayed: [PEER] };
  for (let count = 0; count < 100; count += 1) {
    log.ended({ ...about, reason: 'expired', seconds: 1, traffic });
  }
  t.equal(lines.length, 80);
  clock.advance(1_000);
  log.tick();
  t.match(lines.at(-1), { event: 'lines-omitted', of: 'allocation-ended', lines: 20 });
  t.equal(log.omitted.get('allocation-ended'), 20);
});

t.test('what expires together with its allocation ends once', async (t) => {
  const { world, client } = scene();
  await client.allocate();
  await client.bind(0x4000, PEER);
  const { plane } = world;
  const ended: string[] = [];
  const removeClientFlow = plane.removeClientFlow.bind(plane);
  plane.removeClientFlow = (flow) => {
    ended.push(clientKey(flow));
    removeClientFlow(flow);
  };
  await world.pass(601);
  t.equal(world.turn.allocations, 0);
  t.equal(plane.clientFlows.size, 0);
  t.equal(ended.length, 1);
});

t.test('a user who is removed gets no allocation that is being made', async (t) => {
  const { world, client } = scene();
  world.plane.holdsOpens = true;
  await client.send(Method.Allocate, (writer) => void writer.requestedTransport(UDP_PROTOCOL));
  world.turn.endUsers((username) => username !== 'alice');
  world.plane.settle();
  await world.pass(0);
  t.equal(client.answerIn(world.takeFor(client.address)).code, 441);
  t.equal(world.turn.allocations, 0);
  t.equal(world.plane.endpoints.size, 0);
  world.plane.holdsOpens = false;
  const bob = new TurnClient(world, { port: 5_001, username: 'bob' });
  world.turn.endUsers((username) => username !== 'alice');
  t.equal((await bob.allocate()).messageClass, 'success');
});
