import t from 'tap';
import { STRANGER_LIMITS } from '../../src/auth/stranger-limits.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { established, FakePeer, twoRelays } from '../relay/world/index.js';

t.test('a Binding response has the address, and Binding requests have a budget', async (t) => {
  const { a } = twoRelays();
  const answer = a.raw(Method.Binding, () => {});
  t.same(answer?.address(AttributeType.XorMappedAddress), a.address);
  t.equal(a.raw(Method.Binding, (w) => w.u32(0x7fff, 0))?.errorCode()?.code, 420);
  let answered = 2;
  while (a.raw(Method.Binding, () => {})) answered += 1;
  t.equal(answered, 2_000, 'the burst, then no response');
});

t.test('a Binding request uses the budget only if its response is longer', async (t) => {
  const { world, fra } = twoRelays();
  const peer = new FakePeer(world, { address: '[2001:db8::7]:40000', relay: fra, role: 0 });
  // A header and XOR-MAPPED-ADDRESS of an IPv6 address.
  const responseBytes = 44;
  const burst = STRANGER_LIMITS.challengesBurst;
  const answered = (bytes: number) =>
    Array.from({ length: 2 * burst }, () =>
      peer.raw(Method.Binding, (writer) => writer.paddedTo(bytes)),
    ).filter((answer) => answer !== undefined).length;
  t.equal(answered(responseBytes), 2 * burst, 'as long as its response');
  t.equal(answered(responseBytes - 8), burst, 'shorter, though longer than one of IPv4');
});

t.test('a challenge has at most 124 bytes and creates no leg', async (t) => {
  const { a, fra } = twoRelays();
  const answer = a.challenge();
  t.equal(answer?.errorCode()?.code, 401);
  t.ok(answer && answer.bytes.length <= 124);
  t.equal(fra.core.context.legs.size, 0);
});

t.test('over the budget a relay sends no challenges, until the budget has refilled', async (t) => {
  const { world, a, b, nyc, fra } = twoRelays();
  b.relay = fra;
  for (let n = 0; n < 2_000; n += 1) a.challenge();
  t.equal(a.challenge(), undefined);
  t.ok(b.challenge(), 'another source is not limited');
  world.pass(1_000);
  t.ok(a.challenge());
  t.equal(fra.core.server.stats.client.over_challenge_budget, 1);
  t.equal(
    a.allocate(nyc.service)?.messageClass,
    'success',
    'authenticated requests are not limited',
  );
});

t.test('a wrong password gets 401', async (t) => {
  const { world, fra, nyc } = twoRelays();
  const a = new FakePeer(world, { address: '203.0.113.7:1', relay: fra, role: 0 });
  a.credential.password = 'wrong';
  t.equal(a.allocate(nyc.service)?.errorCode()?.code, 401);
});

t.test('an Allocate with an expired credential gets 401', async (t) => {
  const { world, a, nyc } = twoRelays({ a: { lifeSeconds: 60 } });
  world.pass(61_000, 1_000);
  t.equal(a.allocate(nyc.service)?.errorCode()?.code, 401);
});

t.test('a Connect with an expired credential gets 401, also from a reserved leg', async (t) => {
  const { world, a, b, nyc } = twoRelays({ a: { lifeSeconds: 60 } });
  a.allocate(nyc.service);
  for (let n = 0; n < 4; n += 1) {
    world.pass(20_000, 1_000);
    t.equal(a.refresh(600)?.messageClass, 'success');
  }
  t.equal(a.connect(b.address)?.errorCode()?.code, 401);
});

t.test('a connection can be refreshed and closed after its credential has expired', async (t) => {
  const { world, a, b, nyc } = established({ a: { lifeSeconds: 60 } });
  world.pass(100_000, 1_000);
  t.equal(a.allocate(nyc.service)?.messageClass, 'success', 'a repeated Allocate');
  t.equal(a.connect(b.address)?.messageClass, 'success', 'a repeated Connect');
  t.equal(a.refresh(600)?.messageClass, 'success', 'a Refresh');
  const moved = new FakePeer(world, {
    address: '203.0.113.8:1',
    relay: a.relay,
    role: 0,
    lifeSeconds: -60,
  });
  t.equal(moved.refresh(600)?.errorCode()?.code, 401, 'a Refresh from another address');
  t.equal(moved.refresh(0)?.messageClass, 'success', 'a close from another address');
  t.same(b.closed, [437]);
  t.equal(a.refresh(600)?.errorCode()?.code, 437, 'no leg after the close');
});

t.test('a leg can be refreshed when nonces have expired', async (t) => {
  const { world, a, b, fra } = established();
  world.pass(590_000, 5_000);
  for (let n = 0; n < 6; n += 1) {
    t.equal(a.refresh(3_600)?.messageClass, 'success');
    b.refresh(3_600);
    world.pass(1_000_000, 50_000);
  }
  t.equal(fra.core.context.legs.size, 1);
});

t.test('CVE-2024-2169: responses and indications are never answered', async (t) => {
  const { world, a, fra } = twoRelays();
  for (const messageClass of ['success', 'error', 'indication'] as const) {
    for (const method of [Method.Binding, Method.Allocate, Method.Connect, Method.Closed]) {
      const data = new MessageWriter(messageClass, method, world.random(12)).finish();
      world.send({ from: a.address, to: fra.service, data });
    }
  }
  world.pump();
  t.equal(a.inbox.length, 0);
});

t.test('a request replayed from another address gets 438', async (t) => {
  const { world, a, fra, nyc } = twoRelays();
  a.allocate(nyc.service);
  const request = world.log.findLast(({ to }) => to.port === 3478);
  const thief = new FakePeer(world, { address: '192.0.2.66:1', relay: fra, role: 0 });
  if (request) world.send({ ...request, from: thief.address });
  world.pump();
  t.equal(thief.inbox[0]?.errorCode()?.code, 438, 'the nonce is for another address');
});

t.test('random datagrams do not throw and are counted as malformed', async (t) => {
  const { world, a, fra } = twoRelays();
  const before = fra.core.server.stats.client.malformed;
  for (let n = 0; n < 2_000; n += 1) {
    const data = world.random(20 + (n % 200)).slice();
    data[0] = n % 2;
    if (n % 3 === 0) data.set([0x21, 0x12, 0xa4, 0x42], 4);
    world.send({ from: a.address, to: fra.service, data });
    world.send({ from: a.address, to: fra.trunk, data });
  }
  world.pump();
  t.ok(fra.core.server.stats.client.malformed > before);
  t.equal(fra.core.context.trunk.drops.trunk_control_malformed, 2_000);
});
