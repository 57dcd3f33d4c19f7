import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import type { MessageWriter } from '../../src/stun/writer.js';
import type { ClientDescription } from '../../src/turn/turn-options.js';
import { family, PEER, TurnClient, TurnWorld } from './world/index.js';

const { Icmp, XorPeerAddress, AdditionalAddressFamily } = AttributeType;
const PEER_V6 = { address: '2001:db8:9::1', port: 7 };

async function scene(options: ConstructorParameters<typeof TurnWorld>[0] = {}) {
  const world = new TurnWorld(options);
  const client = new TurnClient(world);
  await client.allocate(family(AdditionalAddressFamily, 2));
  const [handle4, handle6] = [...world.plane.endpoints.keys()];
  const error = (icmpType: number, icmpCode: number, icmpInfo = 0, remote = PEER) => {
    const handle = remote.address.includes(':') ? handle6 : handle4;
    if (handle === undefined) throw new Error('no endpoint');
    world.turn.event({ type: 'icmp-error', handle, remote, icmpType, icmpCode, icmpInfo });
    return world.takeFor(client.address);
  };
  return { world, client, error };
}

t.test('a client with a permission is told an ICMP error', async (t) => {
  const { world, client, error } = await scene();
  t.same(error(3, 3), [], 'not without a permission');
  await client.permit(PEER);
  const [told] = error(3, 3);
  t.equal(told?.messageClass, 'indication');
  t.equal(told?.method, Method.Data);
  t.same(told?.address(XorPeerAddress), PEER);
  t.same([...(told?.get(Icmp) ?? [])], [0, 0, 3 << 1, 3, 0, 0, 0, 0]);
  t.notOk(told?.has(AttributeType.Data));
  t.equal(told?.attributes.length, 2);
  const [another] = error(3, 3);
  t.not(
    Buffer.from(another?.transactionId ?? []).toString('hex'),
    Buffer.from(told?.transactionId ?? []).toString('hex'),
  );
  t.equal(world.turn.stats.icmp_errors, 2);
  await world.pass(301);
  t.same(error(3, 3), [], 'not after the permission');
});

t.test('a channel to the peer is a permission', async (t) => {
  const { world, client, error } = await scene();
  await client.bind(0x4000, PEER);
  await world.pass(400);
  t.equal(error(3, 3).length, 1);
  t.same(error(3, 3, 0, { ...PEER, port: 9 }), [], 'for its transport address alone');
  await world.pass(190);
  await client.refresh(600);
  await world.pass(12);
  t.same(error(3, 3), [], 'not while it rests');
});

t.test('only the types of RFC 8656 are told, with the path MTU where there is one', async (t) => {
  const { client, error } = await scene();
  await client.permit(PEER, PEER_V6);
  const mtuOf = (told: ReturnType<typeof error>) =>
    told[0] && Buffer.from(told[0].get(Icmp) ?? []).readUInt32BE(4);
  t.equal(mtuOf(error(3, 4, 1_280)), 1_280);
  t.equal(mtuOf(error(3, 1, 1_280)), 0, 'no MTU in another error');
  t.equal(mtuOf(error(11, 0)), 0);
  for (const type of [0, 4, 5, 8, 12]) t.same(error(type, 0), [], `IPv4 type ${type}`);
  t.equal(mtuOf(error(2, 0, 1_300, PEER_V6)), 1_300);
  for (const type of [1, 3]) t.equal(mtuOf(error(type, 0, 9, PEER_V6)), 0);
  for (const type of [0, 4, 11, 128]) t.same(error(type, 0, 0, PEER_V6), [], `IPv6 type ${type}`);
});

t.test('an error at a socket of another usage is ignored', async (t) => {
  const { world, client } = await scene();
  await client.permit(PEER);
  const { handle } = client.tuple;
  world.turn.event({
    type: 'icmp-error',
    handle,
    remote: PEER,
    icmpType: 3,
    icmpCode: 3,
    icmpInfo: 0,
  });
  t.same(world.takeFor(client.address), []);
});

t.test('clients that break on it are told nothing', async (t) => {
  const asked: ClientDescription[] = [];
  const tellsIcmpErrors = (client: ClientDescription) => {
    asked.push(client);
    return client.software !== 'fragile';
  };
  const world = new TurnWorld({ tellsIcmpErrors });
  const told = async (port: number, software: string) => {
    const client = new TurnClient(world, { port });
    await client.allocate((writer) => {
      writer.text(AttributeType.Software, software);
      if (port === 1) writer.bytes(AttributeType.DontFragment, new Uint8Array(0));
    });
    await client.permit(PEER);
    const handle = [...world.plane.endpoints.keys()].at(-1);
    if (handle === undefined) throw new Error('no endpoint');
    const about = { icmpType: 3, icmpCode: 3, icmpInfo: 0 };
    world.turn.event({ type: 'icmp-error', handle, remote: PEER, ...about });
    return world.takeFor(client.address).length;
  };
  t.equal(await told(1, 'robust'), 1);
  t.equal(await told(2, 'fragile'), 0);
  t.same(asked, [
    { software: 'robust', dontFragment: true, isOfRfc8656: false },
    { software: 'fragile', dontFragment: false, isOfRfc8656: false },
  ]);
});

t.test('a client that shows nothing of RFC 8656 is told nothing unless it asks', async (t) => {
  const told = async (content: (writer: MessageWriter) => void, kind: 'sha1' | 'sha256') => {
    const world = new TurnWorld();
    const client = new TurnClient(world);
    await client.allocate(content, { kind });
    await client.permit(PEER);
    const { onlyEndpoint: handle } = world;
    const about = { icmpType: 3, icmpCode: 3, icmpInfo: 0 };
    world.turn.event({ type: 'icmp-error', handle, remote: PEER, ...about });
    return world.takeFor(client.address).length;
  };
  const nothing = () => {};
  const software = (writer: MessageWriter) => void writer.text(AttributeType.Software, 'pion');
  const whole = (writer: MessageWriter) =>
    void writer.bytes(AttributeType.DontFragment, new Uint8Array(0));
  t.equal(await told(nothing, 'sha1'), 0, "as pion's, which would stop to receive");
  t.equal(await told(software, 'sha1'), 0);
  t.equal(await told(whole, 'sha1'), 1);
  t.equal(await told(nothing, 'sha256'), 1);
});
