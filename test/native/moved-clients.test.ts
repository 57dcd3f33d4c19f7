import t, { type Test } from 'tap';
import type { Endpoint } from '../../src/native/endpoints.js';
import type { FiveTuple } from '../../src/native/types.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { dataOf, sendIndication } from './indications.js';
import { bindingRequest, RELAY_V4, RELAYING, Remote, TestPlane, until } from './planes.js';

const CHANNEL = 0x4abc;
const SECONDS = 600;

/** A client's socket, and where the plane sees it. */
interface Place {
  readonly client: Remote;
  readonly tuple: FiveTuple;
  readonly worker: number;
}

interface Scene {
  readonly plane: TestPlane;
  readonly peer: Remote;
  readonly relayed: Endpoint;
  /** Where the client was, and where it is now. */
  readonly before: Place;
  readonly now: Place;
}

async function openPlace(t: Test, plane: TestPlane, worker: number): Promise<Place> {
  for (;;) {
    const client = await Remote.open();
    t.teardown(() => client.close());
    const met = await plane.meet(client);
    if (met.worker === worker) return { client, ...met };
  }
}

/** A client of worker 0 with an allocation and a channel, which moves to a worker. */
async function openScene(t: Test, worker: number): Promise<Scene> {
  const plane = new TestPlane(RELAYING);
  t.teardown(() => plane.plane.close());
  const peer = await Remote.open();
  t.teardown(() => peer.close());
  const [before, now] = [await openPlace(t, plane, 0), await openPlace(t, plane, worker)];
  const relayed = await plane.plane.openEndpoint({ kind: 'relayed', address: RELAY_V4, worker: 0 });
  const scene = { plane, peer, relayed, before, now };
  putEntries(scene, before.tuple);
  await plane.settle(before.client);
  return scene;
}

/** Puts the entries of the allocation, for a 5-tuple of the client. */
function putEntries({ plane: { plane }, peer, relayed: { handle } }: Scene, tuple: FiveTuple) {
  plane.putAllocation({ worker: 0, tuple, relayed: handle, family: 4 }, SECONDS);
  const to = { type: 'peer', relayed: handle, peer: peer.address } as const;
  plane.putClientFlow({ worker: 0, tuple, channel: CHANNEL }, to, SECONDS);
  const back = { relayed: handle, peer: peer.address };
  plane.putPeerFlow(back, { tuple, channel: CHANNEL }, SECONDS);
}

/** Has the plane take the new 5-tuple for the old one. */
function move({ plane: { plane }, before, now }: Scene, number: number): void {
  const action = { worker: 0, tuple: before.tuple, number };
  for (const worker of new Set([0, now.worker])) {
    plane.putMovedClient({ worker, tuple: now.tuple }, action);
  }
}

const onChannel = (text: string) => Buffer.from(encodeChannelData(CHANNEL, Buffer.from(text)));
const sent = ({ peer }: Scene, text: string) => sendIndication(peer.address, Buffer.from(text));

for (const worker of [0, 1]) {
  t.test(`data of a new 5-tuple counts as that of the old one: worker ${worker}`, async (t) => {
    const scene = await openScene(t, worker);
    const { plane, peer, relayed, before, now } = scene;
    const to = plane.clientAddress();
    now.client.send(to, onChannel('too early'));
    await until(() => plane.count('channel_unknown') === 1);
    move(scene, 77);
    await plane.settle(before.client);
    for (const data of [onChannel('channel'), sent(scene, 'send'), onChannel('')]) {
      now.client.send(to, data);
      t.same((await peer.receiveFrom()).source, relayed.address);
    }
    t.same(plane.events, [{ type: 'client-moved', number: 77 }], 'it is reported once');
    before.client.send(to, onChannel('before'));
    t.same(await peer.receive(), Buffer.from('before'), 'the old 5-tuple goes on');
    peer.send(relayed.address, Buffer.from('back'));
    t.same(await before.client.receive(), onChannel('back'), 'it is what peers reach');
    t.equal(plane.count('handed_over'), worker === 0 ? 0 : 3);
    const flow = { worker: 0, tuple: before.tuple, channel: CHANNEL };
    t.match(plane.plane.channelTraffic(flow), { packets: 3, payloadBytes: 13 });
  });

  t.test(`entries of the new 5-tuple take over: worker ${worker}`, async (t) => {
    const scene = await openScene(t, worker);
    const { plane, peer, relayed, before, now } = scene;
    move(scene, 1);
    putEntries(scene, now.tuple);
    plane.plane.removeClientFlow({ worker: 0, tuple: before.tuple, channel: CHANNEL });
    const { handle } = relayed;
    plane.plane.removeAllocation({ worker: 0, tuple: before.tuple, relayed: handle, family: 4 });
    plane.plane.removeMovedClient({ worker: 0, tuple: now.tuple });
    if (worker !== 0) {
      const action = { worker: 0, tuple: now.tuple, number: 1 };
      plane.plane.putMovedClient({ worker, tuple: now.tuple }, action);
    }
    await plane.settle(before.client);
    now.client.send(plane.clientAddress(), onChannel('channel'));
    t.same(await peer.receive(), Buffer.from('channel'));
    now.client.send(plane.clientAddress(), sent(scene, 'send'));
    t.same(await peer.receive(), Buffer.from('send'));
    peer.send(relayed.address, Buffer.from('back'));
    t.same(await now.client.receive(), onChannel('back'));
    t.equal(before.client.waiting, 0);
    const permission = { relayed: handle, peer: { ...peer.address, port: 0 } };
    plane.plane.putPeerFlow(permission, { tuple: now.tuple }, SECONDS);
    plane.plane.removePeerFlow({ relayed: handle, peer: peer.address });
    await plane.settle(now.client);
    peer.send(relayed.address, Buffer.from('data'));
    t.match(dataOf(await now.client.receive()), { payload: 'data' });
    before.client.send(plane.clientAddress(), onChannel('late'));
    await until(() => plane.count('channel_unknown') === 1);
    t.same(plane.events, []);
  });
}

t.test('requests of a new 5-tuple are handed up by the worker of the entries', async (t) => {
  const scene = await openScene(t, 1);
  const { plane, now } = scene;
  move(scene, 1);
  await plane.settle(now.client);
  const { worker, tuple } = await plane.meet(now.client);
  t.equal(worker, 0);
  t.same(tuple, now.tuple, 'with the new 5-tuple');
  plane.plane.removeMovedClient({ worker: 1, tuple });
  await plane.settle(now.client);
  t.equal((await plane.meet(now.client)).worker, 1);
});

t.test('datagrams are handed over once, and only to workers', async (t) => {
  const scene = await openScene(t, 1);
  const { plane, before, now } = scene;
  const { tuple } = now;
  plane.plane.putMovedClient({ worker: 1, tuple }, { worker: 0, tuple, number: 0 });
  plane.plane.putMovedClient({ worker: 0, tuple }, { worker: 1, tuple, number: 0 });
  await plane.settle(before.client);
  now.client.send(plane.clientAddress(), onChannel('round'));
  await until(() => plane.count('channel_unknown') === 1);
  const punted = plane.punted.length;
  now.client.send(plane.clientAddress(), bindingRequest());
  await until(() => plane.punted.length > punted);
  t.equal(plane.count('handed_over'), 2);
  const put = (action: object) => () =>
    plane.plane.putMovedClient({ worker: 0, tuple }, { worker: 0, tuple, number: 1, ...action });
  t.throws(put({ worker: 2 }), { code: 'ERR_TURNPIKE_ARGUMENT' });
  t.throws(put({ number: -1 }), { code: 'ERR_TURNPIKE_ARGUMENT' });
  const relayed = { handle: scene.relayed.handle, remote: tuple.remote };
  t.throws(put({ tuple: relayed }), { code: 'ERR_TURNPIKE_ADDRESS' });
});
