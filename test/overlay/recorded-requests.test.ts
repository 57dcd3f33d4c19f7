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

/** What a peer has said to its relay, from a place in the world's log on. */
function requestsOf({ world }: System, { address, relay }: FakePeer, from = 0): Flight[] {
  return world.log
    .slice(from)
    .filter((flight) => sameAddress(flight.from, address) && sameAddress(flight.to, relay.service))
    .filter((flight) => decode(flight).messageClass === 'request');
}

/** Whether the peers are joined, and what legs there are. */
function state({ a, b, fra, nyc }: System) {
  return {
    closed: [a.closed, b.closed],
    legs: [fra, nyc].map(({ rules }) =>
      rules.context.legs
        .all()
        .map(({ state }) => [state.type, state.type === 'established' ? state.expiresAt : 0]),
    ),
  };
}

/** All requests of a first life, and a second one under the same credential and cached nonces. */
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

t.test('what a peer said in a first life changes nothing in the second', async (t) => {
  for (const pauseMs of [0, 300, 5_000, 70_000, 500_000]) {
    const { system, recorded } = twoLives(pauseMs);
    const { world, a, b } = system;
    t.equal(recorded.length, 9, 'all of it was recorded');
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
});

t.test('nor in the middle of the second set-up', async (t) => {
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

t.test('nor when the relay has started anew between the two', async (t) => {
  const { system, recorded } = twoLives(0);
  const { world, a, b, fra, nyc } = system;
  world.pass(1_000);
  const again = world.addRelay('fra-1', '192.0.2.10');
  world.introduce();
  a.relay = again;
  world.replay(recorded);
  t.same(again.rules.context.legs.all(), []);
  a.allocate(nyc.service);
  b.allocate(fra.service);
  a.connect(b.address);
  b.connect(a.address);
  t.equal(a.connectAnswer?.messageClass, 'success');
  world.replay(recorded);
  t.same(
    again.rules.context.legs.all().map((leg) => leg.state.type),
    ['established'],
  );
});

t.test('a close that found no leg is not heard by a later one', async (t) => {
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

t.test(
  'a first set-up takes as many requests as ever, a second one another challenge',
  async (t) => {
    const system = established();
    const { world, a } = system;
    const methods = (from: number) => requestsOf(system, a, from).map((one) => decode(one).method);
    const { Allocate, Connect } = Method;
    t.same(methods(0), [Allocate, Allocate, Connect], 'one challenge');
    a.refresh(0);
    world.pass(2_000);
    const before = world.log.length;
    join(system);
    t.same(methods(before), [Allocate, Allocate, Connect], 'and one for a nonce that was kept');
  },
);

t.test('a recorded Connect of an earlier address does not count again', async (t) => {
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
  t.equal(fra.rules.context.stats.outdated, 1);
});

t.test('a Connect that was refused begins nothing when it comes again', async (t) => {
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
  t.equal(a.inbox.at(-1)?.errorCode()?.code, 403, 'it is answered as it was');
  t.same(b.inbox.filter((one) => one.errorCode()?.code === 403).length, 1, 'and spoils nothing');
  a.connect(b.address);
  world.pass(1_000);
  t.equal(b.connectAnswer?.messageClass, 'success');
});

t.test('a recorded Allocate does not bring back the relay that it named', async (t) => {
  const system = twoRelays();
  const { world, a, fra, nyc } = system;
  a.allocate(fra.service);
  const recorded = requestsOf(system, a).slice(-1);
  a.allocate(nyc.service);
  world.replay(recorded);
  const [leg] = fra.rules.context.legs.all();
  t.equal(leg && leg.peerRelay !== 'self' ? leg.peerRelay.id : 'self', 'nyc-1');
});

t.test('a recorded Refresh of a shorter lifetime takes nothing away', async (t) => {
  const system = established();
  const { world, a } = system;
  a.refresh(600);
  const recorded = requestsOf(system, a).slice(-1);
  t.equal(a.refresh(3_600)?.lifetimeSeconds(), 3_600);
  const before = state(system);
  world.replay(recorded);
  t.same(state(system), before);
});

t.test('a clock that is set back makes nobody ask for ever', async (t) => {
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

t.test('many short lives within one second', async (t) => {
  const { world, a, nyc } = twoRelays();
  for (let life = 0; life < NONCE_AHEAD_SECONDS; life += 1) {
    t.equal(a.allocate(nyc.service)?.messageClass, 'success');
    t.equal(a.refresh(0)?.messageClass, 'success');
  }
  world.pass(1_000);
  t.equal(a.allocate(nyc.service)?.messageClass, 'success', 'and one second later');
});

t.test('a Closed indication belongs to the life that it ends', async (t) => {
  const system = established();
  const { a, b } = system;
  b.refresh(0);
  const [connect] = requestsOf(system, a).slice(-1);
  const closed = a.inbox.find(({ method }) => method === Method.Closed);
  t.same(closed?.transactionId, connect && decode(connect).transactionId);
  t.ok(closed?.has(AttributeType.ConnectionIdentifier));
});

t.test('another 5-tuple of the peer may close after its address has changed', async (t) => {
  const system = established();
  const { world, fra, a, b } = system;
  const moved = new FakePeer(world, { address: '203.0.113.99:4', relay: fra, role: 0 });
  moved.learnFrom(a);
  t.equal(moved.refresh(600)?.errorCode()?.code, 437);
  t.equal(moved.refresh(0)?.messageClass, 'success');
  t.same(b.closed, [437]);
});

t.test('a refused Allocate is not granted when it is sent again', async (t) => {
  const system = twoRelays();
  const { world, a, fra, nyc } = system;
  fra.rules.draining = true;
  t.equal(a.allocate(nyc.service)?.errorCode()?.code, 300);
  const recorded = requestsOf(system, a);
  fra.rules.draining = false;
  world.replay(recorded);
  t.same(fra.rules.context.legs.all(), []);
  t.equal(a.allocate(nyc.service)?.messageClass, 'success', 'the peer itself may ask again');
});
