import t, { type Test } from 'tap';
import { formatAddress, type TransportAddress } from '../../src/address.js';
import type { Endpoint } from '../../src/native/endpoints.js';
import { DATA_PLANE_LIMITS } from '../../src/native/interface.js';
import { listenerHandle, type TransportHandle } from '../../src/native/transport-handle.js';
import type { FiveTuple } from '../../src/native/types.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { openDescriptors } from '../setup/open-descriptors.js';
import { bindingRequest, Remote, TestPlane, until, V4, V6 } from './planes.js';

const CHANNEL = 0x4000;

function openPlane(t: Test, options = {}): TestPlane {
  const plane = new TestPlane(options);
  t.teardown(() => plane.plane.close());
  return plane;
}

async function openRemote(t: Test, address?: TransportAddress): Promise<Remote> {
  const remote = await Remote.open(address);
  t.teardown(() => remote.close());
  return remote;
}

function openEndpoint({ plane }: TestPlane, worker = 0, address = V4): Promise<Endpoint> {
  return plane.openEndpoint({ kind: 'client', address, worker });
}

const toClient = (tuple: FiveTuple) => ({ type: 'client', tuple, channel: CHANNEL }) as const;

t.test('an endpoint punts, sends and forwards as a listener does', async (t) => {
  const plane = openPlane(t);
  for (const [worker, address] of [V4, V6].entries()) {
    const remote = await openRemote(t, address);
    const endpoint = await openEndpoint(plane, worker, address);
    t.match(endpoint, { kind: 'client', worker, address: { address: address.address } });
    t.not(endpoint.address.port, 0);
    t.equal(plane.plane.endpoints.get(endpoint.handle), endpoint);

    const seen = plane.punted.length;
    remote.send(endpoint.address, bindingRequest());
    await until(() => plane.punted.length > seen);
    const punted = plane.punted[seen];
    const tuple = { handle: endpoint.handle, remote: remote.address };
    t.match(punted, { side: 'client', worker, tuple });

    plane.plane.send([{ side: 'client', tuple, data: Buffer.from('answer') }]);
    const answer = await remote.receiveFrom();
    t.same(answer, { data: Buffer.from('answer'), source: endpoint.address });

    plane.plane.putClientFlow({ worker, tuple, channel: CHANNEL + 1 }, toClient(tuple));
    plane.plane.send([{ side: 'client', tuple, data: Buffer.from('put') }]);
    await remote.receive();
    remote.send(endpoint.address, encodeChannelData(CHANNEL + 1, Buffer.from('x')));
    t.same(await remote.receiveFrom(), {
      data: Buffer.from(encodeChannelData(CHANNEL, Buffer.from('x'))),
      source: endpoint.address,
    });
    await plane.plane.closeEndpoint(endpoint.handle);
    t.equal(plane.plane.endpoints.size, 0);
  }
});

t.test('a failed open rejects with the errno of the system', async (t) => {
  const plane = openPlane(t);
  const taken = plane.clientAddress();
  const before = openDescriptors();
  await t.rejects(openEndpoint(plane, 0, taken), {
    code: 'ERR_TURNPIKE_BIND',
    errno: 'EADDRINUSE',
    address: formatAddress(taken),
    message: /another socket has this port/,
  });
  await t.rejects(openEndpoint(plane, 1, { address: '192.0.2.1', port: 0 }), {
    code: 'ERR_TURNPIKE_BIND',
    errno: 'EADDRNOTAVAIL',
    address: '192.0.2.1:0',
  });
  t.equal(openDescriptors(), before);
  t.equal(plane.plane.endpoints.size, 0);
});

t.test('the port of a closed endpoint is free, and its handle is invalid', async (t) => {
  const plane = openPlane(t);
  const remote = await openRemote(t);
  const first = await openEndpoint(plane);
  const tuple = { handle: first.handle, remote: remote.address };
  await plane.plane.closeEndpoint(first.handle);
  const second = await openEndpoint(plane, 0, first.address);
  t.same(second.address, first.address);
  t.not(second.handle, first.handle);
  const code = 'ERR_TURNPIKE_ADDRESS';
  const flow = { worker: 0, tuple, channel: CHANNEL };
  t.throws(() => plane.plane.send([{ side: 'client', tuple, data: bindingRequest() }]), { code });
  t.throws(() => plane.plane.putClientFlow(flow, toClient(tuple)), { code });
  t.throws(() => plane.plane.putKnownClient(0, tuple), { code });
  plane.plane.removeClientFlow(flow);
  plane.plane.removeKnownClient(0, tuple);
  t.equal(await plane.plane.closeEndpoint(first.handle), undefined);
  t.equal(plane.plane.endpoints.size, 1, 'the second endpoint is not affected');
});

t.test('the close of an endpoint removes its entries and frees their room', async (t) => {
  const plane = openPlane(t, { clientFlowsMax: 3 });
  const remote = await openRemote(t);
  const listener = { handle: listenerHandle('client', 0), remote: remote.address };
  for (let round = 0; round < 3; round++) {
    const { handle, address } = await openEndpoint(plane, 1);
    const tuple = { handle, remote: remote.address };
    const flows = [0, 1, 2].map((n) => ({ worker: 1, tuple, channel: CHANNEL + n }));
    for (const flow of flows) plane.plane.putClientFlow(flow, toClient(listener));
    // Removed here, and again by the close.
    plane.plane.removeClientFlow(flows[2] as (typeof flows)[0]);
    plane.plane.putClientFlow({ worker: 'any', tuple, channel: CHANNEL + 2 }, toClient(listener));
    const beyond = { worker: 1, tuple: listener, channel: CHANNEL };
    const full = { code: 'ERR_TURNPIKE_LIMIT' };
    t.throws(() => plane.plane.putClientFlow(beyond, toClient(listener)), full);
    plane.plane.putKnownClient(1, tuple);
    await plane.settle(remote);
    const punted = plane.punted.length;
    remote.send(address, bindingRequest());
    await until(() => plane.punted.length > punted);
    t.match(plane.punted[punted], { known: true, tuple });
    t.match(plane.plane.flowTraffic(flows[0] as (typeof flows)[0]), { packets: 0 });
    await plane.plane.closeEndpoint(handle);
    for (const flow of flows) t.equal(plane.plane.flowTraffic(flow), undefined);
    plane.plane.putClientFlow(beyond, toClient(listener));
    plane.plane.removeClientFlow(beyond);
  }
  t.equal(plane.count('endpoint_gone'), 0);
});

t.test('entries for another worker than the endpoint’s are refused', async (t) => {
  const plane = openPlane(t);
  const { handle } = await openEndpoint(plane, 1);
  const tuple = { handle, remote: { address: '127.0.0.1', port: 9 } };
  const error = { code: 'ERR_TURNPIKE_ARGUMENT', message: /worker must be 1/ };
  const flow = { worker: 0, tuple, channel: CHANNEL };
  t.throws(() => plane.plane.putClientFlow(flow, toClient(tuple)), error);
  t.throws(() => plane.plane.removeClientFlow(flow), error);
  t.throws(() => plane.plane.putKnownClient(0, tuple), error);
  const other = { ...tuple, remote: { address: '::1', port: 9 } };
  const code = 'ERR_TURNPIKE_ADDRESS';
  t.throws(() => plane.plane.send([{ side: 'client', tuple: other, data: bindingRequest() }]), {
    code,
  });
  t.throws(() => plane.plane.send([{ side: 'trunk', tuple, data: bindingRequest() }]), { code });
});

t.test('data to an endpoint of any worker arrives, whichever worker receives it', async (t) => {
  const [near, far] = [openPlane(t), openPlane(t)];
  near.joinPlane(1, far);
  far.joinPlane(1, near);
  const peer = await openRemote(t);
  const senders = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(() => openRemote(t)));
  for (const [worker, session] of [7, 8].entries()) {
    const endpoint = await openEndpoint(near, worker);
    const tuple = { handle: endpoint.handle, remote: peer.address };
    near.plane.putSession(session, { relayIndex: 1, tuple, channel: CHANNEL });
    for (const sender of senders) {
      for (const plane of [near, far]) {
        const met = await plane.meet(sender);
        const action =
          plane === near
            ? toClient(tuple)
            : ({ type: 'trunk', relayIndex: 1, sessionIndex: session } as const);
        plane.plane.putClientFlow({ ...met, channel: CHANNEL + worker }, action);
        await plane.settle(sender);
      }
    }
    await near.settle(peer);
    for (const plane of [near, far]) {
      for (const sender of senders) {
        for (const text of ['a', 'b']) {
          sender.send(
            plane.clientAddress(),
            encodeChannelData(CHANNEL + worker, Buffer.from(text)),
          );
        }
      }
      const arrived = new Map<string, number>();
      for (let i = 0; i < 2 * senders.length; i++) {
        const { data, source } = await peer.receiveFrom();
        t.same(source, endpoint.address);
        const text = data.subarray(4).toString();
        arrived.set(text, (arrived.get(text) ?? 0) + 1);
      }
      t.same([...arrived.values()], [senders.length, senders.length]);
    }
    await near.plane.closeEndpoint(endpoint.handle);
    const gone = near.count('endpoint_gone');
    senders[0]?.send(near.clientAddress(), encodeChannelData(CHANNEL + worker, Buffer.from('x')));
    senders[0]?.send(far.clientAddress(), encodeChannelData(CHANNEL + worker, Buffer.from('x')));
    await until(() => near.count('endpoint_gone') === gone + 2);
  }
  t.ok(near.count('handed_over') > 0);
  t.equal(near.count('hand_over_full'), 0);
  t.equal(peer.waiting, 0);
});

t.test('datagrams sent before the close are still sent', async (t) => {
  const plane = openPlane(t);
  const remote = await openRemote(t);
  for (let i = 0; i < 50; i += 1) {
    const { handle } = await openEndpoint(plane, i % 2);
    const tuple = { handle, remote: remote.address };
    plane.plane.send([{ side: 'client', tuple, data: Buffer.from(`last of ${i}`) }]);
    await plane.plane.closeEndpoint(handle);
    t.same(await remote.receive(), Buffer.from(`last of ${i}`));
  }
  t.equal(plane.count('endpoint_gone'), 0);
});

t.test('closeEndpoint resolves for a closed endpoint and rejects for another handle', async (t) => {
  const plane = openPlane(t);
  const { handle } = await openEndpoint(plane);
  const [first, second] = [plane.plane.closeEndpoint(handle), plane.plane.closeEndpoint(handle)];
  t.equal(plane.plane.endpoints.size, 0, 'removed at the call');
  t.same(await Promise.all([first, second]), [undefined, undefined]);
  t.equal(await plane.plane.closeEndpoint(handle), undefined);
  t.equal(plane.count('commands_applied'), 2, 'one open, one close');
  for (const listener of [listenerHandle('client', 0), listenerHandle('trunk', 0)]) {
    await t.rejects(plane.plane.closeEndpoint(listener), { code: 'ERR_TURNPIKE_ARGUMENT' });
  }
  for (const none of [0, -1, 2 ** 48, Number.NaN] as TransportHandle[]) {
    await t.rejects(plane.plane.closeEndpoint(none), { code: 'ERR_TURNPIKE_ADDRESS' });
  }
});

t.test('beyond endpointCommandsMax pending calls, opens are refused and closes wait', async (t) => {
  const { endpointCommandsMax: most } = DATA_PLANE_LIMITS;
  const plane = openPlane(t);
  const before = openDescriptors();
  const asked = Array.from({ length: most + 50 }, () => openEndpoint(plane));
  const answers = await Promise.allSettled(asked);
  const refused = answers.filter(({ status }) => status === 'rejected');
  t.equal(refused.length, 50);
  for (const each of refused) t.match(each, { reason: { code: 'ERR_TURNPIKE_QUEUE_FULL' } });
  for (let i = 0; i < 50; i++) await openEndpoint(plane);
  t.equal(plane.plane.endpoints.size, most + 50);
  t.equal(openDescriptors(), before + most + 50);

  let open = plane.plane.endpoints.size;
  const closed = [...plane.plane.endpoints.keys()].map(async (each) => {
    await plane.plane.closeEndpoint(each);
    open -= 1;
  });
  t.equal(plane.plane.endpoints.size, 0);
  const { handle } = await openEndpoint(plane);
  t.ok(open > most / 2, 'an open does not wait for the closes before it');
  const tuple = { handle, remote: { address: '127.0.0.1', port: 9 } };
  plane.plane.putClientFlow({ worker: 0, tuple, channel: CHANNEL }, toClient(tuple));
  await Promise.all(closed);
  await plane.plane.closeEndpoint(handle);
  t.equal(openDescriptors(), before);
});

t.test('the map of endpoints is read-only', async (t) => {
  const plane = openPlane(t);
  const endpoint = await openEndpoint(plane);
  const { endpoints } = plane.plane;
  for (const change of ['set', 'delete', 'clear']) t.notOk(change in endpoints, change);
  t.throws(() => Object.assign(endpoint.address, { port: 1 }), TypeError);
  t.throws(() => Object.assign(endpoint, { worker: 1 }), TypeError);
  t.ok(endpoints.has(endpoint.handle));
  t.same([...endpoints], [[endpoint.handle, endpoint]]);
  t.same([...endpoints.entries()], [...endpoints]);
  t.same([...endpoints.keys()], [endpoint.handle]);
  t.same([...endpoints.values()], [endpoint]);
  endpoints.forEach((value, key, map) => {
    t.equal(map, endpoints);
    t.equal(map.get(key), value);
  });
});

t.test('the close of a plane settles all pending calls', async (t) => {
  const before = openDescriptors();
  const plane = new TestPlane();
  const endpoint = await openEndpoint(plane);
  const asked = Array.from({ length: 100 }, (_, i) => openEndpoint(plane, i % 2));
  const closing = plane.plane.closeEndpoint(endpoint.handle);
  const closed = plane.plane.close();
  for (const each of asked) await t.rejects(each, { code: 'ERR_TURNPIKE_CLOSED' });
  t.equal(await closing, undefined);
  await closed;
  t.equal(openDescriptors(), before);
  await t.rejects(openEndpoint(plane), { code: 'ERR_TURNPIKE_CLOSED' });
  await t.rejects(plane.plane.closeEndpoint(endpoint.handle), { code: 'ERR_TURNPIKE_CLOSED' });
});

t.test(
  'nothing is punted from an endpoint after closeEndpoint resolves, also under traffic',
  async (t) => {
    const plane = openPlane(t);
    const remote = await openRemote(t);
    for (let round = 0; round < 20; round++) {
      const { handle, address } = await openEndpoint(plane, round % 2);
      const tuple = { handle, remote: remote.address };
      const flow = { worker: round % 2, tuple, channel: CHANNEL };
      plane.plane.putClientFlow(flow, toClient(tuple));
      const seen = plane.punted.length;
      const burst = () => {
        for (let i = 0; i < 100; i++) {
          remote.send(address, bindingRequest());
          remote.send(address, encodeChannelData(CHANNEL, Buffer.from('x')));
        }
      };
      burst();
      await until(() => plane.punted.length > seen);
      burst();
      await plane.plane.closeEndpoint(handle);
      const handedUp = plane.punted.length;
      await new Promise((resolve) => setTimeout(resolve, 5));
      t.equal(plane.punted.length, handedUp);
      t.ok(plane.punted.slice(seen).every((each) => each.tuple.handle === handle));
    }
  },
);
