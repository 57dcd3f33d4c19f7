// Requests of which the data plane takes a part: nothing of them holds.
import t from 'tap';
import { AttributeType, UDP_PROTOCOL } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import {
  type Content,
  clientKey,
  family,
  PEER,
  peerKey,
  relayedOf,
  TurnClient,
  TurnWorld,
} from './world/index.js';

const { AdditionalAddressFamily, EvenPort, Lifetime, MobilityTicket, ReservationToken } =
  AttributeType;

const OTHER = { ...PEER, address: '198.51.100.8' };
const CHANNEL = 0x4000;
const EMPTY = new Uint8Array(0);

/** Ends of a refusal: one put is refused, or all are from then on. */
const REFUSALS = [
  { name: 'one put', times: 1 },
  { name: 'all further puts', times: Number.POSITIVE_INFINITY },
] as const;

async function scene(content: Content = () => {}) {
  const world = new TurnWorld({ mobility: true });
  const client = new TurnClient(world);
  const answer = await client.allocate(content);
  const { plane } = world;
  const secondsOf = {
    allocations: () => [...plane.allocations.values()].map(({ seconds }) => seconds),
    permission: ({ address }: typeof PEER) =>
      plane.peerFlows.get(peerKey({ relayed: world.onlyEndpoint, peer: { address, port: 0 } }))
        ?.seconds,
    data: () =>
      plane.clientFlows.get(clientKey({ worker: 1, tuple: client.tuple, channel: CHANNEL }))
        ?.seconds,
  };
  return { world, client, answer, plane, secondsOf };
}

for (const { name, times } of REFUSALS) {
  t.test(`a Refresh prolongs both families or none: ${name} refused`, async (t) => {
    const { world, client, plane, secondsOf } = await scene(family(AdditionalAddressFamily, 2));
    await world.pass(100);
    plane.refuse('allocation', { after: 1, times });
    const refresh: Content = (writer) => void writer.u32(Lifetime, 3_000);
    t.same(await client.send(Method.Refresh, refresh), [], 'the client tries again');
    if (times === 1) t.same(secondsOf.allocations(), [500, 500]);
    t.equal(world.turn.stats.requests.refreshed, 0);
    await world.pass(499);
    t.equal(plane.allocations.size, 2);
    await world.pass(2);
    t.equal(plane.allocations.size + plane.endpoints.size, 0, 'both end when they would have');
    t.equal(world.turn.stats.ended.of('expired'), 1);
  });

  t.test(`permissions are prolonged all or none: ${name} refused`, async (t) => {
    const { world, client, plane, secondsOf } = await scene();
    await client.permit(PEER, OTHER);
    await world.pass(100);
    plane.refuse('peer', { after: 1, times, code: 'ERR_TURNPIKE_LIMIT' });
    t.equal((await client.permit(PEER, OTHER)).code, 508);
    if (times === 1) t.same([PEER, OTHER].map(secondsOf.permission), [200, 300]);
    await world.pass(199);
    t.equal(plane.peerFlows.size, 2);
    await world.pass(2);
    t.equal(plane.peerFlows.size, 0, 'both end when they would have');
  });

  t.test(`a channel is prolonged both ways or not: ${name} refused`, async (t) => {
    const { world, client, plane, secondsOf } = await scene();
    await client.refresh(3_600);
    await client.bind(CHANNEL, PEER);
    await world.pass(100);
    plane.refuse('peer', { after: 1, times, code: 'ERR_TURNPIKE_LIMIT' });
    t.equal((await client.bind(CHANNEL, PEER)).code, 508);
    t.equal(secondsOf.data(), 500);
    if (times === 1) t.equal(secondsOf.permission(PEER), 200);
    await world.pass(201);
    t.equal(plane.peerFlows.size, 1, 'the permission ends when it would have');
    await world.pass(300);
    t.equal(plane.peerFlows.size + plane.clientFlows.size, 0, 'as does the channel');
  });
}

t.test('a new channel that is refused does not prolong the permission', async (t) => {
  const { world, client, plane, secondsOf } = await scene();
  await client.permit(PEER);
  await world.pass(100);
  for (const [method, after] of [
    ['client', 0],
    ['peer', 1],
  ] as const) {
    plane.refuse(method, { after, code: 'ERR_TURNPIKE_LIMIT' });
    t.equal((await client.bind(CHANNEL, PEER)).code, 508);
    t.equal(secondsOf.permission(PEER), 200);
    t.equal(plane.clientFlows.size, 0);
    t.equal(plane.peerFlows.size, 1);
  }
});

t.test('a dual allocation is made whole or not at all', async (t) => {
  const { world, client, plane } = await scene();
  await client.refresh(0);
  const both: Content = (writer) => {
    family(AdditionalAddressFamily, 2)(writer.requestedTransport(UDP_PROTOCOL));
  };
  plane.refuse('allocation', { after: 1 });
  t.same(await client.send(Method.Allocate, both), [], 'the client tries again');
  plane.refuse('allocation', { after: 1, code: 'ERR_TURNPIKE_LIMIT' });
  t.equal((await client.ask(Method.Allocate, both)).code, 508);
  t.equal(plane.allocations.size + plane.endpoints.size, 0);
  t.equal(world.turn.relayedPorts, 0);
  t.equal(relayedOf(await client.ask(Method.Allocate, both)).length, 2);
});

t.test('a token stays valid if the data plane is too busy for its allocation', async (t) => {
  const evenPort: Content = (writer) => void writer.bytes(EvenPort, Uint8Array.of(0x80));
  const { world, answer, plane } = await scene(evenPort);
  const token = new Uint8Array(answer.message.get(ReservationToken) ?? EMPTY);
  const next: Content = (writer) => {
    writer.requestedTransport(UDP_PROTOCOL).bytes(ReservationToken, token);
  };
  const client = new TurnClient(world, { port: 2 });
  const transactionId = TurnClient.transactionId();
  plane.refuse('allocation');
  t.same(await client.send(Method.Allocate, next, { transactionId }), []);
  t.equal(plane.endpoints.size, 1);
  t.equal(world.turn.relayedPorts, 2, 'the port is reserved again');
  const second = await client.ask(Method.Allocate, next, { transactionId });
  t.equal(relayedOf(second)[0]?.port, (relayedOf(answer)[0]?.port ?? 0) + 1);
  t.equal(world.turn.relayedPorts, 2);
});

/** A client with a ticket and a channel, and what presents the ticket from elsewhere. */
async function movingScene() {
  const { answer, ...rest } = await scene((writer) => void writer.bytes(MobilityTicket, EMPTY));
  const ticket = new Uint8Array(answer.message.get(MobilityTicket) ?? EMPTY);
  await rest.client.bind(CHANNEL, PEER);
  const refresh: Content = (writer) => {
    writer.bytes(MobilityTicket, ticket).u32(Lifetime, 3_000);
  };
  const at = (port: number) => new TurnClient(rest.world, { ip: '203.0.113.9', port, worker: 2 });
  const heard = () => {
    const [action] = rest.plane.moved.values();
    rest.world.turn.event({ type: 'client-moved', number: action?.number ?? -1 });
  };
  return { ...rest, refresh, at, heard };
}

t.test('a move that is refused does not prolong the allocation', async (t) => {
  const { world, plane, secondsOf, refresh, at } = await movingScene();
  await world.pass(100);
  for (const after of [0, 1]) {
    plane.refuse('moved', { after });
    t.same(await at(7_000).send(Method.Refresh, refresh), [], 'the client tries again');
    t.equal(plane.moved.size, 0);
    t.same(secondsOf.allocations(), [500]);
    t.equal(world.turn.stats.requests.refreshed, 0);
  }
  await world.pass(501);
  t.equal(world.turn.allocations, 0);
});

t.test('a move that is refused leaves the one before as it is', async (t) => {
  const { world, plane, refresh, at, heard } = await movingScene();
  const [one, two] = [at(7_000), at(7_001)];
  t.equal((await one.ask(Method.Refresh, refresh)).messageClass, 'success');
  const before = [...plane.moved.keys()];
  await world.pass(1);
  plane.refuse('moved', { after: 1 });
  t.same(await two.send(Method.Refresh, refresh), []);
  t.same([...plane.moved.keys()], before);
  heard();
  t.equal((await one.permit(PEER)).messageClass, 'success');
});

t.test('a channel that has moved stays when the data plane takes the rest later', async (t) => {
  const { world, client, plane, refresh, at, heard } = await movingScene();
  const now = at(7_000);
  const channelKey = clientKey({ worker: 1, tuple: now.tuple, channel: CHANNEL });
  t.equal((await now.ask(Method.Refresh, refresh)).messageClass, 'success');
  plane.refuse('peer', { after: 1 });
  heard();
  t.ok(plane.clientFlows.has(channelKey), 'the permission alone is missing');
  plane.refuse('peer');
  while (world.turn.tick());
  t.ok(plane.clientFlows.has(channelKey));
  while (world.turn.tick());
  for (const { action } of plane.peerFlows.values()) t.same(action.tuple, now.tuple);
  t.same([...plane.clientFlows.keys()], [channelKey]);
  t.equal((await client.refresh()).code, 437, 'the old 5-tuple is free');
});
