import t from 'tap';
import type { TransportAddress } from '../../src/address.js';
import { listenerHandle } from '../../src/native/transport-handle.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { bindingRequest, Remote, TestPlane, until, V4, V6 } from './planes.js';

const CHANNEL = 0x4000;
const hello = (text: string) => encodeChannelData(CHANNEL, Buffer.from(text));

/** Opens two planes with a trunk between them and a peer each, as for a connection. */
async function connect(families: {
  left: TransportAddress;
  trunk: TransportAddress;
  right: TransportAddress;
}) {
  const open = (client: TransportAddress) =>
    new TestPlane({ clientAddresses: [client], trunkAddresses: [families.trunk] });
  const left = open(families.left);
  const right = open(families.right);
  left.joinPlane(3, right);
  right.joinPlane(5, left);
  const ends = [
    { plane: left, relayIndex: 3, remote: await Remote.open(families.left), ours: 11, theirs: 22 },
    {
      plane: right,
      relayIndex: 5,
      remote: await Remote.open(families.right),
      ours: 22,
      theirs: 11,
    },
  ] as const;
  for (const { plane, relayIndex, remote, ours, theirs } of ends) {
    const { tuple, worker } = await plane.meet(remote);
    const flow = { worker, tuple, channel: CHANNEL };
    plane.plane.putClientFlow(flow, { type: 'trunk', relayIndex, sessionIndex: theirs });
    plane.plane.putSession(ours, { relayIndex, tuple, channel: CHANNEL });
    await plane.settle(remote);
  }
  const close = async () => {
    for (const { plane, remote } of ends) {
      remote.close();
      await plane.plane.close();
    }
  };
  return { left, right, a: ends[0].remote, b: ends[1].remote, close };
}

for (const [name, families] of Object.entries({
  'IPv4 only': { left: V4, trunk: V4, right: V4 },
  'IPv6 only': { left: V6, trunk: V6, right: V6 },
  'IPv4 peers over an IPv6 trunk': { left: V4, trunk: V6, right: V4 },
  'an IPv4 peer and an IPv6 peer': { left: V4, trunk: V4, right: V6 },
})) {
  t.test(`data is forwarded from client to trunk to client: ${name}`, async (t) => {
    const { left, right, a, b, close } = await connect(families);
    for (const payload of ['', 'x', 'hello', 'y'.repeat(1_424), 'z'.repeat(9_000)]) {
      a.send(left.clientAddress(), hello(payload));
      t.same(await b.receive(), hello(payload), `${payload.length} bytes there`);
      b.send(right.clientAddress(), hello(payload));
      t.same(await a.receive(), hello(payload), `${payload.length} bytes back`);
    }
    t.equal(left.count('client_to_trunk'), 5);
    t.equal(left.count('trunk_to_client'), 5);
    const traffic = { recordsSent: 5, recordsReceived: 5, recordsLost: 0 };
    t.same(left.plane.remoteRelayTraffic(3), traffic);
    t.same(right.plane.remoteRelayTraffic(5), traffic);
    await close();
  });
}

t.test(
  'the largest datagram that fits is forwarded, and a longer one counted as send error',
  async (t) => {
    const { left, a, b, close } = await connect({ left: V4, trunk: V4, right: V4 });
    // 65,507 bytes of UDP payload over IPv4, less 28 bytes of the trunk's headers.
    const largest = hello('w'.repeat(65_507 - 28));
    a.send(left.clientAddress(), largest);
    t.same(await b.receive(), largest);
    a.send(left.clientAddress(), hello('w'.repeat(65_507 - 27)));
    await until(() => left.count('send_errors') === 1);
    a.send(left.clientAddress(), hello('still alive'));
    t.same(await b.receive(), hello('still alive'));
    await close();
  },
);

t.test('data is forwarded between two peers of one plane', async (t) => {
  const relay = new TestPlane({ clientAddresses: [V4, V6] });
  const a = await Remote.open(V4);
  const b = await Remote.open(V6);
  const atA = await relay.meet(a, 0);
  const atB = await relay.meet(b, 1);
  t.equal(atB.tuple.handle, listenerHandle('client', 1));
  const put = (from: typeof atA, channel: number, to: typeof atA, toChannel: number) =>
    relay.plane.putClientFlow(
      { ...from, channel },
      { type: 'client', tuple: to.tuple, channel: toChannel },
    );
  put(atA, 0x4001, atB, 0x4fff);
  put(atB, 0x4fff, atA, 0x4001);
  await relay.settle(a, 0);
  a.send(relay.clientAddress(0), encodeChannelData(0x4001, Buffer.from('ping')));
  t.same(await b.receive(), Buffer.from(encodeChannelData(0x4fff, Buffer.from('ping'))));
  b.send(relay.clientAddress(1), encodeChannelData(0x4fff, Buffer.from('pong')));
  t.same(await a.receive(), Buffer.from(encodeChannelData(0x4001, Buffer.from('pong'))));

  relay.plane.removeClientFlow({ ...atA, channel: 0x4001 });
  await relay.settle(a, 0);
  a.send(relay.clientAddress(0), encodeChannelData(0x4001, Buffer.from('too late')));
  await until(() => relay.count('channel_unknown') === 1);
  t.equal(b.waiting, 0);
  a.close();
  b.close();
  await relay.plane.close();
});

t.test('records pass after a repeated put of their relay, and not after its removal', async (t) => {
  const { left, right, a, b, close } = await connect({ left: V4, trunk: V4, right: V4 });
  right.joinPlane(5, left);
  await right.settle(b);
  a.send(left.clientAddress(), hello('after a put of the same relay'));
  t.same(await b.receive(), hello('after a put of the same relay'));

  right.plane.removeRemoteRelay(5);
  await right.settle(b);
  a.send(left.clientAddress(), hello('from a stranger'));
  await until(() => right.count('trunk_unknown_source') === 1);

  right.joinPlane(5, left);
  await right.settle(b);
  a.send(left.clientAddress(), hello('on an index of the relay before'));
  await until(() => right.count('trunk_unbound') === 1);
  const index = { type: 'unbound-index', relayIndex: 5, sessionIndex: 22 };
  await until(() => right.events.length > 0);
  t.same(right.events, [index]);
  t.same(right.plane.remoteRelayTraffic(5), { recordsSent: 0, recordsReceived: 0, recordsLost: 0 });
  await close();
});

t.test('a probe reply is reported with its number and round trip', async (t) => {
  const { left, right, close } = await connect({ left: V4, trunk: V6, right: V4 });
  for (const number of [0, 1, 0xffff_ffff]) left.plane.probe(3, number);
  await until(() => left.events.length === 3);
  for (const [index, number] of [0, 1, 0xffff_ffff].entries()) {
    t.match(left.events[index], { type: 'probe-reply', relayIndex: 3, number });
  }
  const [first] = left.events;
  t.ok(first?.type === 'probe-reply' && first.rttNs > 0);
  t.equal(right.count('trunk_probe'), 3);
  await close();
});

t.test('a datagram is sent after the entries that were put before it', async (t) => {
  const relay = new TestPlane({ workers: 4 });
  const { plane } = relay;
  const a = await Remote.open();
  const at = await relay.meet(a);
  // The echo proves that the flow existed when the datagram arrived.
  for (let round = 0; round < 100; round++) {
    const channel = CHANNEL + round;
    plane.putClientFlow({ ...at, channel }, { type: 'client', tuple: at.tuple, channel });
    plane.send([{ side: 'client', tuple: at.tuple, data: Buffer.from([round]) }]);
    t.same(await a.receive(), Buffer.from([round]));
    const data = Buffer.from(encodeChannelData(channel, Buffer.from('echo')));
    a.send(relay.clientAddress(), data);
    t.same(await a.receive(), data);
  }
  a.close();
  await plane.close();
});

t.test('a wildcard socket answers from the address that the datagram was sent to', async (t) => {
  const relay = new TestPlane({
    clientAddresses: [
      { address: '0.0.0.0', port: 0 },
      { address: '::', port: 0 },
    ],
  });
  for (const [socket, asked, from] of [
    [0, '127.0.0.1', V4],
    [0, '127.0.0.9', V4],
    [1, '::1', V6],
  ] as const) {
    const remote = await Remote.open(from);
    const to = { address: asked, port: relay.clientAddress(socket).port };
    const seen = relay.punted.length;
    remote.send(to, bindingRequest());
    await until(() => relay.punted.length > seen);
    const { tuple, worker } = relay.punted[seen] as (typeof relay.punted)[number];
    t.equal(tuple.local, asked);
    relay.plane.send([{ side: 'client', tuple, data: Buffer.from('answer') }]);
    t.same(await remote.receiveFrom(), { data: Buffer.from('answer'), source: to });
    const channel = CHANNEL;
    relay.plane.putClientFlow({ worker, tuple, channel }, { type: 'client', tuple, channel });
    relay.plane.send([{ side: 'client', tuple, data: Buffer.from('put') }]);
    await remote.receive();
    remote.send(to, hello('echo'));
    t.same(await remote.receiveFrom(), { data: Buffer.from(hello('echo')), source: to });
    remote.close();
  }
  await relay.plane.close();
});
