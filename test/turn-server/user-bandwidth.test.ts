import t, { type Test } from 'tap';
import { type AllocationEvent, TurnServer } from '../../src/index.js';
import { checkServerSteering, STEERING } from '../steering.js';
import { until } from '../until.js';
import { RELAY_PORTS, TurnSocket, UdpSocket } from './turn-socket.js';

const CHANNEL = 0x4000;

/** Bytes of a payload. */
const BYTES = 1_000;

/**
 * Bytes per second that a test of minutes does not fill up again noticeably: 65,536 bytes pass at
 * once, and 10 each second after.
 */
const RATE = 10;

/** Payloads that pass at once. */
const PASSING = Math.floor(65_536 / BYTES);

t.setTimeout(120_000);

async function openServer(t: Test, userBandwidth: number) {
  const ended: AllocationEvent[] = [];
  const server = await TurnServer.open({
    listen: '127.0.0.1:0',
    relayAddresses: '127.0.0.1',
    users: ['alice:secret', 'bob:secret'],
    relayPorts: RELAY_PORTS,
    allowPeers: '127.0.0.0/8',
    workers: 2,
    steering: STEERING,
    userBandwidth,
    onEvent: (event) => {
      if (event.type === 'ended') ended.push(event);
    },
  });
  t.teardown(() => server.close());
  await checkServerSteering(t, server);
  const dropped = () => Number(server.counters().over_bandwidth);
  return { server, dropped, ended };
}

/** A client with a channel to a peer of its own. */
async function openClient(t: Test, server: TurnServer, username = 'alice') {
  const [at] = server.listen;
  if (at === undefined) throw new Error('the server listens nowhere');
  const client = await TurnSocket.open(at, { username, password: 'secret' });
  const peer = await UdpSocket.at('127.0.0.2');
  for (const socket of [client, peer]) t.teardown(() => socket.close());
  const relayed = await client.allocate();
  t.equal(await client.bind(CHANNEL, peer.address), undefined);
  return { client, peer, relayed };
}

const payload = Buffer.alloc(BYTES, 'x');

/** Sends payloads to a peer, one after another, until `count` have arrived or been dropped. */
async function sendAll(
  { client, peer }: Awaited<ReturnType<typeof openClient>>,
  count: number,
  dropped: () => number,
): Promise<number> {
  const before = dropped();
  const arrived = peer.waiting.length;
  for (let sent = 1; sent <= count; sent += 1) {
    client.channelData(CHANNEL, payload);
    // One at a time, so that no socket buffer drops any.
    await until(() => peer.waiting.length - arrived + dropped() - before === sent);
  }
  return peer.waiting.length - arrived;
}

t.test('a user passes its bound once, over all allocations and both directions', async (t) => {
  const { server, dropped, ended } = await openServer(t, RATE);
  const allocations = [await openClient(t, server), await openClient(t, server)] as const;
  const [first, second] = allocations;
  t.equal(await sendAll(first, 40, dropped), 40);
  t.equal(dropped(), 0);
  const passed = await sendAll(second, 40, dropped);
  t.ok(passed >= PASSING - 40 && passed < 40, `${passed} of the second`);
  const before = dropped();
  t.ok(before > 0);
  first.peer.send(payload, first.relayed);
  first.client.indicate(payload.toString(), first.peer.address);
  await until(() => dropped() === before + 2);
  t.strictSame(first.client.waiting, [], 'nothing came back');

  const bob = await openClient(t, server, 'bob');
  t.equal(await sendAll(bob, 40, dropped), 40, 'another user has a bucket of its own');
  for (const { client } of allocations) t.equal(await client.refresh(0), undefined);
  t.match(ended, [
    { user: 'alice', traffic: { packetsOverBandwidth: 2, packetsFromClient: 40 } },
    { user: 'alice', traffic: { packetsOverBandwidth: before, packetsFromClient: passed } },
  ]);
  const again = await openClient(t, server);
  t.equal(await sendAll(again, 40, dropped), 40, 'the bucket was freed with the last allocation');
});

t.test('a bound that is set, changed or removed counts for live allocations at once', async (t) => {
  const { server, dropped } = await openServer(t, 0);
  const alice = await openClient(t, server);
  t.equal(await sendAll(alice, 100, dropped), 100);
  server.update({ userBandwidth: RATE });
  const passed = await sendAll(alice, 100, dropped);
  t.ok(passed >= PASSING && passed < 100, `${passed} passed`);
  server.update({ userBandwidth: 0 });
  t.equal(await sendAll(alice, 100, dropped), 100);
});
