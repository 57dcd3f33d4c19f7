import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import type { AllocationEvent } from '../../src/turn/allocation-events.js';
import { TURN_LIMITS } from '../../src/turn/turn-limits.js';
import {
  family,
  PEER,
  RELAY_V4,
  RELAY_V6,
  relayedOf,
  TurnClient,
  TurnWorld,
} from './world/index.js';

const { RequestedAddressFamily, AdditionalAddressFamily, Lifetime } = AttributeType;

t.test('a Refresh prolongs an allocation within bounds', async (t) => {
  const world = new TurnWorld();
  const client = new TurnClient(world);
  await client.allocate();
  for (const [wanted, given] of [
    [undefined, 600],
    [1, 600],
    [1_200, 1_200],
    [9_999, 3_600],
  ] as const) {
    const answer = await client.refresh(wanted);
    t.equal(answer.messageClass, 'success');
    t.equal(answer.message.lifetimeSeconds(), given);
    t.equal([...world.plane.allocations.values()][0]?.seconds, given);
  }
  await world.pass(3_599);
  t.equal(world.turn.allocations, 1);
  await world.pass(2);
  t.equal(world.turn.allocations, 0);
  t.equal(world.turn.stats.ended.of('expired'), 1);
});

t.test('the maximum lifetime may be another one, and is at least the default', async (t) => {
  const limits = { allocationsMax: 9, userQuota: 9, permissionsMax: 9, channelsMax: 9 };
  for (const [lifetimeSecondsMax, wanted, given] of [
    [86_400, 9_999, 9_999],
    [86_400, 0xffff_ffff, 86_400],
    [900, 3_600, 900],
    [600, 3_600, 600],
    [10, 3_600, 600],
  ] as const) {
    const world = new TurnWorld({ limits: { ...limits, lifetimeSecondsMax } });
    const client = new TurnClient(world);
    const made = await client.allocate((writer) => writer.u32(Lifetime, wanted));
    t.equal(made.message.lifetimeSeconds(), given);
    t.equal((await client.refresh(wanted)).message.lifetimeSeconds(), given);
    world.turn.setLimits({ ...limits, lifetimeSecondsMax: 700 });
    t.equal((await client.refresh(3_600)).message.lifetimeSeconds(), 700);
  }
});

t.test('a Refresh without an allocation, or by another user, is refused', async (t) => {
  const world = new TurnWorld();
  const client = new TurnClient(world);
  t.equal((await client.refresh(600)).code, 437);
  await client.allocate();
  t.equal((await client.refresh(600, { username: 'bob' })).code, 441);
  t.equal((await client.refresh(0, { username: 'bob' })).code, 441);
  t.equal(world.turn.allocations, 1);
  t.equal((await new TurnClient(world, { port: 9 }).refresh(600)).code, 437, 'another 5-tuple');
});

t.test('a malformed Refresh is refused', async (t) => {
  const client = new TurnClient(new TurnWorld());
  await client.allocate();
  const refresh = (type: number, bytes: number) =>
    client.ask(Method.Refresh, (writer) => void writer.bytes(type, new Uint8Array(bytes)));
  t.equal((await refresh(Lifetime, 3)).code, 400);
  t.equal((await refresh(RequestedAddressFamily, 1)).code, 400);
});

t.test('a Refresh of 0 deletes, and its retransmission gets the same success', async (t) => {
  const world = new TurnWorld();
  const client = new TurnClient(world);
  await client.allocate();
  await client.bind(0x4000, PEER);
  const transactionId = TurnClient.transactionId();
  const deleted = await client.refresh(0, { transactionId });
  t.equal(deleted.messageClass, 'success');
  t.equal(deleted.message.lifetimeSeconds(), 0);
  t.equal(world.turn.allocations, 0);
  for (const left of [
    world.plane.endpoints,
    world.plane.allocations,
    world.plane.clientFlows,
    world.plane.peerFlows,
  ]) {
    t.equal(left.size, 0);
  }
  const again = await client.refresh(0, { transactionId });
  t.same(Buffer.from(again.message.bytes), Buffer.from(deleted.message.bytes));
  t.equal((await client.refresh(0)).code, 437, 'another transaction');
  await world.pass(TURN_LIMITS.responseKeptMs / 1_000 + 1);
  t.equal((await client.refresh(0, { transactionId })).code, 437);
  t.equal((await client.allocate()).messageClass, 'success', 'the 5-tuple is free again');
});

t.test('REQUESTED-ADDRESS-FAMILY must be one of the allocation', async (t) => {
  const client = new TurnClient(new TurnWorld());
  await client.allocate();
  const ask = (number: number) =>
    client.ask(Method.Refresh, family(RequestedAddressFamily, number));
  t.equal((await ask(1)).messageClass, 'success');
  t.equal((await ask(2)).code, 443);
  t.equal((await ask(3)).code, 443);
});

t.test('a dual allocation is refreshed and deleted as a whole or by family', async (t) => {
  const world = new TurnWorld();
  const client = new TurnClient(world);
  const relayed = relayedOf(await client.allocate(family(AdditionalAddressFamily, 2)));
  t.equal(relayed.length, 2);
  const v6 = { address: '2001:db8:9::1', port: 5 };
  await client.permit(PEER, v6);
  await client.bind(0x4000, v6);
  await client.bind(0x4001, PEER);
  await client.ask(Method.Refresh, (writer) => {
    family(RequestedAddressFamily, 2)(writer);
    writer.u32(Lifetime, 0);
  });
  t.equal(world.turn.allocations, 1);
  t.equal([...world.plane.endpoints.values()][0]?.address.address, RELAY_V4.address);
  const channels = [...world.plane.clientFlows.values()].map(({ action }) => action);
  t.match(channels, [{ peer: PEER }], 'the channel of the other family is gone');
  t.equal(world.plane.peerFlows.size, 2, 'a permission and a channel');
  t.equal((await client.bind(0x4001, { ...PEER, port: 1 })).code, 400, 'the channel is known');
  t.equal((await client.permit(v6)).code, 443);
  t.equal((await client.permit(PEER)).messageClass, 'success');
  await client.refresh(0);
  t.equal(world.turn.allocations, 0);
  t.equal(world.plane.endpoints.size, 0);
});

t.test('each family of a dual allocation has its own lifetime', async (t) => {
  const world = new TurnWorld();
  const client = new TurnClient(world);
  await client.allocate(family(AdditionalAddressFamily, 2));
  await client.ask(Method.Refresh, (writer) => {
    family(RequestedAddressFamily, 2)(writer);
    writer.u32(Lifetime, 1_200);
  });
  await world.pass(602);
  t.equal(world.turn.allocations, 1);
  t.equal([...world.plane.endpoints.values()][0]?.address.address, RELAY_V6.address);
  await world.pass(600);
  t.equal(world.turn.allocations, 0);
});

t.test('a busy data plane leaves a Refresh without response', async (t) => {
  const world = new TurnWorld();
  const client = new TurnClient(world);
  await client.allocate();
  world.plane.putErrors.set('allocation', 'ERR_TURNPIKE_QUEUE_FULL');
  t.same(await client.send(Method.Refresh, () => {}), []);
  world.plane.putErrors.clear();
  t.equal((await client.refresh()).messageClass, 'success');
});

t.test('an expired credential serves its allocation, and makes no other', async (t) => {
  const world = new TurnWorld();
  const seconds = Math.floor(world.clock.now() / 1_000);
  const username = `${seconds + 100}:alice`;
  const client = new TurnClient(world, { username });
  t.equal((await client.allocate()).messageClass, 'success');
  await world.pass(101);
  t.equal((await client.refresh(600)).messageClass, 'success');
  t.equal((await client.permit(PEER)).messageClass, 'success');
  t.equal((await client.bind(0x4000, PEER)).messageClass, 'success');
  t.equal((await new TurnClient(world, { port: 9, username }).allocate()).code, 401);
  t.equal((await new TurnClient(world, { port: 9, username }).refresh(600)).code, 401);
  const renewed = `${seconds + 900}:alice`;
  t.equal((await client.refresh(600, { username: renewed })).code, 441, 'the whole username');
  await client.refresh(0);
  t.equal((await client.allocate()).code, 401);
});

t.test(
  'a retransmitted Allocate is answered although its credential has expired since',
  async (t) => {
    const world = new TurnWorld();
    const username = `${Math.floor(world.clock.now() / 1_000) + 10}:alice`;
    const client = new TurnClient(world, { username });
    const transactionId = TurnClient.transactionId();
    t.equal((await client.allocate(() => {}, { transactionId })).messageClass, 'success');
    await world.pass(20);
    t.equal((await client.allocate(() => {}, { transactionId })).messageClass, 'success');
  },
);

t.test('embedders hear of allocations, refreshes and ends', async (t) => {
  const events: AllocationEvent[] = [];
  const world = new TurnWorld({ onEvent: (event) => events.push(event) });
  const client = new TurnClient(world, { username: '9999999999:alice' });
  const relayed = relayedOf(await client.allocate());
  await client.refresh(900);
  await client.refresh(0);
  const about = { username: '9999999999:alice', user: 'alice', client: client.address, relayed };
  t.match(events, [
    { type: 'allocated', lifetimeSeconds: 600, ...about },
    { type: 'refreshed', lifetimeSeconds: 900, ...about },
    { type: 'ended', reason: 'deleted', ...about },
  ]);
});
