import t from 'tap';
import { Method } from '../../../src/stun/methods.js';
import { until } from '../../until.js';
import { clientOf, peerAt, received, serverOf } from './scene.js';

t.setTimeout(120_000);

t.test('loops: what goes through two relayed addresses goes once', async (t) => {
  const server = await serverOf(t);
  const [a, b] = [await clientOf(t, server), await clientOf(t, server)];
  const [atA, atB] = [await a.allocate(), await b.allocate()];
  // Each is the peer of the other, by channels, and each its own peer.
  t.equal(await a.bind(0x4000, atB), undefined);
  t.equal(await b.bind(0x4000, atA), undefined);
  t.equal(await a.bind(0x4001, atA), undefined);
  const before = server.counters();
  a.channelData(0x4000, 'to the other');
  t.strictSame(await b.onChannel(), { channel: 0x4000, payload: 'to the other' });
  a.channelData(0x4001, 'to itself');
  t.strictSame(await a.onChannel(), { channel: 0x4001, payload: 'to itself' });
  b.channelData(0x4000, 'back');
  t.strictSame(await a.onChannel(), { channel: 0x4000, payload: 'back' });
  const count = (name: 'peer_to_client' | 'client_to_peer') =>
    Number(server.counters()[name] - before[name]);
  await until('all are counted', () => count('peer_to_client') === 3);
  t.equal(count('client_to_peer'), 3);
  t.strictSame([...a.waiting, ...b.waiting], []);
});

t.test(
  'loops: a relayed address that sends to the port for clients gets no allocation',
  async (t) => {
    const server = await serverOf(t);
    const [at = { address: '', port: 0 }] = server.listen;
    const client = await clientOf(t, server);
    const peer = await peerAt(t, '127.0.0.2');
    await client.allocate();
    // The port for clients is no relay port here: it is this server itself.
    t.equal(await client.permit(at), undefined, 'a permission has no port');
    t.equal(await client.bind(0x4000, at), 403);
    t.equal(await client.permit(peer.address), undefined);
    const tunnelled = client.prepare(Method.Allocate, (writer) =>
      writer.requestedTransport(17),
    ).bytes;
    client.indicate(Buffer.from(tunnelled).toString('latin1'), at);
    t.strictSame(await received(client, peer), []);
    t.equal(server.allocations, 1);
    t.equal(Number(server.counters().send_no_permission), 1);
  },
);

t.test('loops: two servers that relay to each other pass a datagram on once', async (t) => {
  const other = { relayAddresses: '127.0.0.99' };
  const [one, two] = [await serverOf(t), await serverOf(t, other)];
  const [a, b] = [await clientOf(t, one), await clientOf(t, two)];
  const [atA, atB] = [await a.allocate(), await b.allocate()];
  t.equal(await a.bind(0x4000, atB), undefined);
  t.equal(await b.bind(0x4000, atA), undefined);
  for (const text of ['first', 'second', 'third']) {
    a.channelData(0x4000, text);
    t.strictSame(await b.onChannel(), { channel: 0x4000, payload: text });
    b.channelData(0x4000, text);
    t.strictSame(await a.onChannel(), { channel: 0x4000, payload: text });
  }
  t.strictSame([...a.waiting, ...b.waiting], []);
  for (const server of [one, two]) {
    await until('three each way, and no more', () => {
      const { client_to_peer, peer_to_client } = server.counters();
      return Number(client_to_peer) === 3 && Number(peer_to_client) === 3;
    });
  }
});
