import t, { type Test } from 'tap';
import type { TransportAddress } from '../../src/address.js';
import type { DataPlaneOptions } from '../../src/native/types.js';
import { dataOf, sendIndication } from './indications.js';
import { RELAY_V4, Remote, TestPlane, until, V4, V6 } from './planes.js';

const SECONDS = 600;

function openPlane(t: Test, options: Partial<DataPlaneOptions> = {}): TestPlane {
  const relayedAddresses = [RELAY_V4, V6].map(({ address }) => ({ address }));
  const plane = new TestPlane({ clientAddresses: [V4, V6], relayedAddresses, ...options });
  t.teardown(() => plane.plane.close());
  return plane;
}

/** Opens a client with an allocation at an address, and a peer that has a permission. */
async function openAllocation(t: Test, plane: TestPlane, address: TransportAddress) {
  const [client, peer] = [await Remote.open(), await Remote.open(address)];
  for (const each of [client, peer]) t.teardown(() => each.close());
  const { tuple, worker } = await plane.meet(client);
  const relayed = await plane.plane.openEndpoint({ kind: 'relayed', address, worker });
  const { handle } = relayed;
  for (const ip of [peer.address.address, V4.address]) {
    if (ip.includes(':') !== address.address.includes(':')) continue;
    const permission = { relayed: handle, peer: { address: ip, port: 0 } };
    plane.plane.putPeerFlow(permission, { tuple }, SECONDS);
  }
  const family = address === V6 ? 6 : 4;
  plane.plane.putAllocation({ worker, tuple, relayed: handle, family }, SECONDS);
  await plane.settle(client);
  return { client, peer, relayed };
}

for (const steering of ['auto', 'off'] as const) {
  for (const address of [RELAY_V4, V6]) {
    const name = `${address.address}, ${steering}`;
    t.test(`each of many endpoints receives what is sent to it: ${name}`, async (t) => {
      const plane = openPlane(t, { steering });
      t.strictSame(plane.plane.steering, { mode: steering === 'auto' ? 'on' : 'off' });
      const all = [];
      for (let i = 0; i < 8; i++) all.push(await openAllocation(t, plane, address));
      for (const [i, { peer, relayed, client }] of all.entries()) {
        for (const text of [`${i}`, '', 'x'.repeat(1_000)]) {
          peer.send(relayed.address, Buffer.from(text));
          t.match(dataOf(await client.receive()), { peer: peer.address, payload: text });
        }
      }
      t.equal(plane.count('relayed_rx_packets'), 24);
      t.equal(plane.count('relayed_steered'), steering === 'auto' ? 24 : 0);
    });
  }

  t.test(`an ICMP error is reported with its endpoint: ${steering}`, async (t) => {
    const plane = openPlane(t, { steering });
    const all = [];
    for (let i = 0; i < 4; i++) all.push(await openAllocation(t, plane, RELAY_V4));
    // The system gives nobody a port below 1,024.
    const remote = { ...V4, port: 9 };
    for (const [i, { client, relayed }] of all.entries()) {
      client.send(plane.clientAddress(), sendIndication(remote, Buffer.from('x')));
      await until(() => plane.events.length > i);
      const { handle } = relayed;
      t.match(plane.events[i], { type: 'icmp-error', handle, remote, icmpType: 3, icmpCode: 3 });
    }
    await plane.settle(all[0]?.client as Remote);
    t.equal(plane.count('icmp_errors'), 4);
  });
}

t.test('a plane without relayed addresses has nothing to steer', async (t) => {
  const plane = openPlane(t, { relayedAddresses: [] });
  t.strictSame(plane.plane.steering, { mode: 'off' });
});

t.test(
  'where XDP is asked for nothing is steered, since that would leave all sockets out',
  async (t) => {
    const plane = openPlane(t, { steering: 'auto', xdp: { interfaces: ['tp-none'] } });
    t.strictSame(plane.plane.steering, { mode: 'off', reason: 'XDP is asked for' });
    const { client, peer, relayed } = await openAllocation(t, plane, RELAY_V4);
    peer.send(relayed.address, Buffer.from('x'));
    t.match(dataOf(await client.receive()), { peer: peer.address, payload: 'x' });
    t.equal(plane.count('relayed_steered'), 0);
  },
);

t.test('a closed plane steers nothing', async (t) => {
  const plane = openPlane(t);
  await plane.plane.close();
  t.strictSame(plane.plane.steering, { mode: 'off' });
});
