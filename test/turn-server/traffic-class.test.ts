import t, { type Test } from 'tap';
import type { TurnServer } from '../../src/index.js';
import { MarkedSocket } from '../marked-socket.js';
import { openServer } from './open-server.js';
import { TurnSocket, UdpSocket } from './turn-socket.js';

const CHANNEL = 0x4001;

/** Expedited forwarding without ECN, with ECT(0) and with CE; AF41 with ECT(1); none. */
const CLASSES = [0xb8, 0xba, 0xbb, 0x89, 0];

/** Clients whose data is delivered, so that each worker has some with overwhelming probability. */
const RECEIVERS = 8;

t.setTimeout(120_000);

async function openMarked(t: Test, ip: string): Promise<MarkedSocket> {
  const socket = await MarkedSocket.open(ip);
  t.teardown(() => socket.close());
  return socket;
}

/** Opens a client with an allocation. */
async function openClient(t: Test, server: TurnServer) {
  const socket = await openMarked(t, '127.0.0.1');
  const [at] = server.listen;
  if (at === undefined) throw new Error('the server listens nowhere');
  const client = TurnSocket.on(socket, at, { username: 'alice', password: 'secret' });
  return { socket, client, relayed: await client.allocate() };
}

t.test('a datagram keeps its traffic class between two allocations', async (t) => {
  const server = await openServer(t);
  const a = await openClient(t, server);
  for (let i = 0; i < RECEIVERS; i += 1) {
    const b = await openClient(t, server);
    t.equal(await a.client.permit(b.relayed), undefined);
    t.equal(await b.client.permit(a.relayed), undefined);
    t.ok(
      b.socket.trafficClasses.splice(0).every((each) => each === 0),
      'responses have none',
    );
    for (const each of CLASSES) {
      a.socket.trafficClass = each;
      a.client.indicate('across', b.relayed);
      t.match(await b.client.indicated(), { peer: a.relayed, payload: 'across' });
    }
    a.socket.trafficClass = 0;
    t.strictSame(b.socket.trafficClasses, CLASSES);
  }
  t.ok(Number(server.counters().delivered) >= RECEIVERS * CLASSES.length, 'without the kernel');
});

t.test('early data keeps its traffic class until it leaves', async (t) => {
  const server = await openServer(t);
  const { socket, client } = await openClient(t, server);
  socket.trafficClass = 0xb9;
  for (let channel = CHANNEL; server.counters().early_data === 0n; channel += 1) {
    const marks = await openMarked(t, '127.0.0.2');
    const peer = UdpSocket.over(marks);
    const answer = client.bind(channel, peer.address);
    client.channelData(channel, 'early');
    t.equal(await answer, undefined);
    t.match(await peer.next(), { data: Buffer.from('early') });
    t.strictSame(marks.trafficClasses, [0xb9]);
  }
});
