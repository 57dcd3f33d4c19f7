import { readdirSync } from 'node:fs';
import t, { type Test } from 'tap';
import { formatAddress, type TransportAddress } from '../../src/address.js';
import type { Endpoint } from '../../src/native/endpoints.js';
import type { FiveTuple } from '../../src/native/types.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { bindingRequest, Remote, TestPlane, until, V4, V6 } from './planes.js';

const CHANNEL = 0x4000;

const openDescriptors = () => readdirSync('/proc/self/fd').length;

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

t.test('an endpoint receives, is answered by, and forwards as a listener does', async (t) => {
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

t.test('what cannot be opened says why, as the system names it', async (t) => {
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

t.test(
  'a port is free once its endpoint is closed, and its old handle names nothing',
  async (t) => {
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
    t.equal(plane.plane.endpoints.size, 1, 'the second is another one');
  },
);
