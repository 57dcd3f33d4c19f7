import { createSocket } from 'node:dgram';
import fc from 'fast-check';
import t from 'tap';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { NONCE_PLAIN } from './support/fake-relay.js';
import { OTHER, scene } from './support/scene.js';
import { delivered, rejectionOf, until } from './support/until.js';

t.test('datagrams from other addresses are dropped', async (t) => {
  const { relay, establish } = await scene(t);
  const peer = await establish();
  const stranger = createSocket('udp4');
  t.teardown(() => stranger.close());
  const { port, address } = relay.peer;
  const forgery = encodeChannelData(relay.channel, Buffer.from('forged'));
  await new Promise((resolve) => stranger.send(forgery, port, address, resolve));
  await new Promise((resolve) => stranger.send(relay.closed(437), port, address, resolve));
  relay.send(encodeChannelData(relay.channel, Buffer.from('genuine')));
  await until('the genuine one came', () => peer.stats().packetsReceived > 0);
  t.match(peer.stats(), { packetsReceived: 1, bytesReceived: 7 });
  t.equal(peer.state, 'established');
});

t.test('forged responses do not end a transaction', async (t) => {
  const { relay, open, scheduler } = await scene(t);
  let forged = false;
  relay.handler = (received) => {
    if (received.signed === undefined || forged) return false;
    forged = true;
    for (const code of [300, 400, 403, 437, 486, 508]) {
      relay.send(relay.error(received, code, { integrity: 'none' }));
      relay.send(relay.error(received, code, { integrity: 'forged' }));
      relay.send(relay.error(received, code, { integrity: 'sha1' }));
    }
    relay.send(relay.success(received, undefined, { integrity: 'none' }));
    relay.send(relay.success(received, undefined, { integrity: 'forged' }));
    relay.send(relay.success(received, undefined, { transactionId: Buffer.alloc(12) }));
    relay.send(relay.success(received, undefined, { method: Method.Refresh }));
    return true;
  };
  const opening = open();
  await relay.nth(Method.Allocate, 1);
  scheduler.advance(500);
  const peer = await opening;
  t.strictSame(peer.stats().ignored, {
    integrity: 20,
    'unknown-transaction': 1,
    'wrong-method': 1,
  });
});

t.test('the error of a transaction without a valid response names the ignored ones', async (t) => {
  const { relay, open, scheduler } = await scene(t);
  relay.handler = (received) => {
    if (received.signed === undefined) return false;
    relay.send(relay.error(received, 437, { integrity: 'none' }));
    return true;
  };
  const opening = rejectionOf(open());
  await relay.nth(Method.Allocate, 1);
  await delivered();
  scheduler.advance(39_500);
  t.match(await opening, {
    code: 'ERR_TURNPIKE_RELAY_UNREACHABLE',
    message: /ignored: 1 × integrity 437/,
  });
});

t.test('of the errors before a challenge only 400 and 420 end the attempt', async (t) => {
  for (const code of [403, 437, 508]) {
    const { relay, open, scheduler } = await scene(t);
    let forged = false;
    relay.handler = (received) => {
      if (forged) return false;
      forged = true;
      relay.send(relay.error(received, code));
      return true;
    };
    const opening = open();
    await relay.nth(Method.Allocate, 0);
    scheduler.advance(500);
    t.match((await opening).stats().ignored, { 'unauthenticated-error': 1 });
  }
  for (const code of [400, 420]) {
    const { relay, open } = await scene(t);
    relay.handler = (received) => {
      relay.send(relay.error(received, code));
      return true;
    };
    t.match(await rejectionOf(open()), { code: 'ERR_TURNPIKE_REJECTED', stunCode: code });
  }
});

t.test('a challenge whose PASSWORD-ALGORITHMS were removed is ignored (bid-down)', async (t) => {
  const { relay, open, scheduler } = await scene(t);
  let forged = false;
  relay.handler = (received) => {
    if (forged) return false;
    forged = true;
    const { algorithms } = relay;
    relay.algorithms = undefined;
    relay.send(relay.challenge(received));
    relay.algorithms = algorithms;
    return true;
  };
  const opening = open();
  await relay.nth(Method.Allocate, 0);
  scheduler.advance(500);
  const peer = await opening;
  t.match(peer.stats(), { integrity: 'sha256', ignored: { 'bid-down': 1 } });
});

t.test(
  'after a forged challenge with another nonce, the relay’s 438 leads to SHA-256',
  async (t) => {
    const { relay, open } = await scene(t);
    let forged = false;
    relay.handler = (received) => {
      if (forged) return false;
      forged = true;
      const { algorithms, nonce } = relay;
      Object.assign(relay, { algorithms: undefined, nonce: NONCE_PLAIN });
      relay.send(relay.challenge(received));
      Object.assign(relay, { algorithms, nonce });
      return true;
    };
    const peer = await open();
    t.equal(peer.stats().integrity, 'sha256', 'the 438 has the password algorithms');
  },
);

t.test('forged Closed indications are ignored', async (t) => {
  const { relay, establish } = await scene(t);
  const peer = await establish();
  relay.send(relay.closed(437, { integrity: 'none' }));
  relay.send(relay.closed(437, { integrity: 'forged' }));
  relay.send(relay.closed(437, { integrity: 'sha1' }));
  relay.send(relay.closed(437, { connectionId: 'f'.repeat(32) }));
  await until('all came', () => peer.stats().ignored['unexpected-message'] === 1);
  t.match(peer.stats().ignored, { 'unauthenticated-closed': 3 });
  t.equal(peer.state, 'established');
});

t.test('requests and other indications get no response (CVE-2024-2169)', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  const send = (messageClass: 'request' | 'indication', method: number) =>
    relay.send(new MessageWriter(messageClass, method, Buffer.alloc(12, 1)).finish());
  for (const method of [Method.Binding, Method.Allocate, Method.Data, 0x7ff]) {
    send('request', method);
    if (method !== Method.Binding) send('indication', method);
  }
  await until('all came', () => peer.stats().ignored['unexpected-message'] === 7);
  t.equal(relay.count(Method.Binding), 0);
  scheduler.advance(1_000);
  // A relay's Binding indication is a reminder. The indication that it causes gets no response.
  for (let n = 0; n < 100; n += 1) send('indication', Method.Binding);
  await relay.nth(Method.Binding, 0);
  t.equal(relay.count(Method.Binding), 1);
  t.equal(peer.state, 'established');
});

t.test('data on another channel, or before the connection, is ignored', async (t) => {
  const { relay, open } = await scene(t);
  const peer = await open();
  relay.send(encodeChannelData(relay.channel, Buffer.from('early')));
  await until('it came', () => peer.stats().ignored['unknown-channel'] === 1);
  await peer.connect(OTHER);
  relay.send(encodeChannelData(relay.channel + 1, Buffer.from('astray')));
  relay.send(Buffer.alloc(0));
  relay.send(Buffer.from([0x40, 0x01, 0xff, 0xff, 1]));
  relay.send(Buffer.from([0xff]));
  relay.send(Buffer.from([0x01]));
  await until('all came', () => (peer.stats().ignored.malformed ?? 0) === 3);
  t.match(peer.stats(), { packetsReceived: 0, ignored: { 'unknown-channel': 2, empty: 1 } });
});

t.test('random datagrams neither make the peer throw nor change its state', async (t) => {
  const { relay, establish } = await scene(t);
  const peer = await establish();
  const before = total(peer.stats());
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    stunLike(fc.uint8Array({ maxLength: 60 })),
    fc.uint8Array({ maxLength: 30 }).map((payload) => encodeChannelData(0x4001, payload)),
  );
  const samples = fc.sample(bytes, 2_000);
  for (let at = 0; at < samples.length; at += 50) {
    for (const sample of samples.slice(at, at + 50)) relay.send(sample);
    await until('they came', () => total(peer.stats()) - before >= Math.min(at + 50, 2_000));
  }
  t.equal(peer.state, 'established');
  t.equal(peer.send(Buffer.from('still here')), true);
});

/** Prepends the header of a response or a Closed indication to random bytes. */
function stunLike(body: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const type = fc.constantFrom(0x0103, 0x0113, 0x010a, 0x011a, 0x0114, 0x1e11, 0x3ff1);
  return fc.tuple(type, body).map(([messageType, attributes]) => {
    const padded = attributes.subarray(0, attributes.length & ~3);
    const header = Buffer.alloc(20, 3);
    header.writeUInt16BE(messageType, 0);
    header.writeUInt16BE(padded.length, 2);
    header.writeUInt32BE(0x2112a442, 4);
    return Buffer.concat([header, padded]);
  });
}

function total(stats: { packetsReceived: number; ignored: Record<string, number> }): number {
  return Object.values(stats.ignored).reduce((sum, count) => sum + count, stats.packetsReceived);
}
