import t from 'tap';
import { sameAddress } from '../../src/address.js';
import { sharedSecret, trunkControlKey } from '../../src/auth/keys.js';
import { OFFER_REMEMBERED_MS, OFFERS_OF_RELAY_MAX } from '../../src/overlay/received-offers.js';
import { incarnation } from '../../src/registry/incarnation.js';
import { decodeMessage } from '../../src/stun/message.js';
import {
  type ControlMessage,
  decodeControlMessage,
  encodeControlMessage,
} from '../../src/trunk/control-message.js';
import { CONTROL_WINDOW } from '../../src/trunk/control-sequence.js';
import {
  CONNECTION_ID,
  established,
  FakePeer,
  type Flight,
  join,
  twoRelays,
  type WorldRelay,
} from '../relay/world/index.js';

type System = ReturnType<typeof twoRelays>;

/** Returns the control messages between the relays, from an index of the world's log on. */
function trunkFlights({ world, fra, nyc }: System, from = 0): Flight[] {
  const isTrunk = ({ to }: Flight) => sameAddress(to, fra.trunk) || sameAddress(to, nyc.trunk);
  return world.log.slice(from).filter(isTrunk);
}

/** Decodes a control message. */
function control({ data }: Flight): ControlMessage | undefined {
  const decoded = decodeMessage(data);
  return decoded.ok ? decodeControlMessage(decoded.message) : undefined;
}

/** The state that a replayed message must not change. */
function state({ a, b, fra, nyc }: System) {
  return {
    peers: [a, b].map(({ closed, connectAnswer }) => [closed, connectAnswer?.messageClass]),
    planes: [fra, nyc].map(({ plane }) => [plane.clientFlows.size, [...plane.sessions.keys()]]),
    legs: [fra, nyc].map(({ core }) => core.context.legs.all().map((leg) => leg.state.type)),
  };
}

t.test(
  'control messages of an earlier connection do not affect a later one of the same name',
  async (t) => {
    for (const whoCloses of ['a', 'b'] as const) {
      const system = established();
      const { world } = system;
      system[whoCloses].refresh(0);
      world.pass(2_000);
      const recorded = trunkFlights(system);
      t.same(
        [...new Set(recorded.map((flight) => control(flight)?.type))].sort(),
        ['close', 'close-done', 'offer', 'offer-accepted'],
        'messages of each kind are recorded',
      );
      const { a, b, fra, nyc } = system;
      a.allocate(nyc.service);
      b.allocate(fra.service);
      world.replay(recorded);
      a.connect(b.address);
      world.replay(recorded);
      b.connect(a.address);
      t.equal(a.connectAnswer?.messageClass, 'success');
      t.equal(b.connectAnswer?.messageClass, 'success');
      const before = state(system);
      world.replay(recorded);
      world.replay([...recorded].reverse());
      world.pass(2_000);
      t.same(state(system), before);
    }
  },
);

t.test('a replayed refusal of an offer does not affect a later attempt', async (t) => {
  const system = twoRelays();
  const { world, a, b, fra, nyc } = system;
  a.allocate(nyc.service);
  b.allocate(fra.service);
  a.connect(b.address);
  b.connect({ ...a.address, port: 1 });
  t.equal(a.connectAnswer?.errorCode()?.code, 403);
  world.pass(2_000);
  const recorded = trunkFlights(system);
  t.ok(recorded.some((flight) => control(flight)?.type === 'offer-refused'));
  a.connect(b.address);
  world.replay(recorded);
  b.connect(a.address);
  world.replay(recorded);
  world.pass(1_000);
  t.equal(a.connectAnswer?.messageClass, 'success');
  t.equal(b.connectAnswer?.messageClass, 'success');
  t.equal(nyc.core.context.stats.legs.mismatched + fra.core.context.stats.legs.mismatched, 2);
});

t.test('a replayed offer is neither remembered again nor accepted', async (t) => {
  const system = twoRelays();
  const { world, a, b, nyc, fra } = system;
  a.allocate(nyc.service);
  a.connect(b.address);
  const recorded = trunkFlights(system);
  a.refresh(0);
  world.pass(OFFER_REMEMBERED_MS + 1_000);
  world.replay(recorded);
  const before = world.log.length;
  b.allocate(fra.service);
  b.connect(a.address);
  const said = trunkFlights(system, before).filter((flight) => sameAddress(flight.to, fra.trunk));
  t.same(
    said.map((flight) => control(flight)?.type),
    ['offer'],
    'no offer is accepted',
  );
});

t.test('a retransmitted request is answered again', async (t) => {
  const system = established();
  const { world, b, fra, nyc } = system;
  const of = (type: ControlMessage['type'], to: WorldRelay, from = 0) =>
    trunkFlights(system, from).filter(
      (flight) => control(flight)?.type === type && sameAddress(flight.to, to.trunk),
    );
  let before = world.log.length;
  world.replay(of('offer', nyc).slice(0, 1));
  t.equal(of('offer-accepted', fra, before).length, 1);
  b.refresh(0);
  before = world.log.length;
  world.replay(of('close', fra).slice(0, 1));
  t.equal(of('close-done', nyc, before).length, 1);
});

t.test(
  'a control message that is delayed until a later connection does not affect it',
  async (t) => {
    for (const type of ['offer', 'close'] as const) {
      const system = twoRelays();
      const { world, a, b, fra, nyc } = system;
      const held: Flight[] = [];
      world.lose = (flight) => {
        const isHeld = sameAddress(flight.to, nyc.trunk) && control(flight)?.type === type;
        if (isHeld) held.push(flight);
        return isHeld;
      };
      a.allocate(nyc.service);
      a.connect(b.address);
      if (type === 'close') {
        b.allocate(fra.service);
        b.connect(a.address);
      }
      a.refresh(0);
      t.not(held.length, 0);
      world.lose = () => false;
      b.refresh(0);
      join(system);
      world.pass(1_000);
      t.equal(b.connectAnswer?.messageClass, 'success');
      const before = state(system);
      world.replay(held);
      world.pass(2_000);
      t.same(state(system), before, type);
    }
  },
);

t.test('a request to an earlier incarnation is answered with the current one', async (t) => {
  const system = established();
  const { world, a, b, fra } = system;
  b.refresh(0);
  world.pass(2_000);
  const recorded = trunkFlights(system).filter(({ to }) => sameAddress(to, system.nyc.trunk));
  world.pass(2_000);
  const nyc = world.addRelay('nyc-1', '192.0.2.20');
  nyc.core.updateRelays([fra.record, nyc.record]);
  const { drops } = nyc.core.context.trunk;
  const before = world.log.length;
  world.replay(recorded);
  t.equal(drops.trunk_control_other_start, recorded.length);
  const answers = trunkFlights({ ...system, nyc }, before).filter(({ from }) =>
    sameAddress(from, nyc.trunk),
  );
  const requests = recorded.filter((one) => /^(offer|close)$/.test(control(one)?.type ?? ''));
  t.equal(answers.length, requests.length, 'responses are not answered');
  t.ok(answers.every((answer) => control(answer)?.type === 'other-start'));
  const bytes = (flights: Flight[]) => flights.reduce((sum, { data }) => sum + data.length, 0);
  t.ok(bytes(answers) <= bytes(requests), 'no amplification');
  t.equal(
    fra.core.context.trunk.relays.get('nyc-1')?.incarnation,
    nyc.local.incarnation,
    'the other relay learns the new incarnation',
  );

  // After another restart, the connection is made before any retransmission is due.
  const third = world.addRelay('nyc-1', '192.0.2.20');
  t.not(third, nyc);
  world.clock.advance(1_000);
  const newest = world.addRelay('nyc-1', '192.0.2.20');
  newest.core.updateRelays([fra.record, newest.record]);
  a.allocate(newest.service);
  const c = new FakePeer(world, { address: '198.51.100.9:50001', relay: newest, role: 1 });
  c.allocate(fra.service);
  c.connect(a.address);
  a.connect(c.address);
  t.equal(a.connectAnswer?.messageClass, 'success', 'without an advance of the clock');
  t.equal(c.connectAnswer?.messageClass, 'success');
});

t.test('an offer that found no room is accepted when it is retransmitted', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  const { offers } = nyc.core.context;
  for (let n = 0; n < OFFERS_OF_RELAY_MAX; n += 1) {
    offers.put(
      'fra-1',
      {
        ...{ type: 'offer', transactionId: new Uint8Array(12), tenant: 'default', role: 0 },
        ...{ connectionId: `e${n.toString(16).padStart(31, '0')}`, mapped: a.address },
        ...{ peerAddress: b.address, sessionIndex: n, counter: 0 },
      },
      world.clock.monotonic(),
    );
  }
  a.allocate(nyc.service);
  a.connect(b.address);
  t.equal(offers.refused, 1);
  offers.deleteAll('fra-1');
  world.pass(1_000);
  b.allocate(fra.service);
  b.connect(a.address);
  t.equal(b.connectAnswer?.messageClass, 'success');
});

/** Sends a message to nyc-1 as fra-1: with a counter, or without one as version 0.1.0 does. */
function sayAsFra({ world, fra, nyc }: System, said: ControlMessage, counter?: number): void {
  const publicKey = Buffer.from(nyc.record.publicKey, 'base64');
  const key = trunkControlKey(sharedSecret(fra.local.privateKey, publicKey), fra.id, nyc.id);
  const sequence = counter && { receiverIncarnation: nyc.local.incarnation, counter };
  const data = encodeControlMessage(fra.local, key, said, sequence || undefined);
  world.send({ from: fra.trunk, to: nyc.trunk, data });
  world.pump();
}

t.test(
  'messages without a counter are accepted until the relay has sent one with a counter',
  async (t) => {
    const system = twoRelays();
    const { world, a, b, fra, nyc } = system;
    const name = { tenant: 'default', connectionId: CONNECTION_ID, role: 0 } as const;
    const offer: ControlMessage = {
      ...{ type: 'offer', transactionId: world.random(12), ...name, sessionIndex: 7 },
      ...{ mapped: a.address, peerAddress: b.address },
    };
    b.allocate(fra.service);
    b.connect(a.address);
    const ours = trunkFlights(system).findLast((flight) => control(flight)?.type === 'offer');
    const { transactionId } = control(ours as Flight) as ControlMessage;
    sayAsFra(system, offer);
    sayAsFra(system, { type: 'offer-accepted', transactionId, sessionIndex: 7 });
    t.equal(b.connectAnswer?.messageClass, 'success');
    const close = () =>
      ({ type: 'close', transactionId: world.random(12), subject: name }) as const;
    sayAsFra(system, close());
    t.same(b.closed, [437]);
    const { drops } = nyc.core.context.trunk;
    sayAsFra(system, close(), 1);
    sayAsFra(system, close());
    t.equal(
      drops.trunk_control_uncounted,
      1,
      'a message without a counter is dropped after one with a counter',
    );
    sayAsFra(system, { type: 'close-done', transactionId: world.random(12) }, 2);
    sayAsFra(system, { type: 'close-done', transactionId: world.random(12) }, 2);
    t.equal(drops.trunk_control_repeated, 1);
    sayAsFra(system, close(), CONTROL_WINDOW + 3);
    sayAsFra(system, close(), 3);
    t.equal(drops.trunk_control_too_old, 1);
  },
);

t.test('the counters of a relay that leaves the registry and returns continue', async (t) => {
  const system = established();
  const { world, a, b, fra, nyc } = system;
  a.refresh(0);
  world.pass(70_000);
  const recorded = trunkFlights(system);
  for (const { core, record } of [fra, nyc]) {
    core.updateRelays([record]);
    world.pass(1_000);
    t.equal([...core.context.trunk.relays.all()].length, 0);
  }
  world.introduce();
  world.pass(1_000);
  join(system);
  t.equal(a.connectAnswer?.messageClass, 'success', 'its counters continue');
  t.equal(b.connectAnswer?.messageClass, 'success');
  const before = state(system);
  world.replay(recorded);
  world.pass(1_000);
  t.same(state(system), before);
});

t.test(
  'an incarnation from a clock that was ahead stays invalid when that time is reached',
  async (t) => {
    const system = established();
    const { world, b, fra, nyc } = system;
    const { trunk } = nyc.core.context;
    const records = (start: number) => [{ ...fra.record, start }, nyc.record];
    const ahead = world.clock.now() + 3_600_000;
    nyc.core.updateRelays(records(ahead));
    nyc.core.updateRelays(records(fra.local.incarnation + 1));
    t.equal(trunk.relays.get(fra.id)?.incarnation, fra.local.incarnation + 1);
    world.clock.advance(3_600_000);
    world.pump();
    const before = b.closed;
    sayAsFra(
      { ...system, fra: { ...fra, local: { ...fra.local, incarnation: incarnation(ahead) } } },
      {
        ...{ type: 'close', transactionId: world.random(12) },
        subject: { tenant: 'default', connectionId: CONNECTION_ID, role: 0 },
      },
    );
    t.equal(trunk.relays.get(fra.id)?.incarnation, fra.local.incarnation + 1);
    t.equal(trunk.drops.trunk_control_old_start, 1);
    t.same(b.closed, before);
  },
);
