import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import type { TransportAddress } from '../../src/address.js';
import type { ClientFlow } from '../../src/native/types.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { Remote, TestPlane, until } from './planes.js';

const CHANNEL = 0x4000;
const DATA = encodeChannelData(CHANNEL, Buffer.alloc(40));
/** Length of a Closed indication without attributes, bytes. */
const CLOSED_BYTES = 20;
/** Time after which a lifetime of one second is over, whenever in a second it began. */
const OVER_MS = 2_050;

/** Opens a plane with a peer and a sink, which the peer's data goes to. */
async function scene(t: Test) {
  const relay = new TestPlane({ closedIndicationsPerSecond: 1_000 });
  const [peer, sink] = [await Remote.open(), await Remote.open()];
  const [from, to] = [await relay.meet(peer), await relay.meet(sink)];
  t.teardown(async () => {
    for (const remote of [peer, sink]) remote.close();
    await relay.plane.close();
  });
  const flow: ClientFlow = { ...from, channel: CHANNEL };
  const put = (lifetimeSeconds?: number) =>
    relay.plane.putClientFlow(
      flow,
      { type: 'client', tuple: to.tuple, channel: CHANNEL },
      lifetimeSeconds,
    );
  const send = () => peer.send(relay.clientAddress(), DATA);
  return { relay, peer, sink, flow, put, send };
}

t.test('a flow forwards for its lifetime and at most a second longer', async (t) => {
  const { relay, peer, sink, put, send } = await scene(t);
  const askedAt = performance.now();
  put(1);
  await relay.settle(peer);
  const carriedOutAt = performance.now();
  let sent = 0;
  const expired = () => relay.count('channel_expired');
  while (expired() === 0) {
    send();
    sent += 1;
    await until(() => expired() + relay.count('client_to_client') === sent);
    await delay(20);
  }
  t.ok(performance.now() - askedAt >= 1_000, 'not before its lifetime is over');
  await delay(Math.max(0, carriedOutAt + OVER_MS - performance.now()));
  const before = expired();
  send();
  await until(() => expired() === before + 1);
  await until(() => sink.waiting === relay.count('client_to_client'));
  t.equal(relay.count('channel_unknown'), 0, 'counted as channel_expired');
  t.equal((await peer.receive()).length, CLOSED_BYTES, 'answered by Closed');
});

t.test(
  'a refresh extends a flow, also an expired one, and does not reset its counts',
  async (t) => {
    const { relay, peer, sink, flow, put, send } = await scene(t);
    put(1);
    await relay.settle(peer);
    relay.plane.refreshClientFlow(flow, 600);
    await relay.settle(peer);
    send();
    await sink.receive();
    await delay(OVER_MS);
    send();
    await sink.receive();
    t.match(relay.plane.flowTraffic(flow), { packets: 2 });
    t.equal(relay.count('channel_expired'), 0);

    relay.plane.refreshClientFlow(flow, 1);
    await relay.settle(peer);
    await delay(OVER_MS);
    send();
    await until(() => relay.count('channel_expired') === 1);
    t.equal((await peer.receive()).length, CLOSED_BYTES);
    relay.plane.refreshClientFlow(flow, 600);
    await relay.settle(peer);
    send();
    await sink.receive();
    t.match(
      relay.plane.flowTraffic(flow),
      { packets: 3 },
      'an expired flow continues with its counts',
    );
  },
);

t.test('a refresh of a missing entry has no effect', async (t) => {
  const { relay, peer, flow, send } = await scene(t);
  const applied = relay.count('commands_applied');
  relay.plane.refreshClientFlow(flow, 600);
  relay.plane.refreshClientFlow({ ...flow, worker: 'any' }, 600);
  relay.plane.refreshSession(5, 600);
  await relay.settle(peer);
  t.equal(relay.count('commands_applied'), applied + 2, 'one command per worker');
  t.equal(relay.plane.flowTraffic(flow), undefined);
  send();
  await until(() => relay.count('channel_unknown') === 1);
});

t.test(
  'a session expires in every worker, and a record on it is reported as unbound',
  async (t) => {
    const [left, right] = [new TestPlane(), new TestPlane()];
    left.joinPlane(1, right);
    right.joinPlane(2, left);
    const peers = await Promise.all(Array.from({ length: 8 }, () => Remote.open()));
    const sink = await Remote.open();
    const to = await right.meet(sink);
    for (const peer of peers) {
      const flow = { ...(await left.meet(peer)), channel: CHANNEL };
      left.plane.putClientFlow(flow, { type: 'trunk', relayIndex: 1, sessionIndex: 7 });
      await left.settle(peer);
    }
    const sendAll = async (counter: 'trunk_to_client' | 'trunk_expired') => {
      const before = right.count(counter);
      for (const peer of peers) peer.send(left.clientAddress(), DATA);
      await until(() => right.count(counter) === before + peers.length);
    };
    const action = { relayIndex: 2, tuple: to.tuple, channel: CHANNEL };
    right.plane.putSession(7, action, 1);
    right.plane.refreshSession(7, 600);
    await right.settle(sink);
    await delay(OVER_MS);
    await sendAll('trunk_to_client');
    right.plane.refreshSession(7, 1);
    await right.settle(sink);
    await delay(OVER_MS);
    await sendAll('trunk_expired');
    await until(() => right.events.length > 0);
    t.match(right.events[0], { type: 'unbound-index', relayIndex: 2, sessionIndex: 7 });
    right.plane.refreshSession(7, 600);
    await right.settle(sink);
    await sendAll('trunk_to_client');
    t.equal(right.count('trunk_unbound'), 0);
    t.equal(right.plane.sessionTraffic(7).packets, 2 * peers.length);
    t.equal(right.plane.remoteRelayTraffic(2).recordsLost, 0, 'expired records are not lost');
    for (const remote of [...peers, sink]) remote.close();
    await Promise.all([left.plane.close(), right.plane.close()]);
  },
);

t.test('a flow expires on time while JavaScript is blocked', async (t) => {
  const [peer, sink] = [await Remote.open(), await Remote.open()];
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const lifetimeSeconds = 3;
  const channels = { ending: CHANNEL, lasting: CHANNEL + 1 };
  const startedAt = performance.now();
  const program = new URL('blocked-plane.mjs', import.meta.url);
  const addresses = { peer: peer.address, sink: sink.address };
  const blocked = new Worker(program, {
    workerData: { ...addresses, lifetimeSeconds, channels, gate },
  });
  const [relay] = (await once(blocked, 'message')) as [TransportAddress];
  while (peer.waiting === 0) {
    peer.send(relay, DATA);
    await delay(20);
  }
  t.ok(performance.now() - startedAt >= 1_000 * lifetimeSeconds);
  t.equal((await peer.receive()).length, CLOSED_BYTES);
  const lasting = encodeChannelData(channels.lasting, Buffer.from('last'));
  peer.send(relay, lasting);
  let [received, forwarded] = [await sink.receive(), 1];
  for (; !received.equals(lasting); forwarded += 1) received = await sink.receive();
  const counted = once(blocked, 'message');
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  const [counters] = await counted;
  t.match(counters, { client_to_client: BigInt(forwarded), channel_unknown: 0n });
  t.ok(forwarded > 1, 'it forwarded before');
  await once(blocked, 'exit');
  for (const remote of [peer, sink]) remote.close();
});
