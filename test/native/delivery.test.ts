import t, { type Test } from 'tap';
import type { TransportAddress } from '../../src/address.js';
import type { Endpoint } from '../../src/native/endpoints.js';
import type { FiveTuple } from '../../src/native/types.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { checkSteering, STEERING } from '../steering.js';
import { dataOf, sendIndication } from './indications.js';
import { Remote, TestPlane, until, V4 } from './planes.js';

const ADVERTISED = '192.0.2.10';
const CHANNEL = 0x5000;
const SECONDS = 600;

/** A client with an allocation. */
interface Side {
  readonly client: Remote;
  readonly worker: number;
  readonly tuple: FiveTuple;
  readonly relayed: Endpoint;
  /** The relayed transport address that others see. */
  readonly shown: TransportAddress;
}

async function openPlane(t: Test, advertised?: string): Promise<TestPlane> {
  const plane = new TestPlane({
    relayedAddresses: { address: V4.address, advertised },
    steering: STEERING,
  });
  t.teardown(() => plane.plane.close());
  checkSteering(t, plane.plane.steering);
  return plane;
}

/** Opens a client that a worker receives, with an allocation. */
async function openSide(t: Test, plane: TestPlane, worker: number): Promise<Side> {
  for (;;) {
    const client = await Remote.open();
    t.teardown(() => client.close());
    const met = await plane.meet(client);
    if (met.worker !== worker) continue;
    const { tuple } = met;
    const relayed = await plane.plane.openEndpoint({ kind: 'relayed', address: V4, worker });
    const { handle } = relayed;
    plane.plane.putAllocation({ worker, tuple, relayed: handle, family: 4 }, SECONDS);
    await plane.settle(client);
    return { client, worker, tuple, relayed, shown: relayed.address };
  }
}

function shownAs(address: string, side: Side): Side {
  return { ...side, shown: { address, port: side.relayed.address.port } };
}

/** Gives a side a permission for the other's IP address. */
function permit(plane: TestPlane, { relayed, tuple }: Side, other: Side): void {
  const peer = { address: other.shown.address, port: 0 };
  plane.plane.putPeerFlow({ relayed: relayed.handle, peer }, { tuple }, SECONDS);
}

/** Binds a channel of a side to the other's relayed transport address. */
function bind(plane: TestPlane, { relayed, tuple, worker }: Side, other: Side): void {
  const { handle } = relayed;
  const to = { type: 'peer', relayed: handle, peer: other.shown } as const;
  plane.plane.putClientFlow({ worker, tuple, channel: CHANNEL }, to, SECONDS);
  const flow = { relayed: handle, peer: other.shown };
  plane.plane.putPeerFlow(flow, { tuple, channel: CHANNEL }, SECONDS);
}

for (const advertised of [undefined, ADVERTISED]) {
  for (const [left, right] of [
    [0, 0],
    [0, 1],
  ] as const) {
    const name = `from worker ${left} to ${right}, ${advertised ?? 'without NAT'}`;
    t.test(`two allocations reach each other without the kernel: ${name}`, async (t) => {
      const plane = await openPlane(t, advertised);
      const shown = advertised ?? V4.address;
      const a = shownAs(shown, await openSide(t, plane, left));
      const b = shownAs(shown, await openSide(t, plane, right));
      permit(plane, a, b);
      permit(plane, b, a);
      await plane.settle(a.client);
      for (const text of ['', 'a', 'ab', 'abc', 'abcd']) {
        for (const isWhole of [false, true]) {
          const payload = Buffer.from(text);
          a.client.send(plane.clientAddress(), sendIndication(b.shown, payload, isWhole));
          t.match(dataOf(await b.client.receive()), { peer: a.shown, payload: text });
        }
      }
      bind(plane, a, b);
      bind(plane, b, a);
      await plane.settle(a.client);
      const long = Buffer.alloc(60_000, 'x');
      for (const payload of [Buffer.from('to'), Buffer.alloc(0), long]) {
        const data = Buffer.from(encodeChannelData(CHANNEL, payload));
        a.client.send(plane.clientAddress(), data);
        t.same(await b.client.receive(), data);
        b.client.send(plane.clientAddress(), data);
        t.same(await a.client.receive(), data);
      }
      t.equal(plane.count('delivered'), 16);
      t.equal(plane.count('client_to_peer'), 16);
      t.equal(plane.count('peer_to_client'), 16);
      t.equal(plane.count('relayed_rx_packets'), 0);
      t.equal(plane.count('relayed_tx_packets'), 0);
      const { handle: relayed } = b.relayed;
      t.match(plane.plane.peerFlowTraffic({ relayed, peer: a.shown }), { packets: 3 });
    });
  }
}

/** Time in ms after which a worker has dropped what it held for the answer to a request. */
const HELD_MS = 500;

for (const right of [0, 1]) {
  t.test(`early data is held at both allocations: from worker 0 to ${right}`, async (t) => {
    for (;;) {
      const plane = await openPlane(t);
      const [a, b] = [await openSide(t, plane, 0), await openSide(t, plane, right)];
      const [handedUp, startedAt] = [plane.punted.length, performance.now()];
      const request = new MessageWriter('request', Method.CreatePermission, new Uint8Array(12));
      const bytes = request.finish();
      for (const { client } of [a, b]) client.send(plane.clientAddress(), bytes);
      await until(() => plane.punted.length === handedUp + 2);
      a.client.send(plane.clientAddress(), sendIndication(b.shown, Buffer.from('early')));
      const wentOn = (count: number) =>
        plane.count('early_data') === count ||
        plane.count('send_no_permission') + plane.count('peer_no_permission') > 0;
      await until(() => wentOn(1));
      permit(plane, a, b);
      await until(() => wentOn(2));
      permit(plane, b, a);
      const answer = new MessageWriter('success', Method.CreatePermission, new Uint8Array(12));
      const { worker, tuple } = b;
      plane.plane.send([{ side: 'client', worker, tuple, data: answer.finish() }]);
      await b.client.receive();
      await until(() => b.client.waiting > 0 || performance.now() - startedAt > HELD_MS);
      // A slow machine: it may have been dropped before the permission was there.
      if (performance.now() - startedAt > 0.8 * HELD_MS) continue;
      t.match(dataOf(await b.client.receive()), { peer: a.shown, payload: 'early' });
      return;
    }
  });
}

t.test('a relayed address delivers only to a client that permits it', async (t) => {
  const plane = await openPlane(t);
  const [a, b] = [await openSide(t, plane, 0), await openSide(t, plane, 1)];
  permit(plane, a, b);
  await plane.settle(a.client);
  a.client.send(plane.clientAddress(), sendIndication(b.shown, Buffer.from('unasked')));
  await until(() => plane.count('peer_no_permission') === 1);
  permit(plane, b, a);
  await plane.settle(b.client);
  a.client.send(plane.clientAddress(), sendIndication(b.shown, Buffer.from('asked')));
  t.match(dataOf(await b.client.receive()), { payload: 'asked' });
});

t.test('an endpoint of another address delivers from its own', async (t) => {
  const plane = await openPlane(t, ADVERTISED);
  const a = await openSide(t, plane, 0);
  const address = { address: '127.0.0.2', port: 0 };
  const { worker, tuple } = a;
  const outer = await plane.plane.openEndpoint({ kind: 'relayed', address, worker });
  const to = { type: 'peer', relayed: outer.handle, peer: a.shown } as const;
  plane.plane.putClientFlow({ worker, tuple, channel: CHANNEL }, to, SECONDS);
  const flow = { relayed: a.relayed.handle, peer: outer.address };
  plane.plane.putPeerFlow(flow, { tuple }, SECONDS);
  await plane.settle(a.client);
  a.client.send(plane.clientAddress(), encodeChannelData(CHANNEL, Buffer.from('from outside')));
  t.match(dataOf(await a.client.receive()), { peer: outer.address, payload: 'from outside' });
});

t.test("no socket of the host gets what is sent to a relayed address's port", async (t) => {
  const plane = await openPlane(t, ADVERTISED);
  const service = await Remote.open();
  t.teardown(() => service.close());
  const a = await openSide(t, plane, 0);
  const ports = [service.address.port];
  for (const address of [V4.address, ADVERTISED]) {
    const peer = { address, port: 0 };
    plane.plane.putPeerFlow({ relayed: a.relayed.handle, peer }, { tuple: a.tuple }, SECONDS);
  }
  await plane.settle(a.client);
  for (const address of [V4.address, ADVERTISED]) {
    for (const port of ports) {
      a.client.send(plane.clientAddress(), sendIndication({ address, port }, Buffer.from('in')));
    }
  }
  await until(() => plane.count('relayed_port_closed') === 2);
  t.equal(plane.count('relayed_tx_packets'), 0);
  t.equal(service.waiting, 0);
});

t.test('a closed allocation gets nothing more, nor does the next one on its port', async (t) => {
  const plane = await openPlane(t);
  const [a, b] = [await openSide(t, plane, 0), await openSide(t, plane, 1)];
  bind(plane, a, b);
  bind(plane, b, a);
  await plane.settle(a.client);
  const data = encodeChannelData(CHANNEL, Buffer.from('data'));
  a.client.send(plane.clientAddress(), data);
  await b.client.receive();
  await plane.plane.closeEndpoint(b.relayed.handle);
  a.client.send(plane.clientAddress(), data);
  await until(() => plane.count('relayed_port_closed') === 1);
  const address = b.relayed.address;
  const next = await plane.plane.openEndpoint({ kind: 'relayed', address, worker: 0 });
  a.client.send(plane.clientAddress(), data);
  await until(() => plane.count('peer_no_permission') === 1);
  const { tuple } = a;
  plane.plane.putPeerFlow({ relayed: next.handle, peer: a.shown }, { tuple }, SECONDS);
  await plane.settle(a.client);
  a.client.send(plane.clientAddress(), data);
  t.match(dataOf(await a.client.receive()), { peer: a.shown, payload: 'data' });
});
