import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { setPatience } from '../lab/keep-on-failure.js';
import { PATIENCE_MS, type RelayPlan, World } from './world.js';
import {
  type Connections,
  connectAll,
  type Forwarded,
  grown,
  talk,
  WiredRelay,
  xdpSkipReason,
} from './xdp-relays.js';

const CONNECTIONS = 8;
const MESSAGES = 50;

/** The sockets forward until the next hop is resolved, which takes milliseconds. */
const WARM_UP_ROUNDS_MAX = 100;

/** Longer than the interval in which the relay reads XDP's counters, on a busy machine too. */
const COUNTED_MS = 1_000;

/** Looks at the counters before they are taken to be wrong. */
const COUNTED_LOOKS_MAX = 10;

const RELAYS: readonly RelayPlan[] = [
  { id: 'relay-a', region: 'west', families: [4], trunkFamilies: [] },
  { id: 'relay-b', region: 'east', families: [4], trunkFamilies: [] },
];

const BOTH_DEVICES = ['eth0', 'wire0'];

setPatience(t, PATIENCE_MS);

/** Returns a relay's packets if every connection sends this many messages each way. */
function each(messages: number): Forwarded {
  return { toTrunk: CONNECTIONS * messages, toClient: CONNECTIONS * messages };
}

const NONE = each(0);

/** Sends messages until all go by XDP at these relays. */
async function warmUp(connections: Connections, relays: readonly WiredRelay[]): Promise<void> {
  let taken: Forwarded[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS_MAX; round++) {
    const before = await Promise.all(relays.map((relay) => relay.byXdp()));
    await talk(connections, 1);
    const after = await Promise.all(relays.map((relay) => relay.byXdp()));
    taken = after.map((counts, index) => grown(before[index] ?? NONE, counts));
    if (taken.every((counts) => same(counts, each(1)))) return;
    await sleep(20);
  }
  throw new Error(`packets do not go by XDP: of ${CONNECTIONS}, ${JSON.stringify(taken)}`);
}

function same(a: Forwarded, b: Forwarded): boolean {
  return a.toTrunk === b.toTrunk && a.toClient === b.toClient;
}

/** Sends messages, and checks what arrived and whether it went by XDP. */
async function check(
  t: Test,
  connections: Connections,
  relays: readonly WiredRelay[],
  byXdp: readonly Forwarded[],
): Promise<void> {
  const look = async () => ({
    byXdp: await Promise.all(relays.map((relay) => relay.byXdp())),
    counted: await Promise.all(relays.map((relay) => relay.counted())),
  });
  await sleep(COUNTED_MS);
  const before = await look();
  const { said, heard } = await talk(connections, MESSAGES);
  t.same(heard, said, 'all arrived, intact and in order');
  let after = before;
  const since = (what: 'byXdp' | 'counted', index: number) =>
    grown(before[what][index] ?? NONE, after[what][index] ?? NONE);
  for (let looks = 0; looks < COUNTED_LOOKS_MAX; looks++) {
    await sleep(COUNTED_MS);
    after = await look();
    if (relays.every((_, index) => same(since('counted', index), each(MESSAGES)))) break;
  }
  for (const [index, { id }] of relays.entries()) {
    t.same(since('byXdp', index), byXdp[index], `${id}: packets by XDP`);
    t.same(since('counted', index), each(MESSAGES), `${id}: packets by its counters`);
  }
}

t.test('relays that forward by XDP', { skip: xdpSkipReason() }, async (t) => {
  const world = await World.create(t, RELAYS);
  const relayHosts = [world.relayHost('relay-a'), world.relayHost('relay-b')] as const;
  const hosts = [
    world.hostBehindNat('a', 'port-restricted', [4]),
    world.hostBehindNat('b', 'symmetric', [4]),
  ] as const;
  const wire = world.lab.wire(...relayHosts);
  const relays = [
    new WiredRelay(world, 'relay-a', wire.addresses[0]),
    new WiredRelay(world, 'relay-b', wire.addresses[1]),
  ] as const;
  for (const relay of relays) relay.setUp('xdp');
  await world.lab.up();
  await world.lab.prepareForXdp();
  await world.start();
  const [a, b] = await world.peersIn(hosts);

  t.test('carry data both ways', async (t) => {
    for (const relay of relays) t.same(await relay.attached(), BOTH_DEVICES);
    const connections = await connectAll([a, b], CONNECTIONS);
    await warmUp(connections, relays);
    await check(t, connections, relays, [each(MESSAGES), each(MESSAGES)]);

    await world.kill('relay-a');
    t.same(await relays[0].attached(), [], 'no program stays attached after the relay is killed');
    t.same(await relays[1].attached(), BOTH_DEVICES);
    await world.startRelay('relay-a');
    for (const { closed } of connections.b) {
      t.match(await closed, { code: 'ERR_TURNPIKE_CLOSED', stunCode: 447 });
    }
  });

  t.test('forward by XDP again after a restart', async (t) => {
    t.same(await relays[0].attached(), BOTH_DEVICES);
    await a.untilServing(['relay-a', 'relay-b']);
    const connections = await connectAll([a, b], CONNECTIONS);
    await warmUp(connections, relays);
    await check(t, connections, relays, [each(MESSAGES), each(MESSAGES)]);
    await Promise.all([a.close(connections.a), b.close(connections.b)]);
  });

  t.test('carry data also if the other relay has no XDP', async (t) => {
    await world.kill('relay-b');
    relays[1].setUp('sockets');
    await world.startRelay('relay-b');
    t.same(await relays[1].attached(), []);
    await a.untilServing(['relay-a', 'relay-b']);
    const connections = await connectAll([a, b], CONNECTIONS);
    await warmUp(connections, [relays[0]]);
    // XDP leaves datagrams with several records to the sockets, so none of them has arrived.
    await check(t, connections, relays, [each(MESSAGES), NONE]);
  });
});
