import t from 'tap';
import { parseAddress, type TransportAddress } from '../../src/address.js';
import { AttributeType, UDP_PROTOCOL } from '../../src/stun/attribute-types.js';
import type { StunMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { tupleKey } from '../../src/stun-server/origin.js';
import { TurnClient, TurnWorld, tupleOf } from './world/index.js';

const V4 = parseAddress('203.0.113.9:3478');
const V6 = parseAddress('[2001:db8::9]:3478');
const CLIENT = parseAddress('192.0.2.1:5000');
const CLIENT_V6 = parseAddress('[2001:db8::1]:5000');

/** Sends a request without credentials. @returns the only response, if there is one */
async function bare(
  world: TurnWorld,
  options: {
    readonly from?: TransportAddress;
    readonly method?: number;
    readonly transactionId?: Uint8Array;
    readonly write?: (writer: MessageWriter) => unknown;
  } = {},
): Promise<StunMessage | undefined> {
  const { from = CLIENT, method = Method.Allocate, write } = options;
  const id = options.transactionId ?? TurnClient.transactionId();
  const writer = new MessageWriter('request', method, id).requestedTransport(UDP_PROTOCOL);
  write?.(writer);
  await world.receive(writer.finish(), tupleOf(from), 1);
  const [message] = world.takeFor(from);
  return message;
}

const codeOf = (message: StunMessage | undefined) => message?.errorCode()?.code;
const alternateOf = (message: StunMessage | undefined) =>
  message?.address(AttributeType.AlternateServer);

t.test('a draining server sends new clients to a server of their family', async (t) => {
  const world = new TurnWorld({ isDraining: () => true, alternateServers: [V6, V4] });
  const answer = await bare(world);
  t.equal(codeOf(answer), 300);
  t.strictSame(alternateOf(answer), V4);
  t.notOk(answer?.has(AttributeType.Realm), 'it is no challenge');
  t.notOk(answer?.has(AttributeType.Fingerprint));
  t.strictSame(alternateOf(await bare(world, { from: CLIENT_V6 })), V6);
  const marked = await bare(world, { write: (writer) => writer.fingerprint() });
  t.ok(marked?.has(AttributeType.Fingerprint));
  t.equal(world.turn.stats.redirected, 3);
});

t.test('without a server of the family the client is challenged, then refused', async (t) => {
  const world = new TurnWorld({ isDraining: () => true, alternateServers: [V6] });
  t.equal(codeOf(await bare(world)), 401);
  t.equal((await new TurnClient(world).allocate()).code, 508);
  t.equal(world.turn.stats.redirected, 0);
});

t.test('300 comes before authentication or never, and only to an Allocate', async (t) => {
  const world = new TurnWorld({ isDraining: () => true, alternateServers: [V4] });
  t.equal((await new TurnClient(world).allocate()).code, 508);
  for (const method of [Method.Refresh, Method.CreatePermission, Method.ChannelBind]) {
    t.equal(codeOf(await bare(world, { method })), 401, `method ${method}`);
  }
  const token = (writer: MessageWriter) =>
    writer.bytes(AttributeType.ReservationToken, new Uint8Array(8));
  t.equal(codeOf(await bare(world, { write: token })), 401, 'a token is of this server');
});

t.test('only a full server redirects, and not the clients that it has', async (t) => {
  const limits = { allocationsMax: 1, userQuota: 9, permissionsMax: 9, channelsMax: 9 };
  const world = new TurnWorld({ alternateServers: [V4], limits });
  t.equal(codeOf(await bare(world)), 401);
  const client = new TurnClient(world);
  t.equal((await client.allocate()).code, undefined);
  t.equal(codeOf(await bare(world, { from: client.address })), 401, 'it has an allocation');
  const other = parseAddress('192.0.2.1:5001');
  t.strictSame(alternateOf(await bare(world, { from: other })), V4);
  await client.refresh(0);
  t.equal(codeOf(await bare(world, { from: other })), 401);
});

t.test('a repeated request gets the same server again, and others get others', async (t) => {
  const servers = ['203.0.113.1:3478', '203.0.113.2:3478', '203.0.113.3:3478'].map(parseAddress);
  const world = new TurnWorld({ isDraining: () => true });
  world.turn.setAlternateServers(servers);
  const seen = new Set<string>();
  for (let first = 0; first < 6; first += 1) {
    const transactionId = new Uint8Array(12).fill(first);
    const [one, again] = [
      alternateOf(await bare(world, { transactionId })),
      alternateOf(await bare(world, { transactionId })),
    ];
    t.strictSame(one, again);
    seen.add(one?.address ?? '');
  }
  t.equal(seen.size, 3);
});

t.test('a 300 that is longer than its request is paid from the budget of its source', async (t) => {
  const world = new TurnWorld({ isDraining: () => true, alternateServers: [V4] });
  let answered = 0;
  for (let sent = 0; sent < 1_200; sent += 1) {
    if ((await bare(world)) !== undefined) answered += 1;
  }
  t.equal(answered, 1_000, 'the burst of the budget');
  const padded = (writer: MessageWriter) => writer.paddedTo(120);
  t.equal(codeOf(await bare(world, { write: padded })), 300, 'it costs nothing');
});

t.test('a 5-tuple that another usage holds gets no allocation', async (t) => {
  const held = new Set<string>();
  const world = new TurnWorld({ isHeldElsewhere: (key) => held.has(key) });
  const client = new TurnClient(world);
  held.add(tupleKey(client.tuple));
  t.equal((await client.allocate()).code, 437);
  t.equal(world.turn.stats.refusals.of('tuple-in-use'), 1);
  t.notOk(world.turn.holds(tupleKey(client.tuple)));
  held.clear();
  t.equal((await client.allocate()).code, undefined);
  t.ok(world.turn.holds(tupleKey(client.tuple)));
  t.equal(world.turn.allocations, 1);
});
