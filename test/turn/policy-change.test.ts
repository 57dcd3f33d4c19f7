import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import type { PeerRules } from '../../src/turn/index.js';
import { family, PEER, peerKey, RELAY_V4, TurnClient, TurnWorld } from './world/index.js';

const PORTS = { min: 50_000, max: 50_999 };
const OTHER = { address: '198.51.100.8', port: 1 };
/** An address of NAT64 that embeds the one of `PEER`. */
const EMBEDDING = { address: '64:ff9b::c633:6407', port: 4_000 };

/** Rules as they are when a relay has registered an IP address: its services are refused. */
function withRelay(ip: string): PeerRules {
  return { check: () => 'allowed', portsOf: (address) => (address === ip ? PORTS : undefined) };
}
const WITHOUT_RELAYS: PeerRules = { check: () => 'allowed' };

/** A client with an allocation, and the puts of entries of peers since. */
async function scene(of: 4 | 6 = 4) {
  const world = new TurnWorld({ policy: WITHOUT_RELAYS });
  const client = new TurnClient(world);
  await client.allocate(family(AttributeType.RequestedAddressFamily, of === 4 ? 1 : 2));
  const { plane } = world;
  const relayed = world.onlyEndpoint;
  const put = plane.putPeerFlow.bind(plane);
  const puts: string[] = [];
  plane.putPeerFlow = (flow, action, seconds) => {
    puts.push(flow.peer.address);
    put(flow, action, seconds);
  };
  const flowOf = (address: string) =>
    plane.peerFlows.get(peerKey({ relayed, peer: { address, port: 0 } }));
  return { world, client, plane, flowOf, puts };
}

t.test('only permissions whose ports have changed are put again', async (t) => {
  const { world, client, flowOf, puts } = await scene();
  await client.permit(PEER, OTHER, { address: RELAY_V4.address, port: 1 });
  await world.pass(100);
  puts.splice(0);
  world.turn.setPolicy(withRelay(PEER.address));
  t.same(puts, [PEER.address]);
  t.match(
    flowOf(PEER.address),
    { action: { ports: PORTS }, seconds: 200 },
    'the time that is left',
  );
  world.turn.setPolicy(withRelay(PEER.address));
  t.same(puts, [PEER.address], 'nothing has changed');
  world.turn.setPolicy(WITHOUT_RELAYS);
  t.same(puts, [PEER.address, PEER.address]);
  t.notOk(flowOf(PEER.address)?.action.ports, 'the relay has left');
});

t.test('what a busy data plane did not take is put later', async (t) => {
  const { world, client, plane, flowOf, puts } = await scene();
  await client.permit(PEER, OTHER);
  plane.putErrors.set('peer', 'ERR_TURNPIKE_QUEUE_FULL');
  world.turn.setPolicy(withRelay(PEER.address));
  world.turn.tick();
  t.notOk(flowOf(PEER.address)?.action.ports);
  plane.putErrors.clear();
  world.turn.tick();
  t.same(flowOf(PEER.address)?.action.ports, PORTS);
  puts.splice(0);
  world.turn.tick();
  t.same(puts, []);
});

t.test('what ended while the data plane was busy stays away', async (t) => {
  const { world, client, plane, flowOf } = await scene();
  await client.permit(PEER);
  plane.putErrors.set('peer', 'ERR_TURNPIKE_QUEUE_FULL');
  world.turn.setPolicy(withRelay(PEER.address));
  await world.pass(301);
  plane.putErrors.clear();
  world.turn.tick();
  t.notOk(flowOf(PEER.address));
});

t.test('a permission whose ports the data plane cannot take ends', async (t) => {
  const { world, client, plane, flowOf } = await scene();
  await client.permit(PEER);
  plane.putErrors.set('peer', 'ERR_TURNPIKE_LIMIT');
  world.turn.setPolicy(withRelay(PEER.address));
  t.notOk(flowOf(PEER.address));
});

t.test('IPv6 addresses that embed the IPv4 address of a new relay are refused', async (t) => {
  const { world, client, plane, flowOf } = await scene(6);
  t.equal((await client.bind(0x4000, EMBEDDING)).messageClass, 'success');
  world.turn.setPolicy(withRelay(OTHER.address));
  t.ok(flowOf(EMBEDDING.address), 'another relay');
  world.turn.setPolicy(withRelay(PEER.address));
  t.notOk(flowOf(EMBEDDING.address));
  t.equal(plane.clientFlows.size + plane.peerFlows.size, 0, 'the channel has ended, too');
  t.equal((await client.permit(EMBEDDING)).code, 403);
});
