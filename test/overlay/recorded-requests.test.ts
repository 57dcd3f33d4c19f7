import t from 'tap';
import { sameAddress } from '../../src/address.js';
import { NONCE_AHEAD_SECONDS } from '../../src/overlay/leg-nonces.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { decodeMessage, type StunMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { established, FakePeer, type Flight, join, twoRelays } from '../relay/world/index.js';

type System = ReturnType<typeof twoRelays>;

const decode = ({ data }: Flight): StunMessage => {
  const decoded = decodeMessage(data);
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.message;
};

/** Returns a peer's requests to its relay, from an index of the world's log on. */
function requestsOf({ world }: System, { address, relay }: FakePeer, from = 0): Flight[] {
  return world.log
    .slice(from)
    .filter((flight) => sameAddress(flight.from, address) && sameAddress(flight.to, relay.service))
    .filter((flight) => decode(flight).messageClass === 'request');
}

/** Returns the peers' Closed indications and the legs with their expiry. */
function state({ a, b, fra, nyc }: System) {
  return {
    closed: [a.closed, b.closed],
    legs: [fra, nyc].map(({ core }) =>
      core.context.legs
        .all()
        .map(({ state }) => [state.type, state.type === 'established' ? state.expiresAt : 0]),
    ),
  };
}

/** Records all requests of a connection that has ended; the peers keep credentials and nonces. */
function twoLives(pauseMs: number) {
  const system = established();
  const { world, a, b } = system;
  a.refresh(1_200);
  a.refresh(0);
  b.refresh(0);
  const recorded = [...requestsOf(system, a), ...requestsOf(system, b)];
  if (pauseMs > 0) world.pass(pauseMs);
  return { system, recorded };
}

t.test(
  'recorded requests of an earlier leg do not affect a later one of the same name',
  async (t) => {
    for (const pauseMs of [0, 300, 5_000, 70_000, 500_000]) {
      const { system, recorded } = twoLives(pauseMs);
      const { world, a, b } = system;
      t.equal(recorded.length, 9, 'all requests are recorded');
      world.replay(recorded);
      t.same(state(system).legs, [[], []], 'no recorded Allocate makes a leg');
      join(system);
      t.equal(a.connectAnswer?.messageClass, 'success', `after ${pauseMs} ms`);
      t.equal(b.connectAnswer?.messageClass, 'success');
      const before = state(system);
      world.replay(recorded);
      world.replay([...recorded].reverse());
      world.pass(1_000);
      t.same(state(system), before);
      t.equal(a.refresh(0)?.messageClass, 'success', 'the peer itself can still close');
    }
  },
);

t.test('recorded requests do not affect a later leg while it is set up', async (t) => {
  const { system, recorded } = twoLives(1_000);
  const { world, a, b, fra, nyc } = system;
  a.allocate(nyc.service);
  world.replay(recorded);
  b.allocate(fra.service);
  a.connect(b.address);
  world.replay(recorded);
  b.connect(a.address);
  t.equal(a.connectAnswer?.messageClass, 'success');
  t.equal(b.connectAnswer?.messageClass, 'success');
});

t.test('recorded requests have no effect after a restart of the relay', async (t) => {
  const { system, recorded } = twoLives(0);
  const { world, a, b, fra, nyc } = system;
  world.pass(1_000);
  const again = world.addRelay('fra-1', '192.0.2.10');
  world.introduce();
  a.relay = again;
  world.replay(recorded);
  t.same(again.core.context.legs.all(), []);
  a.allocate(nyc.service);
  b.allocate(fra.service);
  a.connect(b.address);
  b.connect(a.address);
  t.equal(a.connectAnswer?.messageClass, 'success');
  world.replay(recorded);
  t.same(
    again.core.context.legs.all().map((leg) => leg.state.type),
    ['established'],
  );
});

t.test('a recorded close that found no leg does not end a later one', async (t) => {
  const system = established();
  const { world, a } = system;
  a.refresh(0);
  world.pass(3_000);
  a.challenge();
  t.equal(a.refresh(0)?.errorCode()?.code, 437);
  const recorded = requestsOf(system, a).slice(-1);
  system.b.refresh(0);
  join(system);
  const before = state(system);
  world.replay(recorded);
  t.same(state(system), before);
});

t.test('a first set-up takes one challenge, and one with a kept nonce another', async (t) => {
  const system = established();
  const { world, a } = system;
  const methods = (from: number) => requestsOf(system, a, from).map((one) => decode(one).method);
  const { Allocate, Connect } = Method;
  t.same(methods(0), [Allocate, Allocate, Connect], 'one challenge');
  a.refresh(0);
  world.pass(2_000);
  const before = world.log.length;
  join(system);
  t.same(methods(before), [Allocate, Allocate, Connect], 'another challenge for the kept nonce');
});

t.test(
  'a recorded Connect with an earlier address is counted as outdated and has no effect',
  async (t) => {
    const system = twoRelays();
    const { world, a, b, fra, nyc } = system;
    a.allocate(nyc.service);
    a.connect({ ...b.address, port: 1 });
    const recorded = requestsOf(system, a).slice(-1);
    a.connect(b.address);
    world.replay(recorded);
    world.pass(1_000);
    b.allocate(fra.service);
    b.connect(a.address);
    world.pass(1_000);
    t.equal(b.connectAnswer?.messageClass, 'success');
    t.equal(a.connectAnswer?.messageClass, 'success');
    t.equal(fra.core.context.stats.outdated, 1);
  },
);

t.test(
  'a recorded Connect that was refused gets the same response and starts no attempt',
  async (t) => {
    const system = twoRelays();
    const { world, a, b, fra, nyc } = system;
    a.allocate(nyc.service);
    b.allocate(fra.service);
    a.connect({ ...b.address, port: 1 });
    b.connect(a.address);
    t.equal(a.connectAnswer?.errorCode()?.code, 403);
    const recorded = requestsOf(system, a).slice(-1);
    const answers = a.inbox.length;
    world.pass(1_000);
    b.connect(a.address);
    world.replay(recorded);
    t.equal(a.inbox.length, answers + 1);
    t.equal(a.inbox.at(-1)?.errorCode()?.code, 403, 'the same response');
    t.same(
      b.inbox.filter((one) => one.errorCode()?.code === 403).length,
      1,
      'no effect on the new attempt',
    );
    a.connect(b.address);
    world.pass(1_000);
    t.equal(b.connectAnswer?.messageClass, 'success');
  },
);

t.test('a recorded Allocate does not restore the peer relay that it named', async (t) => {
  const system = twoRelays();
  const { world, a, fra, nyc } = system;
  a.allocate(fra.service);
  const recorded = requestsOf(system, a).slice(-1);
  a.allocate(nyc.service);
  world.replay(recorded);
  const [leg] = fra.core.context.legs.all();
  t.equal(leg && leg.peerRelay !== 'self' ? leg.peerRelay.id : 'self', 'nyc-1');
});

t.test('a recorded Refresh with a shorter lifetime does not shorten the leg', async (t) => {
  const system = established();
  const { world, a } = system;
  a.refresh(600);
  const recorded = requestsOf(system, a).slice(-1);
  t.equal(a.refresh(3_600)?.lifetimeSeconds(), 3_600);
  const before = state(system);
  world.replay(recorded);
  t.same(state(system), before);
});

t.test('a peer can allocate after the relay’s clock was set back', async (t) => {
  const system = established();
  const { world, a } = system;
  world.clock.advance(-7_200_000);
  a.refresh(0);
  system.b.refresh(0);
  join(system);
  world.pump();
  t.equal(a.connectAnswer?.messageClass, 'success');
  t.equal(a.refresh(600)?.messageClass, 'success');
});

t.test('a leg can be allocated and closed 30 times within a second', async (t) => {
  const { world, a, nyc } = twoRelays();
  for (let life = 0; life < NONCE_AHEAD_SECONDS; life += 1) {
    t.equal(a.allocate(nyc.service)?.messageClass, 'success');
    t.equal(a.refresh(0)?.messageClass, 'success');
  }
  world.pass(1_000);
  t.equal(a.allocate(nyc.service)?.messageClass, 'success', 'one second later');
});

t.test(
  'a Closed indication has the transaction id of the Connect of the leg that ended',
  async (t) => {
    const system = established();
    const { a, b } = system;
    b.refresh(0);
    const [connect] = requestsOf(system, a).slice(-1);
    const closed = a.inbox.find(({ method }) => method === Method.Closed);
    t.same(closed?.transactionId, connect && decode(connect).transactionId);
    t.ok(closed?.has(AttributeType.ConnectionIdentifier));
  },
);

t.test('a peer may close its leg from another address, but not refresh it', async (t) => {
  const system = established();
  const { world, fra, a, b } = system;
  const moved = new FakePeer(world, { address: '203.0.113.99:4', relay: fra, role: 0 });
  moved.learnFrom(a);
  t.equal(moved.refresh(600)?.errorCode()?.code, 437);
  t.equal(moved.refresh(0)?.messageClass, 'success');
  t.same(b.closed, [437]);
});

t.test('a recorded Allocate that was refused is not granted later', async (t) => {
  const system = twoRelays();
  const { world, a, fra, nyc } = system;
  fra.core.draining = true;
  t.equal(a.allocate(nyc.service)?.errorCode()?.code, 300);
  const recorded = requestsOf(system, a);
  fra.core.draining = false;
  world.replay(recorded);
  t.same(fra.core.context.legs.all(), []);
  t.equal(a.allocate(nyc.service)?.messageClass, 'success', 'a new Allocate of the peer');
});
