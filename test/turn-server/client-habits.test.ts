import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { decodeMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { ALICE, clientOf, peerAt, received, serverOf } from './abuse/scene.js';

t.setTimeout(120_000);

/** Comprehension-required attributes of RFC 5389 and RFC 5766 that a response may have. */
const KNOWN_OF_OLD: readonly number[] = [
  AttributeType.MessageIntegrity,
  AttributeType.ErrorCode,
  AttributeType.UnknownAttributes,
  AttributeType.Lifetime,
  AttributeType.Realm,
  AttributeType.Nonce,
  AttributeType.XorRelayedAddress,
  AttributeType.XorMappedAddress,
  AttributeType.ReservationToken,
];

t.test('no response to an old client has an attribute that it must understand', async (t) => {
  const client = await clientOf(t, await serverOf(t), { ...ALICE, integrity: 'sha1' });
  const peer = await peerAt(t, '127.0.0.2');
  await client.allocate((writer) => writer.bytes(AttributeType.EvenPort, Uint8Array.of(0x80)));
  await client.permit(peer.address);
  await client.bind(0x4000, peer.address);
  await client.refresh(600);
  await client.permit({ address: '10.0.0.1', port: 1 });
  await client.request(Method.Refresh, (writer) => writer.u32(0x7abc, 1));
  t.equal(client.responses.length, 7, 'a challenge, four successes, 403 and 420');
  for (const { attributes } of client.responses) {
    const required = attributes.map(({ type }) => type).filter((type) => type < 0x8000);
    t.strictSame(
      required.filter((type) => !KNOWN_OF_OLD.includes(type)),
      [],
    );
  }
});

t.test('ChannelData may be padded to four bytes over UDP, and is sent without', async (t) => {
  const client = await clientOf(t, await serverOf(t));
  const peer = await peerAt(t, '127.0.0.2');
  const relayed = await client.allocate();
  await client.bind(0x4000, peer.address);
  for (const payload of ['', 'a', 'ab', 'abc', 'abcd']) {
    const missing = (4 - (payload.length % 4)) % 4;
    for (let pad = 0; pad <= missing; pad += 1) {
      const head = `\x40\x00\x00${String.fromCharCode(payload.length)}`;
      client.toServer(Buffer.from(`${head}${payload}${'\0'.repeat(pad)}`, 'latin1'));
      t.equal((await peer.next()).data.toString(), payload);
    }
    peer.send(payload, relayed);
    t.equal((await client.next()).data.length, 4 + payload.length);
  }
});

t.test('a Send indication that a client has signed is relayed', async (t) => {
  const client = await clientOf(t, await serverOf(t));
  const peer = await peerAt(t, '127.0.0.2');
  await client.allocate();
  await client.permit(peer.address);
  for (const kind of ['sha1', 'sha256'] as const) {
    const writer = new MessageWriter('indication', Method.Send, randomBytes(12))
      .address(AttributeType.XorPeerAddress, peer.address)
      .text(AttributeType.Data, kind)
      .text(AttributeType.Username, ALICE.username)
      .text(AttributeType.Realm, 'turnpike')
      .text(AttributeType.Nonce, 'of long ago')
      .integrity(kind, randomBytes(16))
      .fingerprint();
    client.toServer(writer.finish());
  }
  t.strictSame(await received(client, peer), ['sha1', 'sha256']);
});

t.test('answers come from the address that the client has sent to', async (t) => {
  const server = await serverOf(t, { listen: '0.0.0.0:0' });
  const port = server.listen[0]?.port ?? 0;
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  t.teardown(() => socket.close());
  await once(socket, 'listening');
  for (const to of ['127.0.0.1', '127.0.0.5', '127.9.9.9']) {
    for (const method of [Method.Binding, Method.Allocate]) {
      const request = new MessageWriter('request', method, randomBytes(12)).finish();
      const answered = once(socket, 'message') as Promise<[Buffer, { address: string }]>;
      socket.send(request, port, to);
      const [data, { address }] = await answered;
      t.ok(decodeMessage(data).ok);
      t.equal(address, to);
    }
  }
});
