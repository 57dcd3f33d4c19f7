import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import type { MessageWriter } from '../../src/stun/writer.js';
import { CONNECTION_ID, established, FakePeer, twoRelays, World } from '../relay/world/index.js';

t.test('a repeated Allocate succeeds again, and another 5-tuple gets 437', async (t) => {
  const { world, a, fra, nyc } = twoRelays();
  t.equal(a.allocate(nyc.service)?.messageClass, 'success');
  t.equal(a.allocate(nyc.service)?.messageClass, 'success');
  t.equal(fra.core.context.legs.size, 1);
  const other = new FakePeer(world, { address: '203.0.113.7:9', relay: fra, role: 0 });
  t.equal(other.allocate(nyc.service)?.errorCode()?.code, 437);
});

t.test(
  'an Allocate may name another peer relay until the first Connect, then it gets 446',
  async (t) => {
    const { a, b, fra, nyc } = twoRelays();
    a.allocate(fra.service);
    t.equal(a.allocate(nyc.service)?.messageClass, 'success');
    a.connect(b.address);
    t.equal(a.allocate(fra.service)?.errorCode()?.code, 446);
    t.equal(a.allocate(nyc.service)?.messageClass, 'success');
  },
);

t.test(
  'an Allocate gets 403 for an unknown peer relay and 440 for one without a common family',
  async (t) => {
    const { world, a, fra } = twoRelays();
    t.equal(a.allocate({ address: '192.0.2.99', port: 3478 })?.errorCode()?.code, 403);
    const v6 = world.addRelay('v6-1', '192.0.2.30', { trunkIp: '[2001:db8::30]' });
    world.introduce();
    t.equal(a.allocate(v6.service)?.errorCode()?.code, 440);
    t.equal(fra.core.context.legs.size, 0);
  },
);

t.test(
  'an Allocate with a missing, malformed or unknown required attribute is refused',
  async (t) => {
    const { a, nyc } = twoRelays();
    const valid = (writer: MessageWriter) =>
      writer
        .requestedTransport(17)
        .connectionIdentifier(CONNECTION_ID)
        .connectionRole(0)
        .address(AttributeType.XorPeerRelayAddress, nyc.service);
    const code = (write: (writer: MessageWriter) => void) =>
      a.request(Method.Allocate, write)?.errorCode()?.code;
    t.equal(
      code(() => {}),
      400,
      'no attributes',
    );
    t.equal(
      code((w) => valid(w).bytes(AttributeType.Lifetime, Uint8Array.of(1))),
      400,
      'lifetime',
    );
    t.equal(
      code((w) => w.connectionIdentifier(CONNECTION_ID).connectionRole(0)),
      400,
      'no transport',
    );
    t.equal(
      code((w) => {
        w.requestedTransport(6).connectionIdentifier(CONNECTION_ID).connectionRole(0);
        w.address(AttributeType.XorPeerRelayAddress, nyc.service);
      }),
      442,
      'TCP',
    );
    const unknown = a.request(Method.Allocate, (w) => valid(w).u32(0x7fff, 1));
    t.equal(unknown?.errorCode()?.code, 420);
    t.same(unknown?.unknownAttributes(), [0x7fff]);
    t.equal(
      code((w) => valid(w).u32(0xff00, 1)),
      undefined,
      'an unknown comprehension-optional attribute is ignored',
    );
    t.equal(a.request(0x00b, (w) => valid(w))?.errorCode()?.code, 400, 'unknown method');
  },
);

t.test('an Allocate with another identifier or role than its credential gets 403', async (t) => {
  const { a, nyc } = twoRelays();
  const code = (id: string, role: 0 | 1) =>
    a
      .request(Method.Allocate, (writer) => {
        writer.requestedTransport(17).connectionIdentifier(id).connectionRole(role);
        writer.address(AttributeType.XorPeerRelayAddress, nyc.service);
      })
      ?.errorCode()?.code;
  t.equal(code(CONNECTION_ID, 1), 403, 'wrong role');
  t.equal(code('f'.repeat(32), 0), 403, 'wrong identifier');
  t.equal(code(CONNECTION_ID, 0), undefined);
});

t.test('a granted lifetime is at least the default and at most the maximum', async (t) => {
  const { a, nyc } = twoRelays();
  t.equal(a.allocate(nyc.service, 1)?.lifetimeSeconds(), 600);
  t.equal(a.allocate(nyc.service, 1_200)?.lifetimeSeconds(), 1_200);
  t.equal(a.allocate(nyc.service, 100_000)?.lifetimeSeconds(), 3_600);
  t.equal(a.refresh(5)?.lifetimeSeconds(), 600);
});

t.test('a leg without a Connect ends 30 s after its last Allocate or Refresh', async (t) => {
  const { world, a, fra, nyc } = twoRelays();
  a.allocate(nyc.service);
  world.pass(29_000);
  t.equal(a.refresh(600)?.messageClass, 'success');
  world.pass(29_000);
  t.equal(fra.core.context.legs.size, 1);
  world.pass(2_000);
  t.equal(fra.core.context.legs.size, 0);
  t.equal(a.refresh(600)?.errorCode()?.code, 437, 'unknown leg');
});

t.test('an established leg lasts while it is refreshed and expires otherwise', async (t) => {
  const { world, a, b, fra, nyc } = established();
  world.pass(590_000, 1_000);
  t.equal(a.refresh(600)?.lifetimeSeconds(), 600);
  t.equal(b.refresh(600)?.lifetimeSeconds(), 600);
  world.pass(590_000, 1_000);
  t.equal(fra.core.context.legs.size, 1);
  a.refresh(600);
  world.pass(20_000, 1_000);
  t.same(b.closed, [437], 'b did not refresh');
  t.same(a.closed, [437], 'the other side expired');
  t.equal(fra.core.context.legs.size + nyc.core.context.legs.size, 0);
});

t.test(
  'a Refresh with LIFETIME 0 closes a leg from any 5-tuple that proves the credential',
  async (t) => {
    const { world, a, b, fra, nyc } = established();
    const moved = new FakePeer(world, { address: '203.0.113.8:1', relay: fra, role: 0 });
    t.equal(moved.refresh(600)?.errorCode()?.code, 437, 'a Refresh with another lifetime does not');
    t.equal(moved.refresh(0)?.lifetimeSeconds(), 0);
    t.same(a.closed, [], 'no Closed indication for the peer’s own Refresh');
    t.same(b.closed, [437]);
    t.equal(fra.plane.clientFlows.size + fra.plane.sessions.size, 0);
    t.equal(nyc.plane.clientFlows.size + nyc.plane.sessions.size, 0);
  },
);

t.test('a lost Close is retransmitted until the other relay answers', async (t) => {
  const { world, a, b } = established();
  world.lose = ({ to }) => to.port === 3480;
  a.refresh(0);
  world.pass(1_000);
  t.same(b.closed, []);
  world.lose = () => false;
  world.pass(3_000);
  t.same(b.closed, [437]);
  const closes = () => world.log.filter(({ to }) => to.port === 3480).length;
  const sent = closes();
  world.pass(20_000);
  t.equal(closes(), sent, 'no retransmission after the answer');
});

t.test('a freed channel is not reused for 60 s', async (t) => {
  const { world, a, b, fra, nyc } = established();
  const again = () => {
    a.allocate(nyc.service);
    b.allocate(fra.service);
    a.connect(b.address);
    b.connect(a.address);
    return a.connectAnswer?.channelNumber();
  };
  a.refresh(0);
  t.equal(again(), 0x4001);
  a.refresh(0);
  world.pass(61_000);
  t.equal(again(), 0x4000);
});

t.test('a 5-tuple has channels for 4,096 legs, and a Connect of one more gets 508', async (t) => {
  const world = new World();
  const fra = world.addRelay('fra-1', '192.0.2.10', { challengesBurst: 100_000 });
  const id = (n: number) => n.toString(16).padStart(32, '0');
  let last: FakePeer | undefined;
  for (let n = 0; n <= 4_096; n += 1) {
    last = new FakePeer(world, {
      address: '203.0.113.7:40000',
      relay: fra,
      role: 0,
      connectionId: id(n),
    });
    last.allocate(fra.service);
    last.connect({ address: '203.0.113.9', port: 1 });
  }
  t.equal(fra.core.context.legs.size, 4_097);
  t.equal(last?.connectAnswer?.errorCode()?.code, 508, 'no channel is left');
});

t.test(
  'a tenant other than default gets 486 beyond half of the legs, and all get 508 at a full relay',
  async (t) => {
    const world = new World();
    const fra = world.addRelay('fra-1', '192.0.2.10', { legsMax: 4 });
    let port = 1_000;
    const allocate = (tenant: string) => {
      port += 1;
      const connectionId = port.toString(16).padStart(32, '0');
      const address = `203.0.113.7:${port}`;
      const peer = new FakePeer(world, { address, relay: fra, role: 0, tenant, connectionId });
      return peer.allocate(fra.service)?.errorCode()?.code;
    };
    t.same([allocate('game'), allocate('game'), allocate('game')], [undefined, undefined, 486]);
    t.same([allocate('default'), allocate('default')], [undefined, undefined]);
    t.equal(allocate('default'), 508);
    t.equal(allocate('call'), 508);
  },
);

t.test(
  'a tenant gets no more legs than it leaves free, so that the next tenant finds room',
  async (t) => {
    const world = new World();
    const fra = world.addRelay('fra-1', '192.0.2.10', { legsMax: 16 });
    let port = 1_000;
    const fill = (tenant: string) => {
      for (let legs = 0; ; legs += 1) {
        port += 1;
        const connectionId = port.toString(16).padStart(32, '0');
        const address = `203.0.113.7:${port}`;
        const peer = new FakePeer(world, { address, relay: fra, role: 0, tenant, connectionId });
        if (peer.allocate(fra.service)?.messageClass !== 'success') return legs;
      }
    };
    t.same(['game', 'call', 'desk', 'iot'].map(fill), [8, 4, 2, 1]);
  },
);

t.test('a closed leg counts against the quota while its numbers are in quarantine', async (t) => {
  const world = new World();
  const fra = world.addRelay('fra-1', '192.0.2.10', { legsMax: 4 });
  let port = 1_000;
  const churn = (tenant: string) => {
    port += 1;
    const connectionId = port.toString(16).padStart(32, '0');
    const address = `203.0.113.7:${port}`;
    const peer = new FakePeer(world, { address, relay: fra, role: 0, tenant, connectionId });
    const code = peer.allocate(fra.service)?.errorCode()?.code;
    peer.connect({ address: '203.0.113.9', port: 1 });
    peer.refresh(0);
    return code;
  };
  t.same([churn('game'), churn('game'), churn('game')], [undefined, undefined, 486]);
  world.pass(61_000, 1_000);
  const ofDefault = Array.from({ length: 7 }, () => churn('default'));
  t.same(ofDefault, [...Array(6).fill(undefined), 486]);
  t.equal(churn('game'), undefined, 'the quota of default leaves numbers for other tenants');
  world.pass(61_000, 1_000);
  t.equal(churn('default'), undefined);
});

t.test(
  'a draining relay answers a new Allocate with 300 and serves its legs until closeAll',
  async (t) => {
    const { world, a, b, fra, nyc } = established();
    fra.core.draining = true;
    const late = new FakePeer(world, {
      address: '203.0.113.50:1',
      relay: fra,
      role: 0,
      connectionId: 'e'.repeat(32),
    });
    const answer = late.allocate(nyc.service);
    t.equal(answer?.errorCode()?.code, 300);
    t.same(answer?.address(AttributeType.AlternateServer), nyc.service);
    t.equal(a.refresh(600)?.messageClass, 'success');
    t.same([...fra.core.overlay.closeAll()], [], 'all legs are closed in one step');
    world.pump();
    t.same(a.closed, [300]);
    t.same(b.closed, [437]);
    t.equal(fra.core.context.legs.size, 0);
  },
);
