import t, { type Test } from 'tap';
import type { TransportAddress } from '../../src/address.js';
import type { Endpoint } from '../../src/native/endpoints.js';
import type { FiveTuple } from '../../src/native/types.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { dataOf, sendIndication } from './indications.js';
import { Remote, TestPlane, until, V4 } from './planes.js';

const CHANNEL = 0x5000;
const SECONDS = 600;

/** A client with an allocation at a plane of its own, whose peer is the other plane's. */
interface Side {
  readonly plane: TestPlane;
  readonly client: Remote;
  readonly worker: number;
  readonly tuple: FiveTuple;
  readonly relayed: Endpoint;
  /** The index of the other plane's relay here. */
  readonly relayIndex: number;
  /** The session index on which this plane gets records. */
  readonly index: number;
}

/** Opens a plane and a client that a worker of it receives, with an allocation. */
async function openSide(t: Test, worker: number, index: number): Promise<Side> {
  const plane = new TestPlane();
  t.teardown(() => plane.plane.close());
  for (;;) {
    const client = await Remote.open();
    t.teardown(() => client.close());
    const met = await plane.meet(client);
    if (met.worker !== worker) continue;
    const relayed = await plane.plane.openEndpoint({ kind: 'relayed', address: V4, worker });
    const { tuple } = met;
    plane.plane.putAllocation({ worker, tuple, relayed: relayed.handle, family: 4 }, SECONDS);
    return { plane, client, worker, tuple, relayed, relayIndex: index + 3, index };
  }
}

/** Opens two sides that are each other's peers, with a permission, and a trunk between them. */
async function openPair(t: Test, workers: readonly [number, number] = [0, 1]) {
  const a = await openSide(t, workers[0], 1);
  const b = await openSide(t, workers[1], 2);
  for (const [side, other] of [
    [a, b],
    [b, a],
  ] as const) {
    side.plane.joinPlane(side.relayIndex, other.plane);
    const peer = { address: other.relayed.address.address, port: 0 };
    const flow = { relayed: side.relayed.handle, peer };
    side.plane.plane.putPeerFlow(flow, { tuple: side.tuple }, SECONDS);
  }
  return [a, b] as const;
}

/** Binds what goes from one side to the other to a session index of the other. */
async function bind(from: Side, to: Side, seconds = SECONDS): Promise<void> {
  const tuple = { handle: to.relayed.handle, remote: from.relayed.address };
  to.plane.plane.putSession(to.index, { relayIndex: to.relayIndex, tuple }, seconds);
  await to.plane.settle(to.client);
  const flow = { relayed: from.relayed.handle, peer: to.relayed.address };
  const action = { relayIndex: from.relayIndex, sessionIndex: to.index };
  from.plane.plane.putTrunkRoute(flow, action, seconds);
  await from.plane.settle(from.client);
}

/** Binds a channel of a side to the other's relayed address. */
async function bindChannel({ plane, relayed, tuple, worker, client }: Side, peer: Side) {
  const { handle } = relayed;
  const to = { type: 'peer', relayed: handle, peer: peer.relayed.address } as const;
  plane.plane.putClientFlow({ worker, tuple, channel: CHANNEL }, to, SECONDS);
  const flow = { relayed: handle, peer: peer.relayed.address };
  plane.plane.putPeerFlow(flow, { tuple, channel: CHANNEL }, SECONDS);
  await plane.settle(client);
}

const onChannel = (payload: Uint8Array) => Buffer.from(encodeChannelData(CHANNEL, payload));
const sentBare = ({ plane }: Side) => plane.count('relayed_tx_packets');

for (const workers of [
  [0, 0],
  [0, 1],
  [1, 0],
] as const) {
  t.test(`what two allocations send goes over the trunk: workers ${workers}`, async (t) => {
    const [a, b] = await openPair(t, workers);
    await bind(a, b);
    await bind(b, a);
    for (const text of ['', 'a', 'ab', 'abc', 'abcd', 'x'.repeat(1_424)]) {
      for (const isWhole of [false, true]) {
        const payload = Buffer.from(text);
        const sent = sendIndication(b.relayed.address, payload, isWhole);
        a.client.send(a.plane.clientAddress(), sent);
        const got = dataOf(await b.client.receive());
        t.match(got, { peer: a.relayed.address, payload: text }, `${text.length} bytes`);
      }
    }
    await bindChannel(a, b);
    await bindChannel(b, a);
    const longest = Buffer.alloc(1_424, 'y');
    for (const payload of [Buffer.from('to'), Buffer.alloc(0), longest]) {
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        from.client.send(from.plane.clientAddress(), onChannel(payload));
        t.same(await to.client.receive(), onChannel(payload));
      }
    }
    t.equal(a.plane.count('client_to_peer'), 15);
    t.equal(a.plane.count('peer_by_trunk'), 15);
    t.equal(b.plane.count('trunk_to_relayed'), 15);
    t.equal(b.plane.count('peer_to_client'), 15);
    t.equal(sentBare(a) + sentBare(b), 0, 'nothing went as bare UDP');
    const { handle: relayed } = b.relayed;
    const traffic = b.plane.plane.peerFlowTraffic({ relayed, peer: a.relayed.address });
    t.match(traffic, { packets: 3 }, 'it counts for the allocation');
    t.match(a.plane.plane.remoteRelayTraffic(a.relayIndex), { recordsSent: 15, recordsLost: 0 });
  });
}

t.test('records of several datagrams at once share trunk datagrams, in order', async (t) => {
  const [a, b] = await openPair(t);
  await bind(a, b);
  await bindChannel(a, b);
  const sent = Array.from({ length: 200 }, (_, index) => `${index}`);
  for (const text of sent) a.client.send(a.plane.clientAddress(), onChannel(Buffer.from(text)));
  for (const text of sent) t.match(dataOf(await b.client.receive()), { payload: text });
  t.equal(b.plane.count('trunk_to_relayed'), 200);
  t.ok(b.plane.count('trunk_data') <= 200);
});

t.test('the receiving side checks the permission of its own client', async (t) => {
  const [a, b] = await openPair(t);
  await bind(a, b);
  const send = () =>
    a.client.send(
      a.plane.clientAddress(),
      sendIndication(b.relayed.address, Buffer.from('unasked')),
    );
  const flow = {
    relayed: b.relayed.handle,
    peer: { address: a.relayed.address.address, port: 0 },
  };
  b.plane.plane.removePeerFlow(flow);
  await b.plane.settle(b.client);
  send();
  await until(() => b.plane.count('peer_no_permission') === 1);
  const ports = { min: 1, max: 1 };
  b.plane.plane.putPeerFlow(flow, { tuple: b.tuple, ports }, SECONDS);
  await b.plane.settle(b.client);
  send();
  await until(() => b.plane.count('peer_no_permission') === 2);
  t.equal(b.plane.count('trunk_to_relayed'), 2);
  t.equal(b.client.waiting, 0);
});

t.test('what is not bound, or does not fit the trunk, leaves as bare UDP', async (t) => {
  const [a, b] = await openPair(t);
  await bindChannel(a, b);
  const pass = async (payload: Buffer): Promise<void> => {
    a.client.send(a.plane.clientAddress(), onChannel(payload));
    t.match(dataOf(await b.client.receive()), { payload: payload.toString() });
  };
  await pass(Buffer.from('before'));
  t.equal(sentBare(a), 1);
  await bind(a, b);
  await pass(Buffer.from('bound'));
  t.equal(sentBare(a), 1);
  await pass(Buffer.alloc(1_425, 'z'));
  t.equal(sentBare(a), 2, 'too long');
  a.client.send(
    a.plane.clientAddress(),
    sendIndication(b.relayed.address, Buffer.alloc(1_425, 'z'), true),
  );
  t.match(dataOf(await b.client.receive()), { payload: 'z'.repeat(1_425) });
  t.equal(sentBare(a), 3, 'and with DONT-FRAGMENT');
  a.plane.plane.removeTrunkRoute({ relayed: a.relayed.handle, peer: b.relayed.address });
  await a.plane.settle(a.client);
  await pass(Buffer.from('removed'));
  t.equal(sentBare(a), 4);
  await bind(a, b);
  await pass(Buffer.from('bound again'));
  a.plane.plane.removeRemoteRelay(a.relayIndex);
  await a.plane.settle(a.client);
  await pass(Buffer.from('the relay is gone'));
  t.equal(sentBare(a), 5);
});

t.test('an expired way over the trunk carries nothing, in either direction', async (t) => {
  const [a, b] = await openPair(t);
  await bindChannel(a, b);
  await bind(a, b, 1);
  const send = () => a.client.send(a.plane.clientAddress(), onChannel(Buffer.from('x')));
  await until(() => {
    send();
    return sentBare(a) > 0;
  });
  const flow = { relayed: a.relayed.handle, peer: b.relayed.address };
  const action = { relayIndex: a.relayIndex, sessionIndex: b.index };
  a.plane.plane.putTrunkRoute(flow, action, SECONDS);
  await until(() => {
    send();
    return b.plane.count('trunk_expired') > 0;
  });
});

t.test('an endpoint that is closed takes its ways over the trunk along', async (t) => {
  const [a, b] = await openPair(t);
  await bind(a, b);
  await bindChannel(a, b);
  await b.plane.plane.closeEndpoint(b.relayed.handle);
  a.client.send(a.plane.clientAddress(), onChannel(Buffer.from('x')));
  await until(() => b.plane.count('endpoint_gone') === 1);
  t.equal(b.plane.count('trunk_to_relayed'), 1);
  await a.plane.plane.closeEndpoint(a.relayed.handle);
  const flow = { relayed: a.relayed.handle, peer: b.relayed.address };
  const action = { relayIndex: a.relayIndex, sessionIndex: b.index };
  t.throws(() => a.plane.plane.putTrunkRoute(flow, action, 1), { code: 'ERR_TURNPIKE_ADDRESS' });
});

t.test(
  'a way over the trunk is of a known relay, a peer with a port and an endpoint',
  async (t) => {
    const a = await openSide(t, 0, 1);
    const native = a.plane.plane;
    const peer: TransportAddress = { address: '127.0.0.1', port: 9 };
    const flow = { relayed: a.relayed.handle, peer };
    const action = { relayIndex: a.relayIndex, sessionIndex: 1 };
    t.throws(() => native.putTrunkRoute(flow, action, 1), { code: 'ERR_TURNPIKE_UNKNOWN_RELAY' });
    a.plane.join(a.relayIndex, { address: '127.0.0.1', port: 10 });
    native.putTrunkRoute(flow, action, 1);
    t.throws(() => native.putTrunkRoute({ ...flow, peer: { ...peer, port: 0 } }, action, 1), {
      code: 'ERR_TURNPIKE_ADDRESS',
    });
    t.throws(() => native.putTrunkRoute({ ...flow, relayed: a.tuple.handle }, action, 1), {
      code: 'ERR_TURNPIKE_ARGUMENT',
    });
    const { relayIndex } = a;
    const tuple = { handle: a.tuple.handle, remote: peer };
    t.throws(() => native.putSession(1, { relayIndex, tuple }, 1), {
      code: 'ERR_TURNPIKE_ARGUMENT',
    });
  },
);
