import { randomBytes } from 'node:crypto';
import t from 'tap';
import { AttributeType } from '../../../src/stun/attribute-types.js';
import { decodeMessage, type StunMessage } from '../../../src/stun/message.js';
import { Method } from '../../../src/stun/methods.js';
import { MessageWriter } from '../../../src/stun/writer.js';
import { clientOf, peerAt, received, serverOf } from './scene.js';

t.setTimeout(120_000);

const { ChannelNumber, Data, DontFragment, Lifetime, Software, XorPeerAddress } = AttributeType;

const PAYLOAD = 'x'.repeat(37);
/** What a client sends with its padding; whatever else a peer gets is the server's memory. */
const SENT = `${PAYLOAD}\0\0\0`;
/** Fills the buffers that later datagrams are received into. */
const FILLING = Buffer.alloc(1_400, 0xee);

/** Returns every proper prefix of a message, as it is and with a header that tells its length. */
function truncations(message: Uint8Array): Uint8Array[] {
  return Array.from(message).flatMap((_, length) => {
    const cut = message.slice(0, length);
    if (length < 4) return [cut];
    const adjusted = Uint8Array.from(cut);
    new DataView(adjusted.buffer).setUint16(2, Math.max(length - 20, 0));
    return [cut, adjusted];
  });
}

/** Returns copies of a message with another length in its header or in one of its attributes. */
function wrongLengths(message: Uint8Array): Uint8Array[] {
  const offsets = [2];
  const view = new DataView(message.buffer, message.byteOffset);
  for (let at = 20; at < message.length; at += 4 + ((view.getUint16(at + 2) + 3) & ~3)) {
    offsets.push(at + 2);
  }
  return offsets.flatMap((offset) => {
    const right = view.getUint16(offset);
    const around = [-8, -4, -3, -2, -1, 1, 2, 3, 4, 8].map((by) => right + by);
    const all = [...around, 0, 0x7fff, 0x8000, 0xfff8, 0xfffc, 0xfffd, 0xffff];
    return all
      .filter((length) => length >= 0 && length !== right)
      .map((length) => {
        const copy = Uint8Array.from(message);
        new DataView(copy.buffer).setUint16(offset, length);
        return copy;
      });
  });
}

t.test('CVE-2026-40613: no misaligned or truncated request has an effect', async (t) => {
  const server = await serverOf(t);
  const client = await clientOf(t, server);
  const peer = await peerAt(t, '127.0.0.2');
  const other = await peerAt(t, '127.0.0.3');
  await client.allocate();
  await client.permit(peer.address);
  const requests = [
    client.prepare(Method.CreatePermission, (writer) => {
      writer.text(Software, 'odd').address(XorPeerAddress, other.address);
    }),
    client.prepare(Method.ChannelBind, (writer) => {
      writer.channelNumber(0x4000).address(XorPeerAddress, other.address);
    }),
    client.prepare(Method.Refresh, (writer) =>
      writer.u32(Lifetime, 0).bytes(DontFragment, Uint8Array.of(1, 2)),
    ),
  ];
  const answeredBefore = client.responses.length;
  for (const { bytes } of requests) {
    for (const each of [...truncations(bytes), ...wrongLengths(bytes)]) client.toServer(each);
    // Bounds what waits in the server.
    await received(client, peer);
  }
  t.equal(await client.permit(peer.address), undefined, 'what was sent before is answered');
  const successes = client.responses.slice(answeredBefore).filter(isSuccess);
  t.equal(successes.length, 1, 'the one for the whole request');
  client.indicate('to a peer that was not permitted', other.address);
  client.channelData(0x4000, 'on a channel that was not bound');
  t.strictSame(await received(client, peer), []);
  t.strictSame(other.waiting, []);
  t.equal(server.allocations, 1);
  t.match(await server.metrics(), /^turnpike_turn_faults_total 0$/m);
});

t.test('CVE-2026-40613: a peer gets no byte that the client has not sent', async (t) => {
  const server = await serverOf(t, { workers: 1 });
  const client = await clientOf(t, server);
  const peer = await peerAt(t, '127.0.0.2');
  const relayed = await client.allocate();
  await client.permit(peer.address);
  await client.bind(0x4000, peer.address);
  const indication = new MessageWriter('indication', Method.Send, randomBytes(12))
    .address(XorPeerAddress, peer.address)
    .bytes(DontFragment, new Uint8Array())
    .text(Data, PAYLOAD)
    .finish();
  const channel = Buffer.from(`\x40\x00\x00${String.fromCharCode(PAYLOAD.length)}${PAYLOAD}`);
  const channels = [0, 1, 36, 38, 40, 41, 0x7fff, 0xfffc, 0xffff].map((length) => {
    const copy = Buffer.from(channel);
    copy.writeUInt16BE(length, 2);
    return copy;
  });
  const all = [
    ...truncations(indication),
    ...wrongLengths(indication),
    ...truncations(channel).filter((each) => each.length < channel.length),
    ...channels,
  ];
  for (const [index, each] of all.entries()) {
    client.toServer(FILLING);
    client.toServer(each);
    if (index % 50 !== 49 && index !== all.length - 1) continue;
    const got = await received(client, peer);
    t.strictSame(
      got.filter((text) => !SENT.startsWith(text)),
      [],
      'each is the payload or a beginning of it',
    );
  }
  peer.send('still there', relayed);
  t.strictSame(await client.onChannel(), { channel: 0x4000, payload: 'still there' });
});

t.test('CVE-2026-68552: no datagram is passed on with its length cut to 16 bits', async (t) => {
  const server = await serverOf(t, { workers: 1 });
  const client = await clientOf(t, server);
  const peer = await peerAt(t, '127.0.0.2');
  const relayed = await client.allocate();
  const sizes = [65_507, 65_506, 65_504, 65_501, 65_500, 65_472, 65_471, 60_001];
  for (const how of ['Data indication', 'ChannelData'] as const) {
    if (how === 'ChannelData') await client.bind(0x4000, peer.address);
    else await client.permit(peer.address);
    for (const size of sizes) {
      // One at a time, since the buffers of sockets hold few of them.
      peer.send(Buffer.alloc(size, size & 0xff), relayed);
      peer.send('the last', relayed);
      for (;;) {
        const { data } = await client.next();
        const payload = how === 'ChannelData' ? channelPayload(data) : indicated(data);
        if (payload.toString('latin1') === 'the last') break;
        t.equal(payload.length, size, `${how}: the whole payload`);
        t.ok(payload.every((byte) => byte === (size & 0xff)));
      }
    }
  }
});

function isSuccess({ messageClass }: StunMessage): boolean {
  return messageClass === 'success';
}

function channelPayload(data: Buffer): Buffer {
  const payload = data.subarray(4);
  if (data.readUInt16BE(2) !== payload.length) throw new Error('the length field is wrong');
  return payload;
}

function indicated(data: Buffer): Buffer {
  const decoded = decodeMessage(data);
  if (!decoded.ok) throw new Error(`no Data indication: ${decoded.reason}`);
  return Buffer.from(decoded.message.get(Data) ?? []);
}

t.test('CVE-2026-40613: lengths of ChannelData and CHANNEL-NUMBER are checked', async (t) => {
  const client = await clientOf(t, await serverOf(t));
  const peer = await peerAt(t, '127.0.0.2');
  await client.allocate();
  for (const bytes of [[], [0x40], [0x40, 0x00], [0x40, 0x00, 0, 0, 0]]) {
    const response = await client.request(Method.ChannelBind, (writer) => {
      writer.bytes(ChannelNumber, Uint8Array.from(bytes)).address(XorPeerAddress, peer.address);
    });
    t.equal(response.errorCode()?.code, 400, `CHANNEL-NUMBER of ${bytes.length} bytes`);
  }
});
