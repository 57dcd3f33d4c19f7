import t from 'tap';
import { sameAddress } from '../../src/address.js';
import { verifyIntegrity } from '../../src/stun/integrity.js';
import { established, FakePeer, twoRelays, World } from '../relay/world/index.js';

t.test('two peers at two relays are connected once both have sent matching Connects', async (t) => {
  for (const kind of ['sha256', 'sha1'] as const) {
    const { a, b, fra, nyc } = twoRelays({ a: { kind }, b: { kind } });
    const allocated = a.allocate(nyc.service);
    t.match(allocated?.messageClass, 'success');
    t.same(
      allocated?.address(0x0020),
      a.address,
      'XOR-MAPPED-ADDRESS is the peer’s address at the relay',
    );
    t.equal(allocated?.lifetimeSeconds(), 600);
    t.equal(b.allocate(fra.service)?.messageClass, 'success');
    t.equal(a.connect(b.address), undefined, 'no response before both sides connect');
    b.connect(a.address);
    for (const peer of [a, b]) {
      const answer = peer.connectAnswer;
      t.equal(answer?.messageClass, 'success');
      t.equal(answer?.channelNumber(), 0x4000);
      t.equal(answer?.lifetimeSeconds(), 600);
      t.ok(
        answer && verifyIntegrity(answer, kind, peer.key),
        'the response has the integrity kind of the request',
      );
    }
    t.equal(fra.plane.clientFlows.size, 1);
    t.equal(nyc.plane.clientFlows.size, 1);
    const [flow] = [...fra.plane.clientFlows.values()];
    const [session] = [...nyc.plane.sessions.entries()];
    t.match(
      flow,
      { type: 'trunk', sessionIndex: session?.[0] },
      'records have nyc’s session index',
    );
    t.same(session?.[1].tuple.remote, b.address);
  }
});

t.test('the peers may connect in either order', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  a.allocate(nyc.service);
  a.connect(b.address);
  world.pass(2_000);
  b.allocate(fra.service);
  b.connect(a.address);
  t.equal(a.connectAnswer?.messageClass, 'success', 'the offer was remembered');
  t.equal(b.connectAnswer?.messageClass, 'success');
});

t.test('two legs at one relay are connected without a trunk', async (t) => {
  const world = new World();
  const fra = world.addRelay('fra-1', '192.0.2.10');
  const a = new FakePeer(world, { address: '203.0.113.7:40000', relay: fra, role: 0 });
  const b = new FakePeer(world, { address: '203.0.113.7:40001', relay: fra, role: 1 });
  a.allocate(fra.service);
  b.allocate(fra.service);
  a.connect(b.address);
  b.connect(a.address);
  t.equal(a.connectAnswer?.messageClass, 'success');
  t.equal(b.connectAnswer?.messageClass, 'success');
  t.same(
    [...fra.plane.clientFlows.values()].map((action) => action.type),
    ['client', 'client'],
  );
  t.equal(fra.plane.sessions.size, 0, 'no session');
  a.refresh(0);
  t.same(b.closed, [437]);
  t.equal(fra.plane.clientFlows.size, 0);
});

t.test(
  'Connects with an address that does not match get 403 on both sides, and later ones may succeed',
  async (t) => {
    const { world, a, b, fra, nyc } = twoRelays();
    a.allocate(nyc.service);
    b.allocate(fra.service);
    a.connect(b.address);
    b.connect({ ...a.address, port: 1 });
    t.equal(a.connectAnswer?.errorCode()?.code, 403);
    t.equal(b.connectAnswer?.errorCode()?.code, 403);
    t.equal(fra.plane.clientFlows.size + nyc.plane.clientFlows.size, 0);
    world.pass(1_000);
    b.connect(a.address);
    a.connect(b.address);
    world.pass(2_000);
    t.equal(a.connectAnswer?.messageClass, 'success');
    t.equal(b.connectAnswer?.messageClass, 'success');
  },
);

t.test('the address of the newest Connect applies until the leg is established', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  a.allocate(nyc.service);
  b.allocate(fra.service);
  a.connect({ ...b.address, port: 1 });
  a.connect(b.address);
  world.pass(200);
  b.connect(a.address);
  t.equal(a.connectAnswer?.messageClass, 'success');
  t.equal(b.connectAnswer?.messageClass, 'success');
});

t.test('the response has the transaction id of the newest Connect', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  a.allocate(nyc.service);
  b.allocate(fra.service);
  const asked: Uint8Array[] = [];
  const { send } = world;
  world.send = (flight) => {
    if (sameAddress(flight.from, a.address)) asked.push(flight.data.subarray(8, 20));
    send.call(world, flight);
  };
  a.connect(b.address);
  a.connect(b.address);
  b.connect(a.address);
  t.equal(asked.length, 2);
  t.match(a.connectAnswer?.messageClass, 'success');
  t.same(Buffer.from(a.connectAnswer?.transactionId ?? []), Buffer.from(asked[1] ?? []));
});

for (const [how, code] of [
  ['fails', 447],
  ['its peer abandons', undefined],
] as const) {
  t.test(
    `an attempt that ${how} closes the leg that the other relay has established`,
    async (t) => {
      const { world, a, b, fra, nyc } = twoRelays();
      a.allocate(nyc.service);
      b.allocate(fra.service);
      // nyc's answers are lost, so nyc establishes the connection and fra does not.
      world.lose = ({ to, data }) =>
        to.port === 3480 && sameAddress(to, fra.trunk) && data[0] === 1;
      a.connect(b.address);
      b.connect(a.address);
      t.equal(b.connectAnswer?.messageClass, 'success');
      t.equal(a.connectAnswer, undefined);
      t.equal(fra.plane.sessions.size, 1);
      if (code === undefined) a.refresh(0);
      world.pass(code === undefined ? 200 : 30_200);
      t.equal(a.connectAnswer?.errorCode()?.code, code);
      t.equal(fra.plane.sessions.size, 0);
      t.same(b.closed, [437]);
    },
  );
}

t.test('a Connect without a match gets 447 after 30 s, and the leg remains', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  a.allocate(nyc.service);
  a.connect(b.address);
  world.pass(29_800);
  t.equal(a.connectAnswer, undefined);
  world.pass(400);
  t.equal(a.connectAnswer?.errorCode()?.code, 447);
  b.allocate(fra.service);
  b.connect(a.address);
  a.connect(b.address);
  t.equal(a.connectAnswer?.messageClass, 'success');
});

t.test('the connection is made although the first offers or their answers are lost', async (t) => {
  for (const lost of ['first offers', 'first answers'] as const) {
    const { world, a, b, fra, nyc } = twoRelays();
    a.allocate(nyc.service);
    b.allocate(fra.service);
    let left = 2;
    world.lose = ({ to, data }) => {
      const trunk = to.port === 3480;
      const wanted = lost === 'first offers' ? data[0] === 0x00 : data[0] === 0x01;
      if (!trunk || !wanted || left === 0) return false;
      left -= 1;
      return true;
    };
    for (let passed = 0; passed < 2_000; passed += 500) {
      a.connect(b.address);
      b.connect(a.address);
      world.pass(500);
    }
    t.equal(a.connectAnswer?.messageClass, 'success', lost);
    t.equal(b.connectAnswer?.messageClass, 'success', lost);
  }
});

t.test(
  'a Connect on an established leg gets the same response, and 446 with another address',
  async (t) => {
    const { a, b } = established();
    const answer = a.connect(b.address);
    t.equal(answer?.channelNumber(), 0x4000);
    t.equal(a.connect({ ...b.address, port: 1 })?.errorCode()?.code, 446);
  },
);

t.test(
  'a thousand Connects with different addresses cause at most four offers in a second',
  async (t) => {
    const { world, a, fra, nyc } = twoRelays();
    a.allocate(nyc.service);
    for (let port = 1; port <= 1_000; port += 1) a.connect({ address: '198.51.100.9', port });
    world.pass(1_000);
    const offers = world.log.filter(({ from, to }) => from === fra.trunk && to.port === 3480);
    t.ok(offers.length <= 4, `${offers.length} offers`);
  },
);

t.test(
  'an offer that arrives again after its refusal does not affect the next attempt',
  async (t) => {
    const { world, a, b, fra, nyc } = twoRelays();
    a.allocate(nyc.service);
    b.allocate(fra.service);
    a.connect({ ...b.address, port: 1 });
    const offer = world.log.findLast(({ from, to }) => from === fra.trunk && to === nyc.trunk);
    // A retransmission that is sent before the refusal arrives, and arrives after it was sent.
    world.lose = ({ from }) => {
      if (from === b.address && offer) world.send(offer);
      return false;
    };
    b.connect(a.address);
    world.lose = () => false;
    t.equal(b.connectAnswer?.errorCode()?.code, 403);
    const before = b.inbox.length;
    b.connect(a.address);
    world.pass(600);
    t.equal(b.inbox.length, before, 'the new attempt waits for the other peer');
  },
);

t.test('a Connect without a leg or from another 5-tuple gets 437', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  t.equal(a.connect(b.address)?.errorCode()?.code, 437);
  a.allocate(nyc.service);
  const other = new FakePeer(world, { address: '203.0.113.7:9', relay: fra, role: 0 });
  t.equal(other.connect(b.address)?.errorCode()?.code, 437);
});

t.test('a relay sends nothing to an address that a Connect names', async (t) => {
  const { world, a, fra, nyc } = twoRelays();
  const victim = { address: '192.0.2.99', port: 53 };
  a.allocate(nyc.service);
  a.connect(victim);
  world.pass(31_000);
  t.notOk(world.log.some(({ to }) => to.address === victim.address));
  t.equal(fra.plane.sessions.size, 0);
});

t.test('the same identifier of two tenants names two connections', async (t) => {
  const { a, b, fra, nyc } = twoRelays({ b: { tenant: 'other' } });
  a.allocate(nyc.service);
  b.allocate(fra.service);
  a.connect(b.address);
  b.connect(a.address);
  t.equal(a.connectAnswer, undefined);
  t.equal(b.connectAnswer, undefined);
});

t.test('a Connect gets 508 if the data plane is full, and no entry remains', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  a.allocate(nyc.service);
  b.allocate(fra.service);
  fra.plane.full = true;
  a.connect(b.address);
  b.connect(a.address);
  t.equal(a.connectAnswer?.errorCode()?.code, 508);
  world.pass(31_000);
  t.equal(fra.plane.clientFlows.size + fra.plane.sessions.size, 0);
  t.equal(nyc.plane.clientFlows.size + nyc.plane.sessions.size, 0);
});
