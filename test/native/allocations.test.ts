import t, { type Test } from 'tap';
import { type AddressFamily, familyOf, type TransportAddress } from '../../src/address.js';
import type { Endpoint } from '../../src/native/endpoints.js';
import type { Allocation, FiveTuple } from '../../src/native/types.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { Method } from '../../src/stun/methods.js';
import { checkSteering } from '../steering.js';
import { dataOf, sendIndication } from './indications.js';
import { RELAY_V4, RELAYING, Remote, TestPlane, until, V4, V6 } from './planes.js';

const CHANNEL = 0x7abc;
const SECONDS = 600;

interface Scene {
  readonly plane: TestPlane;
  readonly client: Remote;
  readonly peer: Remote;
  readonly tuple: FiveTuple;
  readonly worker: number;
  readonly relayed: Endpoint;
  readonly family: AddressFamily;
}

function allocationOf({ worker, tuple, relayed, family }: Scene): Allocation {
  return { worker, tuple, relayed: relayed.handle, family };
}

/** A client with an allocation, and a peer. */
async function openScene(t: Test, family: TransportAddress = V4): Promise<Scene> {
  const plane = new TestPlane({ ...RELAYING, clientAddresses: [family] });
  t.teardown(() => plane.plane.close());
  checkSteering(t, plane.plane.steering);
  const [client, peer] = [await Remote.open(family), await Remote.open(family)];
  for (const remote of [client, peer]) t.teardown(() => remote.close());
  const { tuple, worker } = await plane.meet(client);
  const address = family === V4 ? RELAY_V4 : family;
  const relayed = await plane.plane.openEndpoint({ kind: 'relayed', address, worker });
  const scene = { plane, client, peer, tuple, worker, relayed, family: familyOf(family) };
  plane.plane.putAllocation(allocationOf(scene), SECONDS);
  await plane.settle(client);
  return scene;
}

function permit({ plane, relayed, peer, tuple }: Scene, seconds = SECONDS): void {
  const flow = { relayed: relayed.handle, peer: { ...peer.address, port: 0 } };
  plane.plane.putPeerFlow(flow, { tuple }, seconds);
}

function bind({ plane, relayed, peer, tuple, worker }: Scene): void {
  const { handle } = relayed;
  const to = { type: 'peer', relayed: handle, peer: peer.address } as const;
  plane.plane.putClientFlow({ worker, tuple, channel: CHANNEL }, to, SECONDS);
  const flow = { relayed: handle, peer: peer.address };
  plane.plane.putPeerFlow(flow, { tuple, channel: CHANNEL }, SECONDS);
}

for (const family of [V4, V6]) {
  t.test(`indications pass both ways with a permission (${family.address})`, async (t) => {
    const scene = await openScene(t, family);
    const { plane, client, peer, relayed } = scene;
    client.send(plane.clientAddress(), sendIndication(peer.address, Buffer.from('too early')));
    await until(() => plane.count('send_no_permission') === 1);
    permit(scene);
    await plane.settle(client);
    // Every number of padding bytes.
    for (const text of ['', 'a', 'ab', 'abc', 'abcd']) {
      for (const isWhole of [false, true]) {
        const message = sendIndication(peer.address, Buffer.from(text), isWhole);
        client.send(plane.clientAddress(), message);
        const source = relayed.address;
        t.same(await peer.receiveFrom(), { data: Buffer.from(text), source });
      }
      peer.send(relayed.address, Buffer.from(text));
      t.same(dataOf(await client.receive()), {
        messageClass: 'indication',
        method: Method.Data,
        peer: peer.address,
        payload: text,
      });
    }
    t.equal(plane.count('client_to_peer'), 10);
    t.equal(plane.count('peer_to_client'), 5);
    t.equal(plane.count('relayed_tx_packets'), 10);
    t.equal(plane.count('relayed_tx_bytes'), 20);
    t.equal(plane.count('relayed_rx_packets'), 5);
    t.equal(plane.count('relayed_rx_bytes'), 10);
    const allocation = allocationOf(scene);
    t.match(plane.plane.allocationTraffic(allocation), { packets: 10, payloadBytes: 20 });
    const flow = { relayed: relayed.handle, peer: { ...peer.address, port: 0 } };
    t.match(plane.plane.peerFlowTraffic(flow), { packets: 5, payloadBytes: 10 });
    t.equal(plane.plane.peerFlowTraffic({ ...flow, peer: peer.address }), undefined);
  });

  t.test(`a channel carries both ways, with no other permission (${family.address})`, async (t) => {
    const scene = await openScene(t, family);
    const { plane, client, peer, relayed, worker, tuple } = scene;
    bind(scene);
    await plane.settle(client);
    for (const text of ['', 'hello']) {
      client.send(plane.clientAddress(), encodeChannelData(CHANNEL, Buffer.from(text)));
      t.same(await peer.receiveFrom(), { data: Buffer.from(text), source: relayed.address });
      peer.send(relayed.address, Buffer.from(text));
      t.same(await client.receive(), Buffer.from(encodeChannelData(CHANNEL, Buffer.from(text))));
    }
    client.send(plane.clientAddress(), sendIndication(peer.address, Buffer.from('send')));
    t.same(await peer.receive(), Buffer.from('send'), 'a channel is a permission for its peer');
    const flow = { worker, tuple, channel: CHANNEL };
    t.match(plane.plane.flowTraffic(flow), { packets: 2, payloadBytes: 5 });
    const back = { relayed: relayed.handle, peer: peer.address };
    t.match(plane.plane.peerFlowTraffic(back), { packets: 2, payloadBytes: 5 });
  });
}

t.test('a peer without a permission, and another address, are dropped', async (t) => {
  const scene = await openScene(t);
  const { plane, client, peer, relayed } = scene;
  const stranger = await Remote.open({ address: '127.0.0.2', port: 0 });
  t.teardown(() => stranger.close());
  peer.send(relayed.address, Buffer.from('early'));
  await until(() => plane.count('peer_no_permission') === 1);
  permit(scene);
  await plane.settle(client);
  stranger.send(relayed.address, Buffer.from('stranger'));
  await until(() => plane.count('peer_no_permission') === 2);
  const other = await Remote.open();
  t.teardown(() => other.close());
  other.send(relayed.address, Buffer.from('another port of a permitted address'));
  t.match(dataOf(await client.receive()), { peer: other.address });
  client.send(plane.clientAddress(), sendIndication(stranger.address, Buffer.from('x')));
  await until(() => plane.count('send_no_permission') === 1);
  client.send(
    plane.clientAddress(),
    sendIndication({ ...peer.address, port: 0 }, Buffer.from('x')),
  );
  await until(() => plane.count('send_no_permission') === 2);
});

t.test('a client with a relayed address of each family sends by that of its peer', async (t) => {
  const scene = await openScene(t);
  const { plane, client, worker, tuple } = scene;
  const [six, relayed] = [
    await Remote.open(V6),
    await plane.plane.openEndpoint({
      kind: 'relayed',
      address: V6,
      worker,
    }),
  ];
  t.teardown(() => six.close());
  const second = { worker, tuple, relayed: relayed.handle, family: 6 } as const;
  plane.plane.putAllocation(second, SECONDS);
  permit(scene);
  const flow = { relayed: relayed.handle, peer: { ...six.address, port: 0 } };
  plane.plane.putPeerFlow(flow, { tuple }, SECONDS);
  await plane.settle(client);
  for (const [peer, source] of [
    [scene.peer, scene.relayed.address],
    [six, relayed.address],
  ] as const) {
    client.send(plane.clientAddress(), sendIndication(peer.address, Buffer.from('x')));
    t.same(await peer.receiveFrom(), { data: Buffer.from('x'), source });
  }
  plane.plane.removeAllocation(second);
  t.match(plane.plane.allocationTraffic(allocationOf(scene)), { packets: 1 });
  t.equal(plane.plane.allocationTraffic(second), undefined);
});

t.test('a permission may hold for some ports only', async (t) => {
  const scene = await openScene(t);
  const { plane, client, peer, relayed, tuple } = scene;
  const { address, port } = peer.address;
  const flow = { relayed: relayed.handle, peer: { address, port: 0 } };
  plane.plane.putPeerFlow(flow, { tuple, ports: { min: port, max: port } }, SECONDS);
  await plane.settle(client);
  client.send(plane.clientAddress(), sendIndication(peer.address, Buffer.from('x')));
  t.same(await peer.receive(), Buffer.from('x'));
  const other = await Remote.open();
  t.teardown(() => other.close());
  client.send(plane.clientAddress(), sendIndication(other.address, Buffer.from('x')));
  await until(() => plane.count('send_no_permission') === 1);
  other.send(relayed.address, Buffer.from('x'));
  await until(() => plane.count('peer_no_permission') === 1);
  const backwards = { tuple, ports: { min: 2, max: 1 } };
  t.throws(() => plane.plane.putPeerFlow(flow, backwards, 1), { code: 'ERR_TURNPIKE_ARGUMENT' });
});

t.test('data on an unbound channel of an allocation is dropped without an answer', async (t) => {
  const plane = new TestPlane({ ...RELAYING, closedIndicationsPerSecond: 1_000 });
  t.teardown(() => plane.plane.close());
  const client = await Remote.open();
  t.teardown(() => client.close());
  const { tuple, worker } = await plane.meet(client);
  const relayed = await plane.plane.openEndpoint({ kind: 'relayed', address: RELAY_V4, worker });
  const allocation = { worker, tuple, relayed: relayed.handle, family: 4 } as const;
  plane.plane.putAllocation(allocation, SECONDS);
  await plane.settle(client);
  const data = encodeChannelData(CHANNEL, Buffer.alloc(40));
  client.send(plane.clientAddress(), data);
  await until(() => plane.count('channel_unknown') === 1);
  await plane.settle(client);
  t.equal(plane.count('closed_indications_sent'), 0);
  plane.plane.removeAllocation(allocation);
  await plane.settle(client);
  client.send(plane.clientAddress(), data);
  await until(() => plane.count('closed_indications_sent') === 1);
});

t.test('a client without an allocation sends nothing', async (t) => {
  const scene = await openScene(t);
  const { plane, client, peer } = scene;
  permit(scene);
  const other = await Remote.open();
  t.teardown(() => other.close());
  other.send(plane.clientAddress(), sendIndication(peer.address, Buffer.from('x')));
  await until(() => plane.count('send_no_allocation') === 1);
  plane.plane.removeAllocation(allocationOf(scene));
  await plane.settle(client);
  client.send(plane.clientAddress(), sendIndication(peer.address, Buffer.from('x')));
  await until(() => plane.count('send_no_allocation') === 2);
  t.equal(plane.plane.allocationTraffic(allocationOf(scene)), undefined);
  t.equal(plane.punted.length, 1, 'no Send indication is punted');
});

t.test('permissions and channels expire by the workers’ clock', async (t) => {
  const scene = await openScene(t);
  const { plane, client, peer, relayed } = scene;
  permit(scene, 1);
  await plane.settle(client);
  peer.send(relayed.address, Buffer.from('in time'));
  t.match(dataOf(await client.receive()), { payload: 'in time' });
  const before = plane.count('peer_no_permission');
  while (plane.count('peer_no_permission') === before) {
    peer.send(relayed.address, Buffer.from('late'));
    await new Promise((done) => setTimeout(done, 50));
  }
  permit(scene, 1);
  await plane.settle(client);
  peer.send(relayed.address, Buffer.from('again'));
  for (;;) {
    const { payload } = dataOf(await client.receive()) as { payload: string };
    if (payload === 'again') break;
  }
});

t.test('closing the endpoint removes its permissions and frees its port', async (t) => {
  const scene = await openScene(t);
  const { plane, client, peer, relayed } = scene;
  permit(scene);
  bind(scene);
  await plane.settle(client);
  await plane.plane.closeEndpoint(relayed.handle);
  const flow = { relayed: relayed.handle, peer: { ...peer.address, port: 0 } };
  t.equal(plane.plane.peerFlowTraffic(flow), undefined);
  client.send(plane.clientAddress(), encodeChannelData(CHANNEL, Buffer.from('x')));
  await until(() => plane.count('endpoint_gone') === 1);
  t.throws(() => permit(scene), { code: 'ERR_TURNPIKE_ADDRESS' });
  const again = await plane.plane.openEndpoint({ ...relayed, address: relayed.address });
  t.same(again.address, relayed.address);
  t.throws(() => plane.plane.putAllocation(allocationOf(scene), 1), {
    code: 'ERR_TURNPIKE_ADDRESS',
  });
});

t.test('a burst of equal datagrams of a peer arrives whole', async (t) => {
  const scene = await openScene(t);
  const { plane, client, peer, relayed } = scene;
  permit(scene);
  await plane.settle(client);
  // Their length needs padding, and one message of the kernel may hold several of them.
  const payload = (index: number) => Buffer.from(`${index}`.padStart(101, '.'));
  for (let first = 0; first < 512; first += 64) {
    for (let i = first; i < first + 64; i += 1) peer.send(relayed.address, payload(i));
    for (let i = first; i < first + 64; i += 1) {
      const { payload: text } = dataOf(await client.receive()) as { payload: string };
      if (text !== payload(i).toString()) t.equal(text, payload(i).toString());
    }
  }
  t.equal(plane.count('peer_to_client'), 512);
});

t.test('what is no allocation of the plane is refused', async (t) => {
  const scene = await openScene(t);
  const { plane, client, peer, tuple, worker, relayed } = scene;
  const allocation = allocationOf(scene);
  const { handle } = relayed;
  const other = worker === 0 ? 1 : 0;
  const { plane: native } = plane;
  const elsewhere = await native.openEndpoint({
    kind: 'relayed',
    address: RELAY_V4,
    worker: other,
  });
  t.throws(() => native.putAllocation({ ...allocation, relayed: elsewhere.handle }, 1), {
    code: 'ERR_TURNPIKE_ARGUMENT',
  });
  t.throws(() => native.putAllocation({ ...allocation, relayed: tuple.handle }, 1), {
    code: 'ERR_TURNPIKE_ARGUMENT',
  });
  t.throws(() => native.putAllocation({ ...allocation, family: 6 }, 1), {
    code: 'ERR_TURNPIKE_ARGUMENT',
  });
  const flow = { relayed: handle, peer: peer.address };
  t.throws(() => native.putPeerFlow(flow, { tuple, channel: 0x3fff }, 1), {
    code: 'ERR_TURNPIKE_ARGUMENT',
  });
  t.throws(() => native.putPeerFlow({ ...flow, relayed: tuple.handle }, { tuple }, 1), {
    code: 'ERR_TURNPIKE_ARGUMENT',
  });
  const six = { relayed: handle, peer: { address: '::1', port: 1 } };
  t.throws(() => native.putPeerFlow(six, { tuple }, 1), { code: 'ERR_TURNPIKE_ADDRESS' });
  const back = { handle, remote: client.address };
  t.throws(() => native.putPeerFlow(flow, { tuple: back }, 1), { code: 'ERR_TURNPIKE_ADDRESS' });
  const wildcard = { address: '0.0.0.0', port: 0 };
  await t.rejects(native.openEndpoint({ kind: 'relayed', address: wildcard, worker }), {
    code: 'ERR_TURNPIKE_ARGUMENT',
  });
});
