import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import {
  clientKey,
  DENIED,
  PEER,
  peerKey,
  RELAY_V4,
  TurnClient,
  TurnWorld,
} from './world/index.js';

const { XorPeerAddress, ChannelNumber } = AttributeType;

async function scene(options: ConstructorParameters<typeof TurnWorld>[0] = {}) {
  const world = new TurnWorld(options);
  const client = new TurnClient(world);
  await client.allocate();
  const relayed = world.onlyEndpoint;
  const { worker, tuple } = client;
  const forth = (channel: number) =>
    world.plane.clientFlows.get(clientKey({ worker, tuple, channel }));
  const back = (peer: typeof PEER) => world.plane.peerFlows.get(peerKey({ relayed, peer }));
  return { world, client, relayed, forth, back };
}

t.test('a channel is put both ways for 600 s, with a permission for 300 s', async (t) => {
  const { client, relayed, forth, back } = await scene();
  t.equal((await client.bind(0x4000, PEER)).messageClass, 'success');
  t.same(forth(0x4000), { action: { type: 'peer', relayed, peer: PEER, bucket: 1 }, seconds: 600 });
  t.same(back(PEER), { action: { tuple: client.tuple, channel: 0x4000, bucket: 1 }, seconds: 600 });
  t.same(back({ ...PEER, port: 0 }), { action: { tuple: client.tuple, bucket: 1 }, seconds: 300 });
});

t.test('channel numbers are 0x4000 to 0x7FFF', async (t) => {
  const { client, forth } = await scene();
  const peer = (port: number) => ({ ...PEER, port });
  for (const number of [0x0000, 0x3fff, 0x8000, 0xffff]) {
    t.equal((await client.bind(number, PEER)).code, 400, `${number}`);
  }
  for (const [index, number] of [0x4000, 0x4fff, 0x5000, 0x7fff].entries()) {
    t.equal((await client.bind(number, peer(index + 1))).messageClass, 'success', `${number}`);
    t.ok(forth(number));
  }
  const reserved = await client.ask(Method.ChannelBind, (writer) => {
    writer.u32(ChannelNumber, 0x4000_ffff).address(XorPeerAddress, peer(1));
  });
  t.equal(reserved.messageClass, 'success', 'the reserved bits are ignored');
});

t.test('a malformed or incomplete request is refused', async (t) => {
  const { world, client } = await scene();
  const ask = (content: Parameters<TurnClient['ask']>[1]) =>
    client.ask(Method.ChannelBind, content);
  t.equal((await ask((writer) => void writer.channelNumber(0x4000))).code, 400);
  t.equal((await ask((writer) => void writer.address(XorPeerAddress, PEER))).code, 400);
  t.equal((await client.bind(0x4000, { ...PEER, port: 0 })).code, 400);
  const short = await ask((writer) => {
    writer.bytes(ChannelNumber, Uint8Array.of(0x40, 0)).address(XorPeerAddress, PEER);
  });
  t.equal(short.code, 400);
  t.equal((await new TurnClient(world, { port: 9 }).bind(0x4000, PEER)).code, 437);
  t.equal((await client.bind(0x4000, PEER, { username: 'bob' })).code, 441);
  t.equal(world.plane.clientFlows.size, 0);
  t.equal(world.plane.peerFlows.size, 0, 'nor a permission');
});

t.test('the first XOR-PEER-ADDRESS counts', async (t) => {
  const { client, back } = await scene();
  const answer = await client.ask(Method.ChannelBind, (writer) => {
    writer.channelNumber(0x4000).address(XorPeerAddress, PEER);
    writer.address(XorPeerAddress, { address: DENIED, port: 1 });
  });
  t.equal(answer.messageClass, 'success');
  t.ok(back(PEER));
});

t.test('a channel has one peer, and a peer one channel', async (t) => {
  const { client, forth } = await scene();
  await client.bind(0x4000, PEER);
  t.equal((await client.bind(0x4000, { ...PEER, port: 9 })).code, 400);
  t.equal((await client.bind(0x4001, PEER)).code, 400);
  t.match(forth(0x4000)?.action, { peer: PEER });
  t.notOk(forth(0x4001));
  t.equal((await client.bind(0x4001, { ...PEER, port: 9 })).messageClass, 'success');
});

t.test('a denied peer, another family and the server itself are refused', async (t) => {
  const { world, client } = await scene();
  t.equal((await client.bind(0x4000, { address: DENIED, port: 1 })).code, 403);
  t.equal((await client.bind(0x4000, { address: '2001:db8::9', port: 1 })).code, 443);
  for (const address of [RELAY_V4.address, RELAY_V4.advertised]) {
    t.equal((await client.bind(0x4000, { address, port: 49_999 })).code, 403);
    t.equal((await client.bind(0x4000, { address, port: 51_000 })).code, 403);
  }
  t.equal(world.plane.peerFlows.size, 0);
  const own = { address: RELAY_V4.advertised, port: 50_000 };
  t.equal((await client.bind(0x4000, own)).messageClass, 'success');
});

t.test('a channel is refreshed with its permission', async (t) => {
  const { world, client, forth, back } = await scene();
  await client.bind(0x4000, PEER);
  await world.pass(500);
  await client.refresh(3_600);
  t.notOk(back({ ...PEER, port: 0 }), 'the permission has expired');
  t.ok(forth(0x4000) && back(PEER), 'the channel has not');
  t.equal((await client.bind(0x4000, PEER)).messageClass, 'success');
  t.equal(back({ ...PEER, port: 0 })?.seconds, 300);
  await world.pass(599);
  t.ok(forth(0x4000) && back(PEER));
  await world.pass(2);
  t.notOk(forth(0x4000) || back(PEER));
});

t.test('an expired channel rests for 5 minutes', async (t) => {
  const { world, client, forth } = await scene();
  await client.refresh(3_600);
  await client.bind(0x4000, PEER);
  await world.pass(602);
  t.notOk(forth(0x4000));
  t.equal((await client.bind(0x4000, { ...PEER, port: 9 })).code, 400);
  t.equal((await client.bind(0x4001, PEER)).code, 400);
  t.equal((await client.bind(0x4000, PEER)).messageClass, 'success', 'the same pair again');
  t.ok(forth(0x4000));
  await world.pass(602);
  await world.pass(295);
  t.equal((await client.bind(0x4001, PEER)).code, 400);
  await world.pass(10);
  t.equal((await client.bind(0x4001, PEER)).messageClass, 'success');
  t.equal((await client.bind(0x4000, { ...PEER, port: 9 })).messageClass, 'success');
});

t.test('the number of channels is bounded, those that rest included', async (t) => {
  const { world, client } = await scene();
  await client.refresh(3_600);
  for (let index = 0; index < 10; index += 1) {
    await client.bind(0x4000 + index, { ...PEER, port: 1 + index });
  }
  t.equal((await client.bind(0x4100, { ...PEER, port: 100 })).code, 508);
  t.equal((await client.bind(0x4000, { ...PEER, port: 1 })).messageClass, 'success');
  await world.pass(602);
  t.equal((await client.bind(0x4100, { ...PEER, port: 100 })).code, 508);
  await world.pass(302);
  t.equal((await client.bind(0x4100, { ...PEER, port: 100 })).messageClass, 'success');
});

t.test('where the data plane has no room, no part of a channel stays', async (t) => {
  const { world, client, forth } = await scene();
  await client.permit(PEER);
  world.plane.putErrors.set('client', 'ERR_TURNPIKE_LIMIT');
  t.equal((await client.bind(0x4000, PEER)).code, 508);
  world.plane.putErrors.clear();
  const { plane } = world;
  const put = plane.putPeerFlow.bind(plane);
  plane.putPeerFlow = (flow, ...rest) => {
    if (flow.peer.port !== 0) plane.putErrors.set('peer', 'ERR_TURNPIKE_QUEUE_FULL');
    put(flow, ...rest);
  };
  const messages = await client.send(Method.ChannelBind, (writer) => {
    writer.channelNumber(0x4000).address(XorPeerAddress, PEER);
  });
  t.same(messages, [], 'the client tries again');
  t.notOk(forth(0x4000));
  plane.putPeerFlow = put;
  plane.putErrors.clear();
  t.equal((await client.bind(0x4000, PEER)).messageClass, 'success');
});

t.test('a ChannelBind that fails neither installs nor prolongs a permission', async (t) => {
  const { world, client } = await scene();
  await client.refresh(3_600);
  const other = { ...PEER, address: '198.51.100.8' };
  await client.permit(PEER);
  await world.pass(200);
  world.plane.putErrors.set('client', 'ERR_TURNPIKE_LIMIT');
  for (const peer of [PEER, other]) t.equal((await client.bind(0x4000, peer)).code, 508);
  world.plane.putErrors.clear();
  t.equal(world.plane.peerFlows.size, 1, 'the permission that was there before');
  await world.pass(101);
  t.equal(world.plane.peerFlows.size, 0, 'which ends when it would have');
});

t.test('a new policy ends the channels of the peers that it denies', async (t) => {
  const { world, client, forth } = await scene();
  await client.bind(0x4000, PEER);
  world.turn.setPolicy({ check: () => 'denied' });
  t.notOk(forth(0x4000));
  t.equal(world.plane.peerFlows.size, 0);
  t.equal((await client.bind(0x4000, PEER)).code, 403);
});
