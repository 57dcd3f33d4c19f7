import { existsSync } from 'node:fs';
import t, { type Test } from 'tap';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { MarkedSocket } from '../marked-socket.js';
import { dataOf, sendIndication } from './indications.js';
import { RELAYING, Remote, TestPlane, V4, V6 } from './planes.js';

const CHANNEL = 0x4001;
const SECONDS = 600;
const NO_IPV6 = existsSync('/proc/net/if_inet6') ? false : 'this host has no IPv6';
const LOOPBACK = { 4: V4, 6: V6 } as const;

/** Expedited forwarding without ECN, with ECT(0) and with CE; AF41 with ECT(1); none. */
const CLASSES = [0xb8, 0xba, 0xbb, 0x89, 0];

type Family = keyof typeof LOOPBACK;

t.setTimeout(120_000);

/** Opens a socket, and a remote that uses it. */
async function openMarked(t: Test, family: Family) {
  const socket = await MarkedSocket.open(LOOPBACK[family].address);
  t.teardown(() => socket.close());
  return { socket, remote: Remote.over(socket) };
}

/** A client of a family with an allocation of another, and a peer of that, which has a channel. */
async function openScene(t: Test, family: Family, relayedFamily: Family) {
  const plane = new TestPlane({ ...RELAYING, clientAddresses: [LOOPBACK[family]] });
  t.teardown(() => plane.plane.close());
  const client = await openMarked(t, family);
  const [peer, other] = [await openMarked(t, relayedFamily), await openMarked(t, relayedFamily)];
  const { tuple, worker } = await plane.meet(client.remote);
  const address = LOOPBACK[relayedFamily];
  const relayed = await plane.plane.openEndpoint({ kind: 'relayed', address, worker });
  const { handle } = relayed;
  plane.plane.putAllocation({ worker, tuple, relayed: handle, family: relayedFamily }, SECONDS);
  plane.plane.putPeerFlow({ relayed: handle, peer: address }, { tuple }, SECONDS);
  const bound = peer.remote.address;
  const to = { type: 'peer', relayed: handle, peer: bound } as const;
  plane.plane.putClientFlow({ worker, tuple, channel: CHANNEL }, to, SECONDS);
  plane.plane.putPeerFlow({ relayed: handle, peer: bound }, { tuple, channel: CHANNEL }, SECONDS);
  await plane.settle(client.remote);
  client.socket.trafficClasses.splice(0);
  return { plane, client, peer, other, relayed };
}

for (const [from, to] of [
  [4, 4],
  [6, 6],
  [4, 6],
  [6, 4],
] as const) {
  const name = `a datagram keeps its traffic class both ways, IPv${from} client, IPv${to} peer`;
  t.test(name, { skip: (from === 6 || to === 6) && NO_IPV6 }, async (t) => {
    const { plane, client, peer, other, relayed } = await openScene(t, from, to);
    const payload = Buffer.from('data');
    const framed = Buffer.from(encodeChannelData(CHANNEL, payload));
    for (const each of CLASSES) {
      for (const { socket } of [client, peer, other]) socket.trafficClass = each;
      client.remote.send(plane.clientAddress(), sendIndication(other.remote.address, payload));
      t.same(await other.remote.receive(), payload);
      client.remote.send(plane.clientAddress(), framed);
      t.same(await peer.remote.receive(), payload);
      other.remote.send(relayed.address, payload);
      t.match(dataOf(await client.remote.receive()), { payload: 'data' });
      peer.remote.send(relayed.address, payload);
      t.same(await client.remote.receive(), framed);
    }
    t.strictSame(other.socket.trafficClasses, CLASSES, 'by Send indications');
    t.strictSame(peer.socket.trafficClasses, CLASSES, 'by a channel');
    const both = CLASSES.flatMap((each) => [each, each]);
    t.strictSame(client.socket.trafficClasses, both, 'by Data indications and the channel');
  });
}

t.test('between two legs of one relay no traffic class passes', async (t) => {
  const plane = new TestPlane();
  t.teardown(() => plane.plane.close());
  const [left, right] = [await openMarked(t, 4), await openMarked(t, 4)];
  const from = await plane.meet(left.remote);
  const { tuple } = await plane.meet(right.remote);
  const flow = { ...from, channel: CHANNEL };
  plane.plane.putClientFlow(flow, { type: 'client', tuple, channel: CHANNEL }, SECONDS);
  await plane.settle(right.remote);
  left.socket.trafficClass = 0xba;
  const framed = Buffer.from(encodeChannelData(CHANNEL, Buffer.from('data')));
  left.remote.send(plane.clientAddress(), framed);
  t.same(await right.remote.receive(), framed);
  t.equal(right.socket.trafficClasses.at(-1), 0);
});
