import { once } from 'node:events';
import t, { type Test } from 'tap';
import { AVOIDED_MS, AvoidedAfterLosses } from '../../src/client/avoided-relays.js';
import {
  Peer,
  type Reconnecting,
  ReconnectingPeer,
  type ReconnectOptions,
} from '../../src/client/index.js';
import { SETTLED_MS } from '../../src/client/reconnecting-peer.js';
import { TurnpikeError } from '../../src/errors.js';
import { AVOIDED_RELAYS_MAX } from '../../src/registry/schemas.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { API_KEY, cluster } from './support/cluster.js';
import { fakeRendezvous } from './support/fake-rendezvous.js';
import { FakeScheduler } from './support/fake-scheduler.js';
import { scene } from './support/scene.js';
import { delivered, rejectionOf, until } from './support/until.js';

const UNREACHABLE = new TurnpikeError('ERR_TURNPIKE_DIRECTORY_UNREACHABLE', 'nobody there');

/** The outcome of an attempt to connect. */
type Attempt = 'connected' | 'never' | Error;

async function lasting(t: Test, attempts: readonly Attempt[], reconnect: ReconnectOptions = {}) {
  const { relay, establish } = await scene(t);
  const scheduler = new FakeScheduler();
  const asked: (readonly string[])[] = [];
  const states: Reconnecting[] = [];
  const state = { releases: 0 };
  const opening = ReconnectingPeer.open(
    {
      connect: ({ avoid, signal }) => {
        const what = attempts[asked.length] ?? 'never';
        asked.push(avoid);
        if (what instanceof Error) return Promise.reject(what);
        if (what === 'connected') return establish();
        return new Promise((_, reject) => {
          const stop = () => reject(new TurnpikeError('ERR_TURNPIKE_ABORTED', 'aborted'));
          if (signal.aborted) stop();
          signal.addEventListener('abort', stop);
        });
      },
      release: () => {
        state.releases += 1;
      },
      reconnect,
      onNotYet: () => {},
      scheduler,
      random: () => 0,
      receiveQueueMessagesMax: 8,
    },
    undefined,
  );
  opening.then(
    (peer) => {
      peer.on('reconnecting', (each) => states.push(each));
      t.teardown(() => peer.close());
    },
    () => {},
  );
  return { relay, scheduler, opening, asked, states, state };
}

t.test('a lost connection is replaced, and payloads sent meanwhile are dropped', async (t) => {
  const { relay, scheduler, opening, states } = await lasting(t, ['connected', 'connected']);
  const peer = await opening;
  t.equal(peer.state, 'established');
  t.equal(peer.send(Buffer.from('one')), true);
  relay.send(relay.closed(437));
  await until('it was lost', () => states.length === 1);
  t.match(states, [{ attempt: 1, waitMs: 250, reason: { reason: 'other-side-left' } }]);
  t.equal(peer.state, 'reconnecting');
  t.equal(peer.relayResponsive, false);
  t.equal(peer.send(Buffer.from('lost')), false);
  t.throws(() => peer.send(new Uint8Array(peer.payloadBytesMax + 1)), {
    code: 'ERR_TURNPIKE_PAYLOAD_TOO_LARGE',
  });
  const connected = once(peer, 'connected');
  scheduler.advance(250);
  t.equal((await connected)[0], peer.current);
  t.equal(peer.send(Buffer.from('two')), true);
  t.match(peer.stats(), { connections: 2, packetsSent: 2, bytesSent: 6, sendDrops: 1 });
  await peer.close();
  t.equal(peer.state, 'closed');
  t.equal(scheduler.armed, 0);
});

t.test('one iteration has the payloads of all connections', async (t) => {
  const { relay, scheduler, opening, states } = await lasting(t, ['connected', 'connected']);
  const peer = await opening;
  const data = (text: string) => relay.send(encodeChannelData(relay.channel, Buffer.from(text)));
  data('one');
  await until('it came', () => peer.stats().packetsReceived === 1);
  relay.send(relay.closed(447));
  await until('it was lost', () => states.length === 1);
  scheduler.advance(250);
  await once(peer, 'connected');
  data('two');
  const got: string[] = [];
  for await (const payload of peer) {
    got.push(String(payload));
    if (got.length === 2) break;
  }
  t.strictSame(got, ['one', 'two']);
});

t.test(
  'a failed first connection rejects, or with fromStart is tried again unless it was refused',
  async (t) => {
    const eager = await lasting(t, [UNREACHABLE]);
    t.equal(await rejectionOf(eager.opening), UNREACHABLE);
    t.equal(eager.state.releases, 2, 'the room is left');
    const patient = await lasting(t, [UNREACHABLE, UNREACHABLE, 'connected'], { fromStart: true });
    await delivered();
    patient.scheduler.advance(250);
    await delivered();
    patient.scheduler.advance(500);
    const peer = await patient.opening;
    t.equal(peer.state, 'established');
    const refused = new TurnpikeError('ERR_TURNPIKE_DIRECTORY', 'wrong key', { status: 401 });
    const never = await lasting(t, [refused], { fromStart: true });
    t.equal(await rejectionOf(never.opening), refused);
  },
);

t.test('after a loss, attempts are repeated with growing waits until one is refused', async (t) => {
  const refused = new TurnpikeError('ERR_TURNPIKE_DIRECTORY', 'wrong key', { status: 403 });
  const failures = Array.from({ length: 7 }, () => UNREACHABLE);
  const { relay, scheduler, opening, states, state } = await lasting(t, [
    'connected',
    ...failures,
    refused,
  ]);
  const peer = await opening;
  const closed = once(peer, 'close');
  relay.send(relay.closed(437));
  for (let n = 1; n <= 8; n += 1) {
    await until('it waits', () => states.length === n);
    scheduler.advance(states[n - 1]?.waitMs ?? 0);
  }
  t.equal((await closed)[0], refused);
  t.strictSame(
    states.map(({ waitMs }) => waitMs),
    [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000],
  );
  t.strictSame(
    states.map(({ attempt }) => attempt),
    [1, 2, 3, 4, 5, 6, 7, 8],
  );
  t.ok(state.releases >= 8, 'each failed attempt enters the room again');
  t.match(await rejectionOf(peer[Symbol.asyncIterator]().next()), refused);
  t.equal(scheduler.armed, 0);
});

t.test('a loss that lasts for giveUpMs closes the peer', async (t) => {
  for (const attempts of [
    ['connected', 'never'],
    ['connected', UNREACHABLE, UNREACHABLE, UNREACHABLE],
  ] as const) {
    const { relay, scheduler, opening, states } = await lasting(t, attempts, { giveUpMs: 1_500 });
    const peer = await opening;
    const closed = once(peer, 'close');
    relay.send(relay.closed(437));
    await until('it was lost', () => states.length === 1);
    for (let ms = 0; ms < 1_500; ms += 50) {
      scheduler.advance(50);
      await delivered();
    }
    t.match((await closed)[0], {
      code: 'ERR_TURNPIKE_TIMEOUT',
      message: /lost and did not come back in 1.5 s/,
    });
    t.equal(scheduler.armed, 0);
  }
});

t.test('a relay that did not answer is avoided in one attempt', async (t) => {
  const { scheduler, opening, asked, states } = await lasting(t, [
    'connected',
    UNREACHABLE,
    'connected',
  ]);
  const peer = await opening;
  const { id } = peer.current?.grant.relay ?? {};
  await peer.reconnect(
    new TurnpikeError('ERR_TURNPIKE_RELAY_UNREACHABLE', 'silent', { reason: 'relay-unresponsive' }),
  );
  for (let n = 1; n <= 2; n += 1) {
    await until('it waits', () => states.length === n);
    scheduler.advance(states[n - 1]?.waitMs ?? 0);
  }
  await until('it is back', () => peer.state === 'established');
  t.strictSame(asked, [[], [id], []]);
});

t.test('the waits grow while connections are lost soon after they were made', async (t) => {
  const { relay, scheduler, opening, asked, states } = await lasting(
    t,
    Array.from({ length: 6 }, () => 'connected' as const),
  );
  const peer = await opening;
  for (let n = 1; n <= 5; n += 1) {
    if (n === 5) scheduler.advance(SETTLED_MS);
    relay.send(relay.closed(n <= 2 ? 447 : 437));
    await until('it was lost', () => states.length === n);
    scheduler.advance(states[n - 1]?.waitMs ?? 0);
    await until('it is back', () => peer.state === 'established');
  }
  t.strictSame(
    states.map(({ waitMs }) => waitMs),
    [250, 500, 1_000, 2_000, 250],
    'reset after a connection that lasted',
  );
  t.strictSame(
    asked.slice(0, 4),
    [[], [], ['fra-1'], ['fra-1']],
    'the relay is avoided after two losses',
  );
});

t.test(
  'a relay at which two connections were lost by network faults is avoided for AVOIDED_MS',
  async (t) => {
    const clock = new FakeScheduler();
    const losses = new AvoidedAfterLosses(clock);
    for (const reason of ['other-side-left', 'other-side-left', undefined]) {
      losses.noteLoss('a', reason);
    }
    losses.noteLoss('b', 'other-side-silent');
    t.strictSame(losses.ids, []);
    losses.noteLoss('b', 'other-relay-gone');
    t.strictSame(losses.ids, ['b']);
    clock.advance(AVOIDED_MS + 1);
    t.strictSame(losses.ids, []);
    for (let n = 0; n < 20; n += 1) {
      for (let times = 0; times < 2; times += 1) losses.noteLoss(`r${n}`, 'other-relay-gone');
    }
    t.equal(losses.ids.length, AVOIDED_RELAYS_MAX);
  },
);

t.test('a failed attempt enters the room again with the same member name', async (t) => {
  const fake = await fakeRendezvous(t);
  const scheduler = new FakeScheduler();
  const joining = Peer.join({
    directoryUrl: fake.url,
    apiKey: API_KEY,
    room: 'r',
    scheduler,
    reconnect: { fromStart: true },
  }).catch(() => {});
  const joinOf = async (n: number) => {
    await until(`join ${n}`, () => (fake.members[n]?.of('join').length ?? 0) > 0);
    return fake.members[n]?.of('join')[0]?.member;
  };
  const first = await joinOf(0);
  fake.members[0]?.sendConnection('a', { role: 7 });
  await until('it failed', () => scheduler.armed === 1);
  scheduler.advance(1_000);
  t.equal(await joinOf(1), first);
  t.type(first, 'string');
  fake.refuse = { status: 401, body: '{"code":"unauthorized"}' };
  fake.members[1]?.sendConnection('b', { role: 7 });
  await until('it failed', () => scheduler.armed === 1);
  scheduler.advance(1_000);
  await joining;
});

t.test('close() ends the peer in every state and leaves no timer', async (t) => {
  const because = new TurnpikeError('ERR_TURNPIKE_CLOSED', 'because');
  for (const attempts of [
    ['connected'],
    ['connected', 'never'],
    ['connected', UNREACHABLE],
  ] as const) {
    for (const waitMs of [0, 250]) {
      const { relay, scheduler, opening, states } = await lasting(t, attempts);
      const peer = await opening;
      const closed = once(peer, 'close');
      if (attempts.length > 1) {
        relay.send(relay.closed(437));
        await until('it was lost', () => states.length === 1);
        scheduler.advance(waitMs);
        await delivered();
      }
      await Promise.all([peer.close(because), peer.close()]);
      t.equal((await closed)[0], because);
      t.equal(peer.state, 'closed');
      t.equal(peer.send(Buffer.from('late')), false);
      t.equal(scheduler.armed, 0);
    }
  }
});

t.test('the first connection can be aborted', async (t) => {
  const system = await cluster(t);
  const options = { directoryUrl: system.directory.url, apiKey: API_KEY, room: 'alone' };
  const signal = AbortSignal.timeout(200);
  const joining = Peer.join({ ...options, signal, reconnect: true });
  t.match(await rejectionOf(joining), { code: 'ERR_TURNPIKE_ABORTED' });
});

t.test('two peers of a room are connected again after reconnect()', async (t) => {
  const system = await cluster(t);
  const options = { directoryUrl: system.directory.url, apiKey: API_KEY, room: 'again' };
  const join = () => Peer.join({ ...options, region: 'west', reconnect: { giveUpMs: 20_000 } });
  const [a, b] = await Promise.all([join(), join()]);
  t.teardown(() => Promise.all([a.close(), b.close()]));
  t.equal(a.current?.grant.relay.region, 'west');
  const before = a.current?.grant.connectionId;
  const back = Promise.all([once(a, 'connected'), once(b, 'connected')]);
  await a.reconnect(new TurnpikeError('ERR_TURNPIKE_CLOSED', 'for the test'));
  await back;
  t.not(a.current?.grant.connectionId, before);
  const arrived = once(b, 'message');
  t.equal(a.send(Buffer.from('hello again')), true);
  t.equal(String((await arrived)[0]), 'hello again');
});

t.test('an invalid reconnect option is refused', async (t) => {
  const options = { directoryUrl: 'http://127.0.0.1:1', apiKey: API_KEY, room: 'x' };
  for (const reconnect of ['yes', 1, null, { giveUpMs: 0 }, { giveUp: 1 }, { fromStart: 'no' }]) {
    const joining = Peer.join({ ...options, reconnect } as never);
    t.match(await rejectionOf(joining), { code: 'ERR_TURNPIKE_CONFIG' });
  }
});
