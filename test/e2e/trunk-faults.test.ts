import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { run } from '../../src/lab/tools.js';
import { setPatience } from '../lab/keep-on-failure.js';
import type { PeerAgent } from './peer-agent.js';
import { PATIENCE_MS, RELAY_HTTP, type RelayPlan, readUrl, skipReason, World } from './world.js';

setPatience(t, PATIENCE_MS);

const REGIONS = ['west', 'east', 'south', 'shut', 'nat'] as const;
type Region = (typeof REGIONS)[number];
const idOf = (region: Region) => `relay-${region}`;
const RELAYS: readonly RelayPlan[] = REGIONS.map((region) => ({
  id: idOf(region),
  region,
  families: [4],
}));
const PAIRS = REGIONS.flatMap((a, index) => REGIONS.slice(index + 1).map((b) => [a, b] as const));

/** Returns the pairs of relays that peers with hints of their regions get. */
async function pairsGiven(agent: PeerAgent, among: typeof PAIRS): Promise<string[]> {
  const given: string[] = [];
  for (const [a, b] of among) {
    const [offer] = await agent.create(1, [{ region: a }, { region: b }]);
    const ids = offer?.map(({ relay }) => relay.id).join(' ');
    if (ids === `${idOf(a)} ${idOf(b)}`) given.push(`${a},${b}`);
  }
  return given;
}

async function untilGiven(agent: PeerAgent, pairs: readonly string[], among = PAIRS) {
  while ((await pairsGiven(agent, among)).join() !== pairs.join()) await delay(250);
}

/** Returns a relay's log lines of an event about another relay. */
function said(world: World, by: Region, event: string, of: Region) {
  return world.logOf(idOf(by)).filter((line) => line.event === event && line.relay === idOf(of));
}

/** Waits until a relay has logged an event about each of the others, and checks it is once each. */
async function untilSaid(t: Test, world: World, by: Region, event: string, of: readonly Region[]) {
  const ids = of.map(idOf).sort();
  const lines = () => of.flatMap((other) => said(world, by, event, other));
  while (new Set(lines().map(({ relay }) => relay)).size < ids.length) await delay(100);
  t.same(
    lines()
      .map(({ relay }) => relay)
      .sort(),
    ids,
    `${event}, once by ${by}`,
  );
}

/** Returns a relay's `turnpike_relay_trunk_reachable` by the region of the other relay. */
async function reachable(world: World, region: Region): Promise<Record<string, number>> {
  const argv = readUrl(`http://${RELAY_HTTP}/metrics`);
  const { child } = world.lab.spawn(world.relayHost(idOf(region)), argv);
  if (child.stdout === null) throw new Error('no output');
  const rows = (await text(child.stdout)).matchAll(
    /^turnpike_relay_trunk_reachable\{relay="relay-(\w+)"\} (\d)$/gm,
  );
  return Object.fromEntries([...rows].map(([, other = '', value]) => [other, Number(value)]));
}

async function nft(world: World, region: Region, rules: string): Promise<void> {
  const { namespace } = world.relayHost(idOf(region));
  await run(['ip', 'netns', 'exec', namespace, 'nft', '-f', '-'], rules);
}

t.test(
  'trunk faults affect exactly their pairs, are logged by both sides, and end',
  { skip: skipReason() },
  async (t) => {
    const world = await World.create(t, RELAYS);
    const host = world.lab.host('peer');
    await world.lab.up();
    const openShut = await world.dropUdp(world.relayHost('relay-shut'), 3480);
    const east = world.relayHost('relay-east').addresses[4];
    await nft(
      world,
      'west',
      `table ip oneway {
  chain arriving {
    type filter hook input priority -300
    ip saddr ${east} meta l4proto udp drop
  }
}
`,
    );
    await nft(
      world,
      'nat',
      `table ip ports {
  chain leaving {
    type nat hook postrouting priority 100
    udp dport 3480 masquerade fully-random
  }
}
`,
    );
    // The NAT's mappings are then made by what this relay sends, not by what it receives.
    const openNat = await world.dropUdp(world.relayHost('relay-nat'), 3480);
    await world.startDirectory();
    await Promise.all(RELAYS.map(({ id }) => world.startRelay(id)));
    const agent = (await world.peersIn([host] as const))[0];

    for (const region of ['west', 'east', 'south'] as const) {
      await untilSaid(t, world, region, 'relay-source-unlisted', ['nat']);
    }
    await openNat();
    await untilGiven(agent, ['west,south', 'east,south']);
    const lost: [Region, Region[]][] = [
      ['west', ['east', 'shut', 'nat']],
      ['east', ['west', 'shut', 'nat']],
      ['south', ['shut', 'nat']],
      ['shut', ['west', 'east', 'south', 'nat']],
      ['nat', ['west', 'east', 'south', 'shut']],
    ];
    for (const [region, others] of lost) {
      await untilSaid(t, world, region, 'relay-unreachable', others);
    }
    t.same(await reachable(world, 'south'), { west: 1, east: 1, shut: 0, nat: 0 });
    const reason = (by: Region, of: Region) => said(world, by, 'relay-unreachable', of)[0]?.reason;
    t.equal(reason('south', 'shut'), 'no-answer');
    t.equal(reason('south', 'nat'), 'unlisted-source');
    t.equal(reason('west', 'east'), 'no-answer', 'its probes arrive, the answers do not');
    t.equal(reason('east', 'west'), 'no-answer', 'its probes do not arrive');

    await openShut();
    await nft(world, 'west', 'delete table ip oneway\n');
    const healed: Region[] = ['west', 'east', 'south', 'shut'];
    // Whether a pair with relay-nat works depends on which mapping the NAT still has.
    const others = PAIRS.filter((pair) => pair.every((each) => healed.includes(each)));
    await untilGiven(agent, others.map(String), others);
    await untilSaid(t, world, 'west', 'relay-reachable', ['east', 'shut']);
    await untilSaid(t, world, 'east', 'relay-reachable', ['west', 'shut']);
    await untilSaid(t, world, 'shut', 'relay-reachable', ['west', 'east', 'south']);
  },
);
