import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import type { PeerRules } from '../../src/turn/index.js';
import { TURN_LIMITS } from '../../src/turn/turn-limits.js';
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

/** Permissions of each of the clients below. */
const PEERS = Array.from({ length: 50 }, (_, index) => ({
  address: `198.51.100.${index + 1}`,
  port: 1,
}));
const CLIENTS = Math.ceil((3 * TURN_LIMITS.judgedAtOnce) / PEERS.length);

/** Clients with more permissions than are judged in one go. */
async function crowd() {
  const world = new TurnWorld({
    policy: WITHOUT_RELAYS,
    limits: { allocationsMax: 100, userQuota: 100, permissionsMax: 100, channelsMax: 10 },
  });
  const clients = Array.from({ length: CLIENTS }, (_, index) => {
    return new TurnClient(world, { port: 5_000 + index });
  });
  for (const client of clients) {
    await client.allocate();
    await client.permit(...PEERS);
  }
  return { world, clients };
}

t.test('requests are answered, by the new policy, while many permissions are judged', async (t) => {
  const { world, clients } = await crowd();
  const { turn, plane } = world;
  turn.setPolicy({ check: () => 'denied' });
  let left = plane.peerFlows.size;
  t.ok(left > 0 && left < CLIENTS * PEERS.length, `${left} are left`);
  for (let more = true, turns = 0; more; turns += 1) {
    const client = clients[turns % CLIENTS] as TurnClient;
    t.equal((await client.refresh()).messageClass, 'success');
    t.equal((await client.permit(PEER)).code, 403);
    more = turn.tick();
    const ended = left - plane.peerFlows.size;
    t.ok(ended <= TURN_LIMITS.judgedAtOnce + PEERS.length, `${ended} in one go`);
    left = plane.peerFlows.size;
  }
  t.equal(left, 0);
  t.equal(turn.allocations, CLIENTS);
});

t.test('a change replaces one that is still being applied', async (t) => {
  const { world } = await crowd();
  const { turn, plane } = world;
  turn.setPolicy({ check: () => 'denied' });
  const { size } = plane.peerFlows;
  turn.setPolicy(WITHOUT_RELAYS);
  while (turn.tick());
  t.equal(plane.peerFlows.size, size);
});

t.test('what ends and begins while others are judged is by the new policy', async (t) => {
  const { world, clients } = await crowd();
  const { turn, plane } = world;
  turn.setPolicy(withRelay(PEER.address));
  const [first] = clients as [TurnClient];
  await first.refresh(0);
  await first.allocate();
  await first.permit(...PEERS);
  while (turn.tick());
  const ofRelay = [...plane.peerFlows].filter(([key]) => key.includes(` ${PEER.address}:`));
  t.equal(ofRelay.length, CLIENTS);
  for (const [, { action }] of ofRelay) t.same(action.ports, PORTS);
  t.equal(plane.peerFlows.size, CLIENTS * PEERS.length);
});

t.test(
  'a data plane that is busy for many permissions gets a part of them at each try',
  async (t) => {
    const { world } = await crowd();
    const { turn, plane } = world;
    plane.putErrors.set('peer', 'ERR_TURNPIKE_QUEUE_FULL');
    turn.setPolicy({ check: () => 'allowed', portsOf: () => PORTS });
    while (turn.tick());
    const put = plane.putPeerFlow.bind(plane);
    let puts = 0;
    plane.putPeerFlow = (...args) => {
      puts += 1;
      put(...args);
    };
    t.notOk(turn.tick(), 'it is not tried again at once');
    t.equal(puts, TURN_LIMITS.judgedAtOnce);
    plane.putErrors.clear();
    t.ok(turn.tick());
    t.equal(puts, 2 * TURN_LIMITS.judgedAtOnce);
    while (turn.tick());
    t.equal(puts, TURN_LIMITS.judgedAtOnce + CLIENTS * PEERS.length, 'each once');
    const ports = [...plane.peerFlows.values()].map(({ action }) => action.ports);
    t.ok(ports.every((each) => each?.min === PORTS.min && each.max === PORTS.max));
  },
);
