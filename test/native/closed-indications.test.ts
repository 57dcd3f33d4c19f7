import t from 'tap';
import { listenerHandle } from '../../src/native/transport-handle.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { decodeMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { Remote, TestPlane, until, V6 } from './planes.js';

const DATA = encodeChannelData(0x4000, Buffer.alloc(100));

t.test('data on an unknown channel gets one Closed indication without attributes', async (t) => {
  const relay = new TestPlane({
    closedIndicationsPerSecond: 1_000,
    clientAddresses: [V6],
    workers: 1,
  });
  const peer = await Remote.open(V6);
  const ids = new Set<string>();
  for (let n = 0; n < 3; n += 1) {
    peer.send(relay.clientAddress(), DATA);
    const hint = await peer.receive();
    t.equal(hint.length, 20);
    const decoded = decodeMessage(hint);
    if (!decoded.ok) throw new Error(decoded.reason);
    t.match(decoded.message, { messageClass: 'indication', method: Method.Closed });
    ids.add(Buffer.from(decoded.message.transactionId).toString('hex'));
  }
  t.equal(ids.size, 3, 'each with its own transaction id');
  t.equal(relay.count('closed_indications_sent'), 3);
  t.equal(relay.count('channel_unknown'), 3);
  peer.close();
  await relay.plane.close();
});

t.test('a 5-tuple with a flow gets Closed for data on another channel', async (t) => {
  const relay = new TestPlane({ closedIndicationsPerSecond: 1_000 });
  const [peer, other] = [await Remote.open(), await Remote.open()];
  const { tuple, worker } = await relay.meet(peer);
  const to = { handle: listenerHandle('client', 0), remote: other.address };
  relay.plane.putClientFlow(
    { worker, tuple, channel: 0x4000 },
    { type: 'client', channel: 0x4001, tuple: to },
  );
  await relay.settle(peer);
  peer.send(relay.clientAddress(), DATA);
  t.equal((await other.receive()).length, DATA.length, 'data of the flow is forwarded');
  peer.send(relay.clientAddress(), encodeChannelData(0x4002, Buffer.alloc(100)));
  t.equal((await peer.receive()).length, 20);
  t.equal(relay.count('closed_indications_sent'), 1);
  for (const remote of [peer, other]) remote.close();
  await relay.plane.close();
});

t.test('a source gets no more Closed indications than its budget', async (t) => {
  const relay = new TestPlane({ closedIndicationsPerSecond: 100_000, workers: 1 });
  const peer = await Remote.open();
  for (let n = 0; n < 200; n += 1) peer.send(relay.clientAddress(), DATA);
  const sent = () => relay.count('closed_indications_sent');
  // Each is counted after its datagram.
  await until(() => sent() + relay.count('closed_indications_over_budget') === 200);
  t.equal(relay.count('channel_unknown'), 200);
  t.ok(sent() >= 20, `${sent()}`);
  t.ok(sent() < 200, `${sent()}`);
  peer.close();
  await relay.plane.close();
});

t.test('no Closed indication is sent to relays, nor by a plane without the option', async (t) => {
  const [asked, silent] = [
    new TestPlane({ closedIndicationsPerSecond: 1_000, workers: 1 }),
    new TestPlane({ workers: 1 }),
  ];
  const peer = await Remote.open();
  const relays = [await Remote.open(), await Remote.open()];
  asked.plane.setRelayHosts(relays.map(({ address }) => address));
  for (const relay of relays) relay.send(asked.clientAddress(), DATA);
  peer.send(silent.clientAddress(), DATA);
  peer.send(asked.clientAddress(), DATA.subarray(0, 4));
  await until(() => asked.count('channel_data_malformed') + asked.count('channel_unknown') === 3);
  await until(() => silent.count('channel_unknown') === 1);
  peer.send(asked.clientAddress(), DATA);
  await peer.receive();
  t.strictSame(
    [peer, ...relays].map(({ waiting }) => waiting),
    [0, 0, 0],
  );
  t.equal(asked.count('closed_indications_sent'), 1);
  t.throws(() => asked.plane.setRelayHosts([{ address: 'nowhere', port: 1 }]), {
    code: 'ERR_TURNPIKE_ADDRESS',
  });
  for (const remote of [peer, ...relays]) remote.close();
  await Promise.all([asked.plane.close(), silent.plane.close()]);
});

t.test('two planes do not answer each other’s Closed indications', async (t) => {
  const planes = [
    new TestPlane({ closedIndicationsPerSecond: 100_000, workers: 1 }),
    new TestPlane({ closedIndicationsPerSecond: 100_000, workers: 1 }),
  ] as const;
  // Data from the other plane's socket, as if an attacker had forged its source.
  const [a, b] = planes;
  a.plane.send([
    {
      side: 'client',
      tuple: { handle: listenerHandle('client', 0), remote: b.clientAddress() },
      data: DATA,
    },
  ]);
  await until(() => a.punted.length === 1);
  t.equal(b.count('closed_indications_sent'), 1);
  t.equal(a.count('closed_indications_sent'), 0, 'an indication is punted, not answered');
  await Promise.all(planes.map(({ plane }) => plane.close()));
});
