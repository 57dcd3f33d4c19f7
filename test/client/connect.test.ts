import { once } from 'node:events';
import t from 'tap';
import { parseGrant } from '../../src/client/index.js';
import type { TurnpikeError } from '../../src/errors.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { caughtUp, latestRefresh, OTHER, pass, scene } from './support/scene.js';
import { rejectionOf } from './support/until.js';

t.test('Connect has the other peer’s address and opens the channel', async (t) => {
  const { relay, establish } = await scene(t);
  const peer = await establish();
  t.equal(peer.state, 'established');
  t.strictSame(peer.peerAddress, OTHER);
  const { message, signed } = await relay.nth(Method.Connect, 0);
  t.equal(signed, 'sha256');
  t.strictSame(message.address(AttributeType.XorPeerAddress), OTHER);
});

t.test('Connect is retransmitted at most 1 s apart until the other peer connects', async (t) => {
  const { relay, open, scheduler } = await scene(t);
  const peer = await open();
  let answered = false;
  relay.handler = (received) => received.message.method === Method.Connect && !answered;
  const connecting = peer.connect(OTHER);
  const first = await relay.nth(Method.Connect, 0);
  scheduler.advance(500);
  await relay.nth(Method.Connect, 1);
  for (let second = 1; second <= 20; second += 1) {
    await pass(scheduler, 1_000);
    const again = await relay.nth(Method.Connect, 1 + second);
    t.same(again.message.transactionId, first.message.transactionId);
  }
  answered = true;
  scheduler.advance(1_000);
  await connecting;
  t.equal(peer.state, 'established');
});

t.test(
  'Connect without a response fails after 30 s, and connect() may be called again',
  async (t) => {
    const { relay, open, scheduler } = await scene(t);
    const peer = await open();
    relay.handler = ({ message }) => message.method === Method.Connect;
    const connecting = rejectionOf(peer.connect(OTHER));
    await relay.nth(Method.Connect, 0);
    await pass(scheduler, 32_000);
    t.match(await connecting, { code: 'ERR_TURNPIKE_TIMEOUT', address: '198.51.100.9:51820' });
    await relay.nth(Method.Connect, 30);
    t.equal(peer.state, 'allocated');
    relay.handler = () => false;
    await peer.connect(OTHER);
    t.equal(peer.state, 'established');
  },
);

t.test('a relay that stops answering closes the peer before the other peer connects', async (t) => {
  for (const isConnecting of [true, false]) {
    const { relay, open, scheduler } = await scene(t);
    const peer = await open();
    relay.handler = ({ message }) => message.method === Method.Connect;
    const connecting = isConnecting ? rejectionOf(peer.connect(OTHER)) : once(peer, 'close');
    await pass(scheduler, 20_000);
    t.equal(peer.state, isConnecting ? 'connecting' : 'allocated', 'not while the relay answers');
    relay.handler = () => true;
    await pass(scheduler, isConnecting ? 7_500 : 15_500);
    t.equal(peer.state, 'closed');
    t.match([await connecting].flat()[0], {
      code: 'ERR_TURNPIKE_RELAY_UNREACHABLE',
      reason: 'relay-unresponsive',
      message: /has not answered for 3 s/,
    });
  }
});

t.test('447 has the reason relays-unreachable only with cause 1', async (t) => {
  for (const [cause, reason] of [
    [undefined, undefined],
    [1, 'relays-unreachable'],
    [2, undefined],
  ] as const) {
    const { relay, open, scheduler } = await scene(t);
    const peer = await open();
    for (const waitMs of [0, 25_000]) {
      let isDue = waitMs === 0;
      relay.handler = (received) => {
        if (received.message.method !== Method.Connect) return false;
        if (isDue) relay.send(relay.error(received, 447, { ...(cause && { cause }) }));
        return true;
      };
      const refused = rejectionOf(peer.connect(OTHER));
      await pass(scheduler, waitMs);
      isDue = true;
      await pass(scheduler, 1_000);
      const { reason: got, stunCode, message } = (await refused) as TurnpikeError;
      t.strictSame([got, stunCode], [reason, 447], `${cause} after ${waitMs} ms`);
      const says =
        cause === 1 ? /do not reach each other or one refuses/ : /did not connect in time/;
      t.match(message, says);
      if (cause === 1) t.notMatch(message, /did not connect in time/);
    }
  }
});

t.test('after 403 and 447 the leg stays allocated, other error codes close it', async (t) => {
  for (const [code, state] of [
    [403, 'allocated'],
    [447, 'allocated'],
    [437, 'closed'],
    [446, 'closed'],
    [508, 'closed'],
  ] as const) {
    const { relay, open } = await scene(t);
    const peer = await open();
    relay.handler = (received) => {
      if (received.message.method !== Method.Connect) return false;
      relay.send(relay.error(received, code));
      return true;
    };
    t.match(await rejectionOf(peer.connect(OTHER)), {
      code: 'ERR_TURNPIKE_REJECTED',
      stunCode: code,
    });
    t.equal(peer.state, state, `${code}`);
  }
});

t.test('a leg is refreshed every 12 s until it is connected', async (t) => {
  const { relay, open, scheduler } = await scene(t);
  const peer = await open({ random: latestRefresh });
  for (let refresh = 0; refresh < 5; refresh += 1) {
    scheduler.advance(12_000);
    await relay.nth(Method.Refresh, refresh);
    await caughtUp(relay, peer);
    t.equal(peer.state, 'allocated');
  }
  await peer.connect(OTHER);
  t.equal(peer.state, 'established');
});

t.test('connect() can be aborted and called again', async (t) => {
  const { relay, open } = await scene(t);
  const peer = await open();
  relay.handler = ({ message }) => message.method === Method.Connect;
  const controller = new AbortController();
  const connecting = rejectionOf(peer.connect(OTHER, { signal: controller.signal }));
  await relay.nth(Method.Connect, 0);
  controller.abort(new Error('changed my mind'));
  t.match(await connecting, { code: 'ERR_TURNPIKE_ABORTED', cause: { message: /changed/ } });
  t.equal(peer.state, 'allocated');
  relay.handler = () => false;
  await peer.connect(OTHER);
  t.equal(peer.state, 'established');
});

t.test('connect() rejects on an established or closed peer', async (t) => {
  const { establish } = await scene(t);
  const peer = await establish();
  t.match(await rejectionOf(peer.connect(OTHER)), { code: 'ERR_TURNPIKE_CONFIG' });
  await peer.close();
  t.match(await rejectionOf(peer.connect(OTHER)), { code: 'ERR_TURNPIKE_CLOSED' });
});

t.test('close() ends a pending Connect', async (t) => {
  const { relay, open, scheduler } = await scene(t);
  const peer = await open();
  relay.handler = ({ message }) => message.method === Method.Connect;
  const connecting = rejectionOf(peer.connect(OTHER));
  await relay.nth(Method.Connect, 0);
  await peer.close();
  t.match(await connecting, { code: 'ERR_TURNPIKE_CLOSED' });
  t.equal(scheduler.armed, 0);
});

t.test('a channel outside of 0x4000 to 0x4FFF closes the leg', async (t) => {
  const { relay, open } = await scene(t);
  const peer = await open();
  relay.channel = 0x5000;
  t.match(await rejectionOf(peer.connect(OTHER)), { code: 'ERR_TURNPIKE_STUN' });
  t.equal(peer.state, 'closed');
});

t.test('a grant parses to the same value after JSON', async (t) => {
  const { relay } = await scene(t);
  t.strictSame(parseGrant(JSON.parse(JSON.stringify(relay.grant))), relay.grant);
});
