import { once } from 'node:events';
import t from 'tap';
import { PAYLOAD_BYTES_MAX } from '../../src/client/peer-options.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { scene } from './support/scene.js';
import { rejectionOf, until } from './support/until.js';

const text = (payload: Uint8Array) => Buffer.from(payload).toString();

t.test('payloads are sent as ChannelData on the channel that the relay gave', async (t) => {
  const { relay, establish } = await scene(t);
  relay.channel = 0x4abc;
  const peer = await establish();
  const reused = Buffer.from('one');
  t.equal(peer.send(reused), true);
  reused.fill('x');
  t.equal(peer.send(new Uint8Array(0)), true, 'an empty payload');
  const payloads = await relay.payloadsReach(2);
  t.strictSame(payloads.map(text), ['one', '']);
  t.match(peer.stats(), { packetsSent: 2, bytesSent: 3, sendDrops: 0 });
});

t.test('received payloads are emitted as events', async (t) => {
  const { relay, establish } = await scene(t);
  const peer = await establish();
  const got: string[] = [];
  peer.on('message', (payload) => got.push(text(payload)));
  relay.send(encodeChannelData(relay.channel, Buffer.from('one')));
  relay.send(encodeChannelData(relay.channel, Buffer.from('two')));
  await until('both came', () => got.length === 2);
  t.strictSame(got, ['one', 'two']);
  t.match(peer.stats(), { packetsReceived: 2, bytesReceived: 6, receiveDrops: 0 });
});

t.test('received payloads are queued for iteration, which ends when the peer closes', async (t) => {
  const { relay, establish } = await scene(t);
  const peer = await establish();
  relay.send(encodeChannelData(relay.channel, Buffer.from('one')));
  await until('it came', () => peer.stats().packetsReceived === 1);
  const got: string[] = [];
  const iterating = (async () => {
    for await (const payload of peer) {
      got.push(text(payload));
      if (got.length === 2) await peer.close();
    }
  })();
  relay.send(encodeChannelData(relay.channel, Buffer.from('two')));
  await iterating;
  t.strictSame(got, ['one', 'two']);
});

t.test('queued payloads are emitted to the first listener', async (t) => {
  const { relay, establish } = await scene(t);
  const peer = await establish();
  relay.send(encodeChannelData(relay.channel, Buffer.from('early')));
  await until('it came', () => peer.stats().packetsReceived === 1);
  const [payload] = await once(peer, 'message');
  t.equal(text(payload), 'early');
});

t.test('a full queue drops the newest payloads and counts them', async (t) => {
  const { relay, establish } = await scene(t);
  const peer = await establish({ receiveQueueMessagesMax: 3 });
  for (let n = 0; n < 5; n += 1) {
    relay.send(encodeChannelData(relay.channel, Buffer.from(`${n}`)));
  }
  await until('all came', () => peer.stats().packetsReceived === 5);
  t.equal(peer.stats().receiveDrops, 2);
  await peer.close();
  const got: string[] = [];
  for await (const payload of peer) got.push(text(payload));
  t.strictSame(got, ['0', '1', '2']);
});

t.test('a payload of the maximum size arrives, and a larger one throws', async (t) => {
  const { relay, establish } = await scene(t);
  const peer = await establish();
  t.equal(peer.payloadBytesMax, PAYLOAD_BYTES_MAX);
  t.throws(() => peer.send(new Uint8Array(peer.payloadBytesMax + 1)), {
    code: 'ERR_TURNPIKE_PAYLOAD_TOO_LARGE',
  });
  peer.send(new Uint8Array(peer.payloadBytesMax));
  t.equal((await relay.payloadsReach(1))[0]?.length, peer.payloadBytesMax);
});

t.test('send() before and after the connection drops the payload and counts it', async (t) => {
  const { open } = await scene(t);
  const peer = await open();
  t.equal(peer.send(Buffer.from('early')), false);
  await peer.close();
  t.equal(peer.send(Buffer.from('late')), false);
  t.match(peer.stats(), { packetsSent: 0, sendDrops: 2 });
});

t.test('iteration throws when the connection fails', async (t) => {
  const { relay, establish } = await scene(t);
  const peer = await establish();
  const iterating = (async () => {
    for await (const _ of peer) t.fail('nothing was sent');
  })();
  relay.send(relay.closed(447));
  t.match(await rejectionOf(iterating), { code: 'ERR_TURNPIKE_CLOSED', stunCode: 447 });
});
