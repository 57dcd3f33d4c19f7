import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import type { AllocationEvent } from '../../src/turn/allocation-events.js';
import { TURN_LIMITS } from '../../src/turn/turn-limits.js';
import {
  type Answer,
  clientKey,
  family,
  movedKey,
  PEER,
  type RequestOptions,
  TurnClient,
  TurnWorld,
  type WorldOptions,
} from './world/index.js';

const { MobilityTicket, AdditionalAddressFamily, Lifetime } = AttributeType;

const CHANNEL = 0x4000;

/** Returns the ticket in a response. */
function ticketIn({ message }: Answer): Uint8Array {
  const ticket = message.get(MobilityTicket);
  if (ticket === undefined) throw new Error('the response has no ticket');
  return new Uint8Array(ticket);
}

/** Sends a Refresh with a ticket. */
function present(
  client: TurnClient,
  ticket: Uint8Array,
  { seconds, ...options }: RequestOptions & { seconds?: number } = {},
): Promise<Answer> {
  const content = (writer: Parameters<Parameters<TurnClient['ask']>[1]>[0]) => {
    writer.bytes(MobilityTicket, ticket);
    if (seconds !== undefined) writer.u32(Lifetime, seconds);
  };
  return client.ask(Method.Refresh, content, options);
}

/** An allocation of a client that may move, with a permission and a channel. */
async function openScene(options: WorldOptions = {}) {
  const events: AllocationEvent[] = [];
  const world = new TurnWorld({
    mobility: true,
    onEvent: (event) => events.push(event),
    ...options,
  });
  const client = new TurnClient(world);
  const ticket = ticketIn(await client.allocate((writer) => writer.bytes(MobilityTicket, EMPTY)));
  await client.bind(CHANNEL, PEER);
  const at = (port: number, worker = 1, ip = '203.0.113.9') =>
    new TurnClient(world, { ip, port, worker });
  const heard = () => {
    const [action] = world.plane.moved.values();
    world.turn.event({ type: 'client-moved', number: action?.number ?? -1 });
  };
  const pass = () => world.pass(TURN_LIMITS.moveIntervalMs / 1_000);
  return { world, client, ticket, events, at, heard, pass };
}

const EMPTY = new Uint8Array(0);

const channelKey = ({ tuple }: TurnClient) => clientKey({ worker: 1, tuple, channel: CHANNEL });

for (const worker of [1, 2]) {
  t.test(`a client moves to a 5-tuple of worker ${worker}`, async (t) => {
    const { world, client, ticket, events, at, heard } = await openScene();
    const { plane } = world;
    const now = at(7_000, worker);
    const moved = await present(now, ticket, { seconds: 1_200 });
    t.equal(moved.messageClass, 'success');
    t.equal(moved.message.lifetimeSeconds(), 1_200);
    t.notSame(ticketIn(moved), ticket);
    const workers = worker === 1 ? [1] : [1, 2];
    const keys = workers.map((each) => movedKey({ worker: each, tuple: now.tuple }));
    t.same([...plane.moved.keys()].sort(), keys);
    t.match([...plane.moved.values()], [{ worker: 1, tuple: client.tuple }]);
    t.same([...plane.clientFlows.keys()], [channelKey(client)], 'nothing else has changed');
    t.match([...plane.peerFlows.values()][0]?.action, { tuple: client.tuple });

    plane.packets.set(channelKey(client), 3);
    await world.pass(100);
    heard();
    t.same([...plane.clientFlows.keys()], [channelKey(now)]);
    t.match([...plane.clientFlows.values()], [{ seconds: 500 }], 'with what is left of its time');
    for (const { action } of plane.peerFlows.values()) t.same(action.tuple, now.tuple);
    t.match([...plane.peerFlows.values()].map(({ seconds }) => seconds).sort(), [200, 500]);
    t.match(
      [...plane.allocations.values()],
      [{ action: { worker: 1, tuple: now.tuple }, seconds: 1_100 }],
    );
    t.same([...plane.moved.keys()], worker === 1 ? [] : keys.slice(1), 'it is passed on');
    t.match(events.at(-1), { type: 'moved', from: client.address, client: now.address });
    t.equal(world.turn.stats.requests.moved, 1);

    t.equal((await client.refresh()).code, 437, 'the old 5-tuple is free');
    t.equal((await now.bind(CHANNEL, PEER)).messageClass, 'success');
    t.equal((await client.allocate()).messageClass, 'success');
    await now.refresh(0);
    t.equal(plane.moved.size, 0);
    t.equal(plane.clientFlows.size, 0);
    t.match(events.at(-1), { type: 'ended', traffic: { packetsFromClient: 3 } });
    await client.refresh(0);
    t.equal(world.plane.allocations.size + world.plane.peerFlows.size, 0);
    t.equal(world.turn.relayedPorts, 0);
  });
}

t.test('until data comes from the new 5-tuple both are served', async (t) => {
  const { world, client, ticket, at } = await openScene();
  const now = at(7_000);
  await present(now, ticket);
  t.equal(world.turn.allocations, 1);
  t.equal((await client.bind(CHANNEL, PEER)).messageClass, 'success', 'the old one');
  t.equal((await client.allocate()).code, 437);
  t.equal((await now.allocate()).code, 437);
  t.match([...world.plane.peerFlows.values()][0]?.action, { tuple: client.tuple });
  t.equal((await now.permit(PEER)).messageClass, 'success', 'a request, too, shows the move');
  t.match([...world.plane.peerFlows.values()][0]?.action, { tuple: now.tuple });
  t.equal((await client.permit(PEER)).code, 437);
});

t.test('a retransmission, and a request after a lost response, get the same ticket', async (t) => {
  const { ticket, at, heard } = await openScene();
  const now = at(7_000);
  const transactionId = TurnClient.transactionId();
  const first = await present(now, ticket, { transactionId });
  const again = await present(now, ticket, { transactionId });
  t.same(Buffer.from(again.message.bytes), Buffer.from(first.message.bytes));
  t.same(ticketIn(await present(now, ticket)), ticketIn(first), 'another transaction');
  t.equal((await present(now, ticketIn(first))).code, 400, 'it is there');
  heard();
  const late = await present(now, ticket, { transactionId });
  t.same(Buffer.from(late.message.bytes), Buffer.from(first.message.bytes));
  t.equal((await present(now, ticket)).code, 400);
  t.equal((await present(now, ticketIn(first))).code, 400);
});

t.test('a client moves on before it is heard, and back', async (t) => {
  const { world, client, ticket, at, heard, pass } = await openScene();
  const [one, two] = [at(7_000, 2), at(7_001, 3)];
  await present(one, ticket);
  await pass();
  const second = await present(two, ticket);
  t.equal(second.messageClass, 'success', 'the first response was lost');
  t.same([...world.plane.moved.keys()].length, 2);
  t.equal((await one.permit(PEER)).code, 437);
  await pass();
  const back = await present(client, ticketIn(second));
  t.equal(back.messageClass, 'success');
  t.equal(world.plane.moved.size, 0);
  heard();
  t.equal((await client.permit(PEER)).messageClass, 'success');
  t.equal((await present(client, ticketIn(back))).code, 400);
  await pass();
  const third = await present(one, ticketIn(back));
  heard();
  await pass();
  await present(client, ticketIn(third));
  heard();
  t.equal(world.plane.moved.size, 0, 'it is where it began');
  t.same([...world.plane.clientFlows.keys()], [channelKey(client)]);
});

t.test('a dual allocation moves as a whole', async (t) => {
  const { world, at, heard } = await openScene();
  const client = at(6_000);
  const ticket = ticketIn(
    await client.allocate((writer) => {
      family(AdditionalAddressFamily, 2)(writer);
      writer.bytes(MobilityTicket, EMPTY);
    }),
  );
  const v6 = { address: '2001:db8:9::1', port: 5 };
  await client.bind(0x4001, v6);
  const now = at(6_001, 2);
  await present(now, ticket);
  heard();
  const tuples = [...world.plane.allocations.values()].map(({ action }) => action.tuple);
  t.equal(tuples.filter((each) => each.remote.port === 6_001).length, 2);
  t.ok(world.plane.clientFlows.has(clientKey({ worker: 1, tuple: now.tuple, channel: 0x4001 })));
});

t.test('what is no ticket of the user moves nothing', async (t) => {
  const { world, client, ticket, at, heard, pass } = await openScene();
  const now = at(7_000);
  t.equal((await present(now, ticket, { username: 'bob' })).code, 441);
  t.equal((await present(now, ticket, { username: 'bob', seconds: 0 })).code, 441);
  t.equal((await present(now, EMPTY)).code, 400);
  t.equal((await present(now, new Uint8Array(32).fill(0x41))).code, 400);
  t.equal((await present(client, ticket)).code, 400, 'from where it is');
  const other = at(8_000);
  await other.allocate();
  t.equal((await present(other, ticket)).code, 437, 'to a 5-tuple that has an allocation');
  t.equal(world.turn.stats.requests.moved, 0);
  const next = ticketIn(await present(now, ticket));
  heard();
  await pass();
  t.equal((await present(at(9_000), ticket)).code, 400, 'a stolen one that was used');
  t.equal((await present(at(9_000), next, { seconds: 0 })).messageClass, 'success');
  t.equal(world.turn.allocations, 1, 'LIFETIME 0 deletes, from anywhere');
  t.equal((await present(at(9_000), next)).code, 437, 'the ticket of an ended allocation');
});

t.test('a 5-tuple of another usage, or of a relayed address, gets no allocation', async (t) => {
  const { world, ticket, at } = await openScene({ isHeldElsewhere: (key) => key.includes('9999') });
  t.equal((await present(at(9_999), ticket)).code, 437);
  const [relayed] = [...world.plane.endpoints.values()].map(({ address }) => address);
  t.equal((await present(at(relayed?.port ?? 0, 1, relayed?.address), ticket)).code, 403);
});

t.test('moves in a loop get no answer until some time has passed', async (t) => {
  const { world, ticket, at, heard, pass } = await openScene();
  const next = ticketIn(await present(at(7_000), ticket));
  heard();
  const send = () => at(7_001).send(Method.Refresh, (w) => void w.bytes(MobilityTicket, next));
  t.same(await send(), []);
  t.equal(world.turn.stats.refusals.of('moves-too-often'), 1);
  await pass();
  t.equal((await send()).length, 1);
});

t.test('only an Allocate with an empty MOBILITY-TICKET gets one', async (t) => {
  const world = new TurnWorld({ mobility: true });
  const client = new TurnClient(world);
  const allocate = (ticket: Uint8Array) =>
    client.allocate((writer) => writer.bytes(MobilityTicket, ticket));
  t.equal((await allocate(new Uint8Array(1))).code, 400);
  const plain = await client.allocate();
  t.notOk(plain.message.has(MobilityTicket));
  t.notOk((await client.refresh()).message.has(MobilityTicket));
});

t.test('without mobility a ticket is forbidden', async (t) => {
  const client = new TurnClient(new TurnWorld());
  const answer = await client.allocate((writer) => writer.bytes(MobilityTicket, EMPTY));
  t.equal(answer.code, 405);
  await client.allocate();
  t.equal((await present(client, new Uint8Array(32).fill(0x41))).code, 405);
});

t.test('a busy data plane delays a move, and loses nothing', async (t) => {
  const { world, client, ticket, at, heard } = await openScene();
  const { plane } = world;
  const now = at(7_000, 2);
  plane.putErrors.set('moved', 'ERR_TURNPIKE_QUEUE_FULL');
  t.same(await now.send(Method.Refresh, (w) => void w.bytes(MobilityTicket, ticket)), []);
  plane.putErrors.clear();
  t.equal((await present(now, ticket)).messageClass, 'success');
  plane.putErrors.set('client', 'ERR_TURNPIKE_QUEUE_FULL');
  heard();
  await world.pass(1);
  t.ok(plane.clientFlows.has(channelKey(client)), 'the channel is not there yet');
  plane.putErrors.clear();
  await world.pass(1);
  t.same([...plane.clientFlows.keys()], [channelKey(now)]);
  t.equal(plane.moved.size, 1);
  plane.putErrors.set('client', 'ERR_TURNPIKE_QUEUE_FULL');
  await now.refresh(0);
  t.equal(plane.moved.size + plane.clientFlows.size + plane.allocations.size, 0);
});

t.test('an allocation that ends in the middle of its move leaves nothing', async (t) => {
  for (const isHeard of [false, true]) {
    const { world, ticket, at, heard } = await openScene();
    const { plane } = world;
    await present(at(7_000, 2), ticket);
    plane.putErrors.set('client', 'ERR_TURNPIKE_QUEUE_FULL');
    if (isHeard) heard();
    world.turn.endUser('alice');
    const left = [plane.moved, plane.clientFlows, plane.peerFlows, plane.allocations];
    for (const each of left) t.equal(each.size, 0);
    plane.putErrors.clear();
    await world.pass(1);
    t.equal(plane.clientFlows.size, 0);
    t.equal((await at(7_000).refresh()).code, 437);
  }
});
