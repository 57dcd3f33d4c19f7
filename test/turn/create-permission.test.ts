import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import type { MessageWriter } from '../../src/stun/writer.js';
import {
  DENIED,
  family,
  PEER,
  peerKey,
  RELAY_V4,
  RELAY_V6,
  TurnClient,
  TurnWorld,
} from './world/index.js';

const { XorPeerAddress } = AttributeType;

/** Returns an XOR-PEER-ADDRESS of family IPv6 with the IPv4-mapped form of an address. */
function xorMapped(ip: readonly number[], transactionId: Uint8Array): Uint8Array {
  const plain = [...new Array(10).fill(0), 0xff, 0xff, ...ip];
  const pad = [0x21, 0x12, 0xa4, 0x42, ...transactionId];
  return Uint8Array.of(0, 2, 0x21, 0x12, ...plain.map((byte, index) => byte ^ (pad[index] ?? 0)));
}

async function scene(options: ConstructorParameters<typeof TurnWorld>[0] = {}) {
  const world = new TurnWorld(options);
  const client = new TurnClient(world);
  await client.allocate();
  const relayed = world.onlyEndpoint;
  const flowOf = (address: string) =>
    world.plane.peerFlows.get(peerKey({ relayed, peer: { address, port: 0 } }));
  return { world, client, flowOf };
}

t.test('a permission is for every port of an IP address, for 300 s', async (t) => {
  const { world, client, flowOf } = await scene();
  t.equal((await client.permit(PEER)).messageClass, 'success');
  t.same(flowOf(PEER.address), { action: { tuple: client.tuple, bucket: 1 }, seconds: 300 });
  await world.pass(299);
  t.ok(flowOf(PEER.address));
  await world.pass(2);
  t.notOk(flowOf(PEER.address));
});

t.test('a permission is prolonged from when it is asked for again', async (t) => {
  const { world, client, flowOf } = await scene();
  await client.permit(PEER);
  await world.pass(200);
  await client.permit({ ...PEER, port: 9 });
  await world.pass(200);
  t.ok(flowOf(PEER.address));
  await world.pass(101);
  t.notOk(flowOf(PEER.address));
});

t.test('several peers are permitted all, or none', async (t) => {
  const { world, client, flowOf } = await scene();
  const other = { address: '198.51.100.8', port: 1 };
  t.equal((await client.permit(PEER, other)).messageClass, 'success');
  t.ok(flowOf(PEER.address) && flowOf(other.address));
  const third = { address: '198.51.100.9', port: 1 };
  t.equal((await client.permit(third, { address: DENIED, port: 1 })).code, 403);
  t.notOk(flowOf(third.address));
  t.equal((await client.permit(third, { address: '2001:db8::9', port: 1 })).code, 443);
  const both = await client.permit(
    third,
    { address: DENIED, port: 1 },
    { address: '::9', port: 1 },
  );
  t.equal(both.code, 443, 'the wrong family is named first');
  t.notOk(flowOf(third.address));
  const malformed = await client.ask(Method.CreatePermission, (writer) => {
    writer.address(XorPeerAddress, third).bytes(XorPeerAddress, new Uint8Array(5));
  });
  t.equal(malformed.code, 400);
  t.notOk(flowOf(third.address));
  t.equal(world.plane.peerFlows.size, 2);
});

t.test('a request without peers, an allocation or the right user is refused', async (t) => {
  const { world, client } = await scene();
  t.equal((await client.permit()).code, 400);
  t.equal((await new TurnClient(world, { port: 9 }).permit(PEER)).code, 437);
  const foreign = await client.ask(
    Method.CreatePermission,
    (writer) => void writer.address(XorPeerAddress, PEER),
    { username: 'bob' },
  );
  t.equal(foreign.code, 441);
  t.equal(world.plane.peerFlows.size, 0);
});

t.test('an IPv4-mapped address is judged as IPv4 (CVE-2026-27624)', async (t) => {
  const { client, flowOf } = await scene();
  const permit = (ip: readonly number[]) => {
    const transactionId = TurnClient.transactionId();
    const value = xorMapped(ip, transactionId);
    const content = (writer: MessageWriter) => void writer.bytes(XorPeerAddress, value);
    return client.ask(Method.CreatePermission, content, { transactionId });
  };
  t.equal((await permit([192, 168, 1, 1])).code, 403);
  t.equal((await permit([198, 51, 100, 7])).messageClass, 'success');
  t.ok(flowOf('198.51.100.7'));
});

t.test("this server's relayed addresses are permitted whatever the policy says", async (t) => {
  const { client, flowOf } = await scene({ policy: { check: () => 'denied' } });
  t.equal((await client.permit(PEER)).code, 403);
  for (const address of [RELAY_V4.address, RELAY_V4.advertised]) {
    t.equal((await client.permit({ address, port: 22 })).messageClass, 'success');
    // But only for the ports of relayed transport addresses.
    t.match(flowOf(address), { action: { ports: { min: 50_000, max: 50_999 } } });
  }
});

t.test('a relayed address is refused where an IPv6 address embeds it', async (t) => {
  const world = new TurnWorld({ relayedAddresses: [RELAY_V4, RELAY_V6] });
  const client = new TurnClient(world);
  t.equal(
    (await client.allocate(family(AttributeType.RequestedAddressFamily, 2))).messageClass,
    'success',
  );
  for (const address of ['64:ff9b::cb00:7105', '2002:cb00:7105::1', '64:ff9b::a00:5']) {
    t.equal((await client.permit({ address, port: 50_000 })).code, 403, address);
    t.equal((await client.bind(0x4000, { address, port: 50_000 })).code, 403, address);
  }
  const other = { address: '64:ff9b::cb00:7106', port: 50_000 };
  t.equal((await client.permit(other)).messageClass, 'success');
});

t.test('the number of permissions is bounded', async (t) => {
  const { world, client } = await scene();
  const peer = (last: number) => ({ address: `198.51.100.${last}`, port: 1 });
  for (let last = 1; last <= 9; last += 1) await client.permit(peer(last));
  t.equal((await client.permit(peer(10), peer(11))).code, 508);
  t.equal(world.plane.peerFlows.size, 9, 'none of the two');
  t.equal((await client.permit(peer(10), peer(10), peer(1))).messageClass, 'success');
  t.equal((await client.permit(peer(11))).code, 508);
  t.equal((await client.permit(peer(3))).messageClass, 'success', 'prolonging needs no room');
  await world.pass(301);
  t.equal((await client.permit(peer(11))).messageClass, 'success');
});

t.test('where the data plane has no room, no new permission stays', async (t) => {
  const { world, client, flowOf } = await scene();
  await client.permit(PEER);
  const { plane } = world;
  const put = plane.putPeerFlow.bind(plane);
  let puts = 0;
  plane.putPeerFlow = (...given) => {
    puts += 1;
    if (puts === 3) plane.putErrors.set('peer', 'ERR_TURNPIKE_LIMIT');
    put(...given);
  };
  const peer = (last: number) => ({ address: `198.51.100.${last}`, port: 1 });
  t.equal((await client.permit(PEER, peer(20), peer(21))).code, 508);
  t.ok(flowOf(PEER.address), 'the old one stays');
  t.notOk(flowOf(peer(20).address));
  plane.putErrors.set('peer', 'ERR_TURNPIKE_QUEUE_FULL');
  t.same(
    await client.send(Method.CreatePermission, (writer) => {
      writer.address(XorPeerAddress, PEER);
    }),
    [],
  );
  plane.putErrors.set('peer', 'ERR_TURNPIKE_ADDRESS');
  t.equal((await client.permit(PEER)).code, 403, 'an address to which no socket sends');
});

t.test('a new policy ends the permissions of the peers that it denies', async (t) => {
  const { world, client, flowOf } = await scene();
  const other = { address: '198.51.100.8', port: 1 };
  await client.permit(PEER, other, { address: RELAY_V4.address, port: 1 });
  world.turn.setPolicy({ check: (address) => (address === PEER.address ? 'denied' : 'allowed') });
  t.notOk(flowOf(PEER.address));
  t.ok(flowOf(other.address));
  t.ok(flowOf(RELAY_V4.address));
  t.equal((await client.permit(PEER)).code, 403);
});
