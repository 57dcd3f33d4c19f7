import { once } from 'node:events';
import t from 'tap';
import type { Peer } from '../../src/client/index.js';
import type { TurnpikeError } from '../../src/errors.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import type { FakeRelay } from './support/fake-relay.js';
import { pass, scene } from './support/scene.js';
import { delivered, until } from './support/until.js';

async function closeOf(peer: Peer): Promise<TurnpikeError | undefined> {
  return (await once(peer, 'close'))[0];
}

/** Records the names of a peer's events about its relay. */
function sayings(peer: Peer): string[] {
  const said: string[] = [];
  for (const name of ['unresponsive', 'responsive', 'close'] as const) {
    peer.on(name, () => said.push(name));
  }
  return said;
}

const data = (relay: FakeRelay) => encodeChannelData(relay.channel, Buffer.from('data'));

/** Makes a Closed indication without integrity, which can be sent without a credential. */
const hint = () => new MessageWriter('indication', Method.Closed, new Uint8Array(12)).finish();

t.test('a relay that does not answer under traffic closes the peer after 5 s', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  await pass(scheduler, 10_000);
  const said = sayings(peer);
  const closed = closeOf(peer);
  relay.handler = () => true;
  for (let ms = 0; ms < 4_750; ms += 250) {
    t.equal(peer.send(Buffer.from('anyone?')), true);
    await pass(scheduler, 250);
    if (ms === 3_250) t.strictSame([said, peer.relayResponsive], [['unresponsive'], false]);
  }
  t.equal(peer.state, 'established');
  await pass(scheduler, 250);
  t.match(await closed, {
    code: 'ERR_TURNPIKE_RELAY_UNREACHABLE',
    reason: 'relay-unresponsive',
    message: /has not answered for 5 s/,
  });
  t.strictSame(said, ['unresponsive', 'close']);
  t.equal(peer.send(Buffer.from('late')), false);
  t.equal(scheduler.armed, 0);
});

t.test(
  'a relay that stops answering and sending closes a peer that only receives after 5 s',
  async (t) => {
    const { relay, establish, scheduler } = await scene(t);
    const peer = await establish();
    for (let n = 0; n < 20; n += 1) {
      relay.send(data(relay));
      await pass(scheduler, 250);
    }
    t.equal(relay.count(Method.Refresh), 0, 'no Refresh while data arrives');
    relay.handler = () => true;
    const closed = closeOf(peer);
    await pass(scheduler, 5_000);
    t.match(await closed, { reason: 'relay-unresponsive' });
  },
);

t.test(
  'a short outage emits unresponsive and responsive, and the connection continues',
  async (t) => {
    const { relay, establish, scheduler } = await scene(t);
    const peer = await establish();
    const said = sayings(peer);
    relay.handler = () => true;
    peer.send(Buffer.from('anyone?'));
    await pass(scheduler, 4_000);
    t.equal(peer.relayResponsive, false);
    relay.handler = () => false;
    await pass(scheduler, 500);
    await until('it answered', () => peer.relayResponsive);
    await pass(scheduler, 10_000);
    t.strictSame(said, ['unresponsive', 'responsive']);
    t.equal(peer.state, 'established');
  },
);

t.test('data from the relay makes it responsive again', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  const said = sayings(peer);
  relay.handler = () => true;
  peer.send(Buffer.from('anyone?'));
  await pass(scheduler, 4_000);
  relay.send(data(relay));
  await until('it came', () => peer.relayResponsive);
  relay.handler = () => false;
  await pass(scheduler, 10_000);
  t.strictSame(said, ['unresponsive', 'responsive']);
});

t.test('a peer that only sends checks its relay about every two seconds', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  const said = sayings(peer);
  for (let ms = 0; ms < 60_000; ms += 250) {
    peer.send(Buffer.from('one way'));
    await pass(scheduler, 250);
  }
  const asked = relay.count(Method.Refresh);
  t.ok(asked >= 20 && asked <= 31, `${asked} Refreshes in 60 s`);
  t.strictSame(said, []);
});

t.test('an idle peer sends a Refresh every 30 s and something every 15 s', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  await establish();
  await pass(scheduler, 120_000);
  const [refreshes, signs] = [relay.count(Method.Refresh), relay.count(Method.Binding)];
  t.ok(refreshes >= 3 && refreshes <= 4, `${refreshes} Refreshes, one every 30 s`);
  t.ok(signs + refreshes >= 7 && signs + refreshes <= 8, `${signs} indications`);
});

t.test('a peer that receives data sends something each second', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  for (let n = 0; n < 40; n += 1) {
    relay.send(data(relay));
    await pass(scheduler, 250);
  }
  const signs = relay.count(Method.Binding);
  t.ok(signs >= 9 && signs <= 10, `${signs} signs of life in 10 s`);
  for (let n = 0; n < 40; n += 1) {
    relay.send(data(relay));
    peer.send(Buffer.from('talking'));
    await pass(scheduler, 250);
  }
  t.equal(relay.count(Method.Binding), signs, 'no indication while the peer sends data');
  await pass(scheduler, 14_000);
  t.ok(relay.count(Method.Binding) <= signs + 3, 'few after the data has stopped');
});

t.test('a peer sends signs of life also for sparse data and for a single packet', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  await establish();
  const signs = () => relay.count(Method.Binding) + relay.count(Method.Refresh);
  relay.send(data(relay));
  await delivered();
  await pass(scheduler, 1_000);
  t.equal(signs(), 1, 'one within the second');
  await pass(scheduler, 4_000);
  const single = signs();
  t.ok(single >= 3 && single <= 5, `${single} in total, since some may be lost`);
  for (let n = 0; n < 10; n += 1) {
    relay.send(data(relay));
    await pass(scheduler, 3_000);
  }
  const sparse = signs() - single;
  t.ok(sparse >= 28 && sparse <= 42, `${sparse} in 30 s with a packet each 3 s`);
});

t.test('reminders of the relay are answered with at most four indications a second', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  const reminder = () =>
    new MessageWriter('indication', Method.Binding, new Uint8Array(12)).finish();
  await pass(scheduler, 2_000);
  relay.send(reminder());
  await pass(scheduler, 250, 50);
  t.ok(relay.count(Method.Binding) >= 1, 'at once');
  for (let ms = 0; ms < 10_000; ms += 50) {
    relay.send(reminder());
    await pass(scheduler, 50);
  }
  const signs = relay.count(Method.Binding);
  t.ok(signs >= 35 && signs <= 42, `${signs} in 10 s`);
  await pass(scheduler, 14_000);
  t.ok(relay.count(Method.Binding) - signs <= 7, 'few after the last reminder');
  t.strictSame(peer.stats().ignored, {});
});

t.test('Allocate and Connect have LIVENESS of 1 s', async (t) => {
  const { relay, establish } = await scene(t);
  await establish();
  for (const method of [Method.Allocate, Method.Connect]) {
    const { message } = await relay.nth(method, relay.count(method) - 1);
    t.equal(message.u32(AttributeType.Liveness), 1);
  }
});

t.test('Closed without integrity causes at most one Refresh a second', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  const said = sayings(peer);
  for (let ms = 0; ms < 10_000; ms += 50) {
    relay.send(hint());
    await pass(scheduler, 50);
  }
  const asked = relay.count(Method.Refresh);
  t.ok(asked >= 9 && asked <= 11, `${asked} Refreshes in 10 s`);
  t.strictSame(said, []);
  t.equal(peer.state, 'established');
});

t.test('the connection ends if the Refresh after such a Closed gets 437', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  relay.handler = (received) => {
    if (received.signed === undefined || received.message.lifetimeSeconds() === 0) return false;
    relay.send(relay.error(received, 437));
    return true;
  };
  const closed = closeOf(peer);
  peer.send(Buffer.from('from another port'));
  await pass(scheduler, 100);
  relay.send(hint());
  t.match(await closed, {
    code: 'ERR_TURNPIKE_CLOSED',
    reason: 'nat-address-changed',
    stunCode: 437,
    message: /NAT gave this peer another address/,
  });
});

t.test('Closed without integrity before the connection causes no Refresh', async (t) => {
  const { relay, open } = await scene(t);
  const peer = await open();
  relay.send(hint());
  await until('it was seen', () => peer.stats().ignored['unauthenticated-closed'] === 1);
  t.equal(relay.count(Method.Refresh), 0);
});

t.test('after a pause of the host the relay is checked again before the peer closes', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  peer.send(Buffer.from('last'));
  // The process was stopped for a minute, so timers are late and answers unread.
  scheduler.skip(60_000);
  await delivered();
  await pass(scheduler, 10_000);
  t.equal(peer.state, 'established');
  t.ok(relay.count(Method.Refresh) >= 1);
});

t.test('after a sleep of the host the relay is checked at once', async (t) => {
  for (const [wallMs, monotonicMs] of [
    [3_600_000, 0],
    [10_000, 10_000],
  ] as const) {
    const { relay, establish, scheduler } = await scene(t);
    await establish();
    await pass(scheduler, 3_000);
    t.equal(relay.count(Method.Refresh), 0);
    scheduler.skip(monotonicMs, wallMs);
    await pass(scheduler, 1_250);
    t.ok(relay.count(Method.Refresh) >= 1, 'at the next look of the network watch');
  }
});

t.test('payloadBytesRecommended follows RECOMMENDED-PAYLOAD of the relay', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  let recommended: number | undefined = 1_380;
  relay.handler = (received) => {
    const { method } = received.message;
    if (received.signed === undefined || method === Method.Allocate) return false;
    const bytes = recommended;
    const answer = relay.success(received, (writer) => {
      if (method === Method.Connect) writer.channelNumber(relay.channel);
      writer.u32(AttributeType.Lifetime, 600);
      if (bytes !== undefined) writer.u32(AttributeType.RecommendedPayload, bytes);
    });
    relay.send(answer);
    return true;
  };
  const peer = await establish();
  const told: number[] = [];
  peer.on('recommended-payload', (bytes) => told.push(bytes));
  t.equal(peer.payloadBytesRecommended, 1_380);
  for (const next of [undefined, 1_200, 1_200, 0, 479, 872, 0xffff_ffff]) {
    recommended = next;
    await pass(scheduler, 31_000, 1_000);
  }
  t.strictSame(told, [1_200, 872, peer.payloadBytesMax]);
  t.equal(peer.payloadBytesMax, 65_479);
});
