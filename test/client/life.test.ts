import { once } from 'node:events';
import t from 'tap';
import type { Peer } from '../../src/client/index.js';
import { TurnpikeError } from '../../src/errors.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { RefusalCause } from '../../src/stun/error-codes.js';
import { Method } from '../../src/stun/methods.js';
import { ownLoopback } from '../setup/own-loopback.js';
import { FakeRelay, type Received } from './support/fake-relay.js';
import type { FakeScheduler } from './support/fake-scheduler.js';
import { caughtUp, jittered, latestRefresh, OTHER, pass, scene } from './support/scene.js';
import { delivered, rejectionOf, until } from './support/until.js';

/** Waits for the 'close' event. @returns its error */
async function closeOf(peer: Peer): Promise<TurnpikeError | undefined> {
  return (await once(peer, 'close'))[0];
}

t.test(
  'an established leg is refreshed after half to three quarters of its lifetime',
  async (t) => {
    for (const [jitter, delayMs] of [
      [0x00, 10_000],
      [0xff, 15_000],
    ] as const) {
      const { relay, establish, scheduler } = await scene(t);
      relay.lifetimeSeconds = 20;
      const peer = await establish({ random: jittered(jitter) });
      for (let refresh = 0; refresh < 3; refresh += 1) {
        scheduler.advance(delayMs - 1);
        t.equal(relay.count(Method.Refresh), refresh);
        scheduler.advance(1);
        const { message } = await relay.nth(Method.Refresh, refresh);
        t.equal(message.lifetimeSeconds(), 600);
        await caughtUp(relay, peer);
      }
    }
  },
);

t.test('an extreme granted lifetime does not lead to more than a Refresh in 5 s', async (t) => {
  for (const lifetimeSeconds of [0, 0xffff_ffff]) {
    const { relay, establish, scheduler } = await scene(t);
    relay.lifetimeSeconds = lifetimeSeconds;
    const peer = await establish();
    scheduler.advance(4_999);
    await caughtUp(relay, peer);
    t.equal(relay.count(Method.Refresh), 0);
  }
});

t.test('an idle peer sends a Binding indication after 15 s', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  await establish();
  scheduler.advance(14_999);
  t.equal(relay.count(Method.Binding), 0);
  scheduler.advance(1);
  const { message } = await relay.nth(Method.Binding, 0);
  t.equal(message.messageClass, 'indication');
});

t.test(
  'a peer sends Refresh when its relay was silent for 30 s, and data counts as a sign of life',
  async (t) => {
    const { relay, establish, scheduler } = await scene(t);
    const peer = await establish();
    scheduler.advance(29_000);
    relay.send(encodeChannelData(relay.channel, Buffer.from('alive')));
    await until('it came', () => peer.stats().packetsReceived === 1);
    await pass(scheduler, 29_000);
    t.equal(relay.count(Method.Refresh), 1, 'one after the data stopped');
    await pass(scheduler, 3_000);
    t.equal(relay.count(Method.Refresh), 2);
  },
);

t.test('a relay that no longer answers closes the peer', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  relay.drop = Number.POSITIVE_INFINITY;
  const closed = closeOf(peer);
  scheduler.advance(30_000);
  await relay.nth(Method.Refresh, 0);
  scheduler.advance(39_500);
  t.match(await closed, { code: 'ERR_TURNPIKE_RELAY_UNREACHABLE' });
  t.equal(peer.state, 'closed');
  t.equal(scheduler.armed, 0);
});

t.test('437 to a Refresh closes the peer', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  relay.handler = (received) => {
    if (received.signed === undefined) return false;
    relay.send(relay.error(received, 437));
    return true;
  };
  const closed = closeOf(peer);
  scheduler.advance(30_000);
  t.match(await closed, { code: 'ERR_TURNPIKE_CLOSED', stunCode: 437 });
});

/** Lets a minute pass for possible retransmissions, and lets them arrive. */
async function settled(scheduler: FakeScheduler): Promise<void> {
  scheduler.advance(60_000);
  await delivered();
}

t.test(
  'after 437 to a Refresh the peer closes its leg, and the answer tells whether it existed',
  async (t) => {
    for (const integrity of ['sha1', 'sha256'] as const) {
      for (const answer of ['closed', 'unknown', 'none'] as const) {
        const { relay, establish, scheduler } = await scene(t);
        const peer = await establish({ integrity });
        relay.handler = (received) => {
          const isClose = received.message.lifetimeSeconds() === 0;
          if (isClose && answer !== 'unknown') return answer === 'none';
          relay.send(relay.error(received, 437));
          return true;
        };
        const closed = closeOf(peer);
        scheduler.advance(30_000);
        const { message, signed } = await relay.nth(Method.Refresh, 1);
        t.equal(message.lifetimeSeconds(), 0);
        t.equal(signed, integrity);
        t.equal(peer.send(Buffer.from('lost')), false);
        await pass(scheduler, 1_000);
        t.match(await closed, {
          code: 'ERR_TURNPIKE_CLOSED',
          stunCode: 437,
          reason: answer === 'closed' ? 'nat-address-changed' : 'connection-unknown',
          cause: { code: 'ERR_TURNPIKE_REJECTED' },
        });
        t.equal(scheduler.armed, 0);
        await settled(scheduler);
        await peer.close();
        t.equal(relay.count(Method.Refresh), answer === 'none' ? 3 : 2);
      }
    }
  },
);

t.test('after another error to a Refresh no close is sent', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  relay.handler = (received) => {
    relay.send(relay.error(received, 403));
    return true;
  };
  const closed = closeOf(peer);
  scheduler.advance(30_000);
  t.match(await closed, { code: 'ERR_TURNPIKE_REJECTED', stunCode: 403 });
  await settled(scheduler);
  t.equal(relay.count(Method.Refresh), 1);
});

t.test('after 437 to a Refresh of an unconnected leg no close is sent', async (t) => {
  const { relay, open, scheduler } = await scene(t);
  const peer = await open({ random: latestRefresh });
  relay.handler = (received) => {
    relay.send(relay.error(received, 437));
    return true;
  };
  const closed = closeOf(peer);
  scheduler.advance(12_000);
  t.match(await closed, { code: 'ERR_TURNPIKE_CLOSED', stunCode: 437 });
  await settled(scheduler);
  t.equal(relay.count(Method.Refresh), 1);
});

t.test('no close is sent for a leg that ended while a Refresh was pending', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  relay.handler = (received) => {
    relay.send(relay.closed(437));
    relay.send(relay.error(received, 437));
    return true;
  };
  const closed = closeOf(peer);
  scheduler.advance(30_000);
  t.match(await closed, { code: 'ERR_TURNPIKE_CLOSED', stunCode: 437, cause: undefined });
  await settled(scheduler);
  t.equal(relay.count(Method.Refresh), 1);
});

t.test('437 to a pending Refresh after close() has no effect', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  let unanswered: Received | undefined;
  relay.handler = (received) => {
    if (received.message.lifetimeSeconds() === 0) {
      relay.send(relay.error(unanswered as Received, 437));
      return false;
    }
    unanswered = received;
    return true;
  };
  const closed = closeOf(peer);
  scheduler.advance(30_000);
  await relay.nth(Method.Refresh, 0);
  await peer.close();
  t.equal(await closed, undefined, 'no error');
  await settled(scheduler);
  t.equal(relay.count(Method.Refresh), 2, 'one to extend the leg, one to close it');
});

t.test('a Refresh after 438 uses the new nonce', async (t) => {
  for (const integrity of ['sha1', 'sha256'] as const) {
    const { relay, establish, scheduler } = await scene(t);
    const peer = await establish({ integrity });
    relay.nonce = 'obMatJos2gAABsecond';
    scheduler.advance(30_000);
    const first = await relay.nth(Method.Refresh, 0);
    const second = await relay.nth(Method.Refresh, 1);
    t.equal(second.signed, integrity);
    t.notSame(second.message.transactionId, first.message.transactionId);
    await peer.close();
    t.equal(relay.count(Method.Refresh), 3, 'the next request uses the new nonce');
  }
});

t.test('a Closed indication ends the connection with its code', async (t) => {
  for (const integrity of ['sha1', 'sha256'] as const) {
    for (const [code, reason] of [
      [437, 'other-side-left'],
      [408, 'other-side-silent'],
      [447, 'other-relay-gone'],
      [300, 'relay-draining'],
    ] as const) {
      const { relay, establish, scheduler } = await scene(t);
      const peer = await establish({ integrity });
      const closed = closeOf(peer);
      relay.send(relay.closed(code));
      t.match(await closed, { code: 'ERR_TURNPIKE_CLOSED', stunCode: code, reason });
      t.equal(scheduler.armed, 0);
      t.equal(relay.count(Method.Refresh), 0, 'no close is sent');
      t.equal(peer.send(Buffer.from('late')), false);
    }
  }
});

t.test('Closed 437 with cause 2 says that nothing of the peer reaches the relay', async (t) => {
  const { relay, establish } = await scene(t);
  const peer = await establish();
  const closed = closeOf(peer);
  relay.send(relay.closed(437, { cause: RefusalCause.peerUnheard }));
  t.match(await closed, {
    code: 'ERR_TURNPIKE_CLOSED',
    stunCode: 437,
    reason: 'relay-unresponsive',
    message: /nothing of this peer reaches it/,
  });
});

t.test('a Closed indication with an earlier transaction id only causes a Refresh', async (t) => {
  const recorded = { transactionId: new Uint8Array(12).fill(7) };
  const { relay, establish } = await scene(t);
  const peer = await establish();
  for (const code of [437, 408, 447, 300]) relay.send(relay.closed(code, recorded));
  const { message } = await relay.nth(Method.Refresh, 0);
  t.equal(message.lifetimeSeconds(), 600, 'a Refresh to check the leg');
  await until('it has answered', () => peer.stats().ignored['unauthenticated-closed'] === 4);
  t.equal(peer.state, 'established');
  t.equal(relay.count(Method.Refresh), 1, 'once');
  await peer.close();
});

t.test(
  'such a Closed indication gives the reason if the Refresh gets 437 (relays of version 0.1.0)',
  async (t) => {
    const { relay, establish } = await scene(t);
    const peer = await establish();
    const closed = closeOf(peer);
    relay.handler = (received) => {
      relay.send(relay.error(received, 437));
      return true;
    };
    relay.send(relay.closed(408, { transactionId: new Uint8Array(12).fill(7) }));
    t.match(await closed, {
      code: 'ERR_TURNPIKE_CLOSED',
      stunCode: 408,
      reason: 'other-side-silent',
    });
  },
);

t.test('a Closed indication ends an unconnected leg', async (t) => {
  const { relay, open } = await scene(t);
  const peer = await open();
  const closed = closeOf(peer);
  relay.send(relay.closed(300));
  t.match(await closed, { code: 'ERR_TURNPIKE_CLOSED', stunCode: 300 });
  t.match(await rejectionOf(peer.connect(OTHER)), { code: 'ERR_TURNPIKE_CLOSED' });
});

t.test('close() sends one close to the relay and leaves no timer', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  const closed = closeOf(peer);
  await Promise.all([peer.close(), peer.close()]);
  await peer.close();
  t.equal(await closed, undefined, 'no error');
  t.equal(relay.count(Method.Refresh), 1);
  t.equal((await relay.nth(Method.Refresh, 0)).message.lifetimeSeconds(), 0);
  t.equal(scheduler.armed, 0);
});

t.test('close() waits at most 2 s for a response', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish();
  relay.drop = Number.POSITIVE_INFINITY;
  const closing = peer.close();
  await relay.nth(Method.Refresh, 0);
  scheduler.advance(2_000);
  await closing;
  await relay.nth(Method.Refresh, 2);
  t.equal(scheduler.armed, 0);
});

t.test('the close event has the reason given to close()', async (t) => {
  const { establish } = await scene(t);
  const peer = await establish();
  const closed = closeOf(peer);
  await peer.close(new TurnpikeError('ERR_TURNPIKE_CLOSED', 'because'));
  t.match(await closed, { message: 'because' });
});

t.test('ICMP errors close the peer only if the relay does not answer', async (t) => {
  for (const isBack of [true, false]) {
    const { relay, establish, scheduler } = await scene(t, ownLoopback());
    const peer = await establish();
    await pass(scheduler, 5_000);
    const { address, port } = relay.address;
    await relay.close();
    for (let n = 0; n < 8; n += 1) {
      peer.send(Buffer.from('anyone?'));
      await pass(scheduler, 250, 50);
    }
    t.ok(peer.stats().sendErrors > 2, 'more than two ICMP errors');
    t.equal(peer.state, 'established');
    const again = isBack ? await FakeRelay.open(address, port) : undefined;
    for (let n = 0; n < 8; n += 1) await pass(scheduler, 250, 50);
    t.equal(peer.state, isBack ? 'established' : 'closed');
    await peer.close();
    await again?.close();
  }
});

t.test('ECONNREFUSED without an answer closes the peer', async (t) => {
  const { relay, establish, scheduler } = await scene(t, ownLoopback());
  const peer = await establish();
  const closed = closeOf(peer);
  await relay.close();
  const pump = setInterval(() => {
    peer.send(Buffer.from('anyone?'));
    scheduler.advance(500);
  }, 2);
  t.match(await closed, { code: 'ERR_TURNPIKE_RELAY_UNREACHABLE', errno: 'ECONNREFUSED' });
  clearInterval(pump);
});
