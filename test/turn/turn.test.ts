import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { decodeMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { ResponseMemory } from '../../src/turn/response-memory.js';
import { TURN_LIMITS } from '../../src/turn/turn-limits.js';
import { TestClock } from '../auth/test-clock.js';
import { PEER, REALM, TurnClient, TurnWorld } from './world/index.js';

t.test('TURN owns the requests of its methods alone', async (t) => {
  const { turn } = new TurnWorld();
  const owns = (method: number) => {
    const decoded = decodeMessage(
      new MessageWriter('request', method, TurnClient.transactionId()).finish(),
    );
    return decoded.ok && turn.owns(decoded.message);
  };
  for (const method of [0x003, 0x004, 0x008, 0x009]) t.ok(owns(method), `${method}`);
  const others = [Method.Binding, Method.Send, Method.Data, Method.Connect, Method.Closed];
  for (const method of others) t.notOk(owns(method), `${method}`);
});

t.test('an unauthenticated request is challenged, and leaves no state', async (t) => {
  const world = new TurnWorld();
  const client = new TurnClient(world);
  for (const method of [Method.Allocate, Method.Refresh, Method.ChannelBind]) {
    const writer = new MessageWriter('request', method, TurnClient.transactionId());
    writer.requestedTransport(17);
    await world.receive(writer.finish(), client.tuple, 0);
    const [challenge] = world.takeFor(client.address);
    t.equal(challenge?.errorCode()?.code, 401);
    t.equal(challenge?.text(AttributeType.Realm), REALM.name);
    t.ok(challenge?.has(AttributeType.PasswordAlgorithms));
  }
  t.equal(world.plane.asked.length, 0);
  t.equal(world.proven.recent, 0);
});

t.test('known attributes that do not belong to a request are ignored', async (t) => {
  const { MappedAddress, ErrorCode, UnknownAttributes, XorMappedAddress } = AttributeType;
  const { XorRelayedAddress, XorPeerAddress, ChannelNumber, Data } = AttributeType;
  for (const [index, type] of [
    ...[MappedAddress, ErrorCode, UnknownAttributes, XorMappedAddress],
    ...[XorRelayedAddress, XorPeerAddress, ChannelNumber, Data],
  ].entries()) {
    const client = new TurnClient(new TurnWorld(), { port: index + 1 });
    const { code } = await client.allocate((writer) => writer.bytes(type, new Uint8Array(4)));
    t.equal(code, undefined, `0x${type.toString(16)}`);
  }
});

t.test('indications, and requests of their methods, change nothing', async (t) => {
  const world = new TurnWorld();
  const client = new TurnClient(world);
  await client.allocate();
  for (const method of [Method.Send, Method.Data, Method.Allocate, Method.CreatePermission]) {
    const writer = new MessageWriter('indication', method, TurnClient.transactionId());
    writer.address(AttributeType.XorPeerAddress, PEER);
    await world.receive(writer.finish(), client.tuple, 0);
    t.same(world.takeFor(client.address), []);
  }
  for (const method of [Method.Send, Method.Data]) {
    t.same(await client.send(method, () => {}), [], 'no request of that method exists');
  }
  t.equal(world.plane.peerFlows.size, 0);
});

t.test('a Binding request from the same 5-tuple is answered', async (t) => {
  const world = new TurnWorld();
  const client = new TurnClient(world);
  await client.allocate();
  const writer = new MessageWriter('request', Method.Binding, TurnClient.transactionId());
  await world.receive(writer.finish(), client.tuple, 0);
  const [message] = world.takeFor(client.address);
  t.same(message?.address(AttributeType.XorMappedAddress), client.address);
  t.equal(world.turn.allocations, 1);
});

t.test('responses are kept for 40 s, and a bounded number of them', async (t) => {
  const clock = new TestClock();
  const memory = new ResponseMemory(clock);
  const bytes = Uint8Array.of(1, 2);
  memory.keep('alice', 'first', bytes);
  bytes.fill(9);
  t.same(memory.find('first'), Uint8Array.of(1, 2), 'a copy');
  clock.advance(TURN_LIMITS.responseKeptMs - 1);
  t.ok(memory.find('first'));
  clock.advance(1);
  t.notOk(memory.find('first'));
  memory.tick();
  t.equal(memory.size, 0);
  for (let index = 0; index <= TURN_LIMITS.responsesKeptMax; index += 1) {
    memory.keep('alice', `${index}`, bytes);
  }
  t.equal(memory.size, TURN_LIMITS.responsesKeptMax);
  t.notOk(memory.find('0'), 'the oldest is forgotten');
  t.ok(memory.find('1'));
});

t.test('no user displaces the kept responses of another', async (t) => {
  const memory = new ResponseMemory(new TestClock());
  memory.keep('alice', 'of alice', Uint8Array.of(1));
  for (let index = 0; index <= 2 * TURN_LIMITS.responsesKeptMax; index += 1) {
    memory.keep('mallory', `${index}`, Uint8Array.of(2));
  }
  t.equal(memory.size, TURN_LIMITS.responsesKeptMax);
  t.same(memory.find('of alice'), Uint8Array.of(1));
  t.notOk(memory.find('0'), 'the oldest of the user with most is forgotten');
});

t.test('an authenticated Binding is no request about an allocation', async (t) => {
  const world = new TurnWorld({ authenticatesBinding: true });
  const until = Math.floor(world.clock.now() / 1_000) + 60;
  const client = new TurnClient(world, { username: `${until}:alice` });
  const bound = async (username?: string) =>
    (await client.ask(Method.Binding, () => {}, username === undefined ? {} : { username })).code;
  t.equal(await bound(), undefined, 'it needs none');
  await client.allocate();
  t.equal(await bound(`${until}:bob`), undefined, 'nor that of its user');
  await world.pass(61);
  t.equal(await bound(), undefined, 'an expired credential serves as long as its allocation');
  t.equal(await bound(`${until}:bob`), 401);
  await client.refresh(0);
  t.equal(await bound(), 401);
  t.equal(world.turn.stats.requests.bindings, 3);
});
