import t from 'tap';
import type { LabHost } from '../../src/lab/index.js';
import { run } from '../../src/lab/tools.js';
import { delaySkipReason, roundTrip } from '../lab/delays.js';
import { setPatience } from '../lab/keep-on-failure.js';
import { outputOf } from '../lab/output-of.js';
import { until } from '../until.js';
import {
  explained,
  explainedText,
  type RegionRoundTrip,
  STRANGERS,
  untilEstimated,
} from './explanations.js';
import { joinBoth } from './peer-agent.js';
import { PATIENCE_MS, skipReason, TURNPIKE, World } from './world.js';

setPatience(t, PATIENCE_MS);

const REGIONS = ['west', 'east', 'south'];
const RELAYS = REGIONS.map((region) => ({ id: region, region }));
const TRUNK_MS = 40;
const TRUNKS: readonly RegionRoundTrip[] = [
  ['west', 'east', TRUNK_MS],
  ['west', 'south', TRUNK_MS],
  ['east', 'south', TRUNK_MS],
];
/** Relays of a busy machine add to that. */
const TRUNK_TOLERANCE = 0.6;
/**
 * Round trips to the relays, ms. The nearest one is another for each peer. A round of pings ends
 * before answers that take three times as long as the first.
 */
const LEGS = [
  { west: 60, east: 140, south: 150 },
  { west: 150, east: 140, south: 60 },
] as const;
const SKIP = { skip: skipReason() || delaySkipReason() };

/** A ping is a Binding request, of which the first two bytes are 1. */
const NO_PINGS = `table inet firewall {
  chain leaving {
    type filter hook output priority 0; policy accept;
    meta l4proto udp @th,64,16 0x0001 drop
  }
}
`;

/** Starts a world with delays, and with the peers `a` and `b`. */
async function measuredWorld(t: Parameters<typeof World.create>[0]) {
  const world = await World.create(t, RELAYS);
  const hosts = [
    world.lab.host('a', { families: [4] }),
    world.lab.host('b', { families: [4] }),
  ] as const;
  await world.lab.up();
  const delays = await world.lab.delays();
  const relay = (region: string) => [world.relayHost(region)];
  await delays.set([
    ...TRUNKS.flatMap(([a, b, rttMs]) => roundTrip(relay(a), relay(b), rttMs)),
    ...hosts.flatMap((host, i) =>
      Object.entries(LEGS[i as 0 | 1]).flatMap(([region, rttMs]) =>
        roundTrip([host], relay(region), rttMs),
      ),
    ),
  ]);
  return { world, hosts };
}

/**
 * Lets two peers join until each has told its latencies to all regions: on a busy machine answers
 * may come too late.
 */
async function joinedWithAll(world: World, hosts: readonly [LabHost, LabHost]) {
  for (let attempt = 0; ; attempt++) {
    // Of new processes, since a process keeps what it has measured.
    const agents = await world.peersIn(hosts);
    const pair = await joinBoth(`attempt-${attempt}`, agents, [{}, {}]);
    const { connectionId } = pair[0];
    const explanation = await explained(world, [connectionId]);
    const told = explanation.asked.map(({ hints }) => Object.keys(latenciesIn(hints)));
    const relayIds = pair.map(({ relayId }) => relayId);
    if (told.every(({ length }) => length === REGIONS.length)) {
      return { connectionId, relayIds, explanation };
    }
    await Promise.all(agents.map((agent, i) => agent.close([pair[i as 0 | 1]])));
  }
}

function latenciesIn(hints: object): Readonly<Record<string, number>> {
  return (hints as { latencies?: Record<string, number> }).latencies ?? {};
}

/** A table of numbers, by its header, from the text of an explanation. */
function tableOf(text: string, firstColumn: string): Record<string, string>[] {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => line.trimStart().startsWith(firstColumn));
  const cells = (line: string) => line.trim().split(/ {2,}/);
  const header = cells(lines[at] ?? '');
  const rows: Record<string, string>[] = [];
  for (const line of lines.slice(at + 1)) {
    if (line.trim() === '' || !line.startsWith(' ')) break;
    const row = cells(line.replace(/^ *>/, ''));
    rows.push(Object.fromEntries(header.map((name, column) => [name, row[column] ?? ''])));
  }
  return rows;
}

/** Returns the sum of a row's columns, in hundredths. */
function sumOf(row: Record<string, string>, columns: readonly string[]): number {
  return columns.reduce((sum, column) => sum + Math.round(Number(row[column]) * 100), 0);
}

async function pings(world: World, host: LabHost, args: readonly string[]): Promise<string> {
  const { code, output } = await outputOf(world.lab, host, [
    ...[process.execPath, TURNPIKE, 'ping', ...args],
    ...['--directory', world.accessFrom(host).directoryUrl],
    ...['--api-key-file', world.secretFile('api')],
  ]);
  if (code !== 0) throw new Error(`turnpike ping ended with ${code}: ${output}`);
  return output;
}

t.test('joining peers get the relays that are near by what they measured', SKIP, async (t) => {
  const { world, hosts } = await measuredWorld(t);
  await world.start();
  await untilEstimated(world, TRUNKS, TRUNK_TOLERANCE);
  const { peers } = await explained(world, STRANGERS);
  t.notOk(peers[0].isPlaced, 'without measurements all relays are alike');

  const { connectionId, relayIds, explanation } = await joinedWithAll(world, hosts);
  t.same(relayIds, ['west', 'south'], `the near ones, ${explanation.choice}`);
  for (const [i, { candidates }] of explanation.peers.entries()) {
    for (const { region, leg } of candidates) {
      // The one who has joined first is the first.
      const legs = explanation.relays?.[i] === 'west' ? LEGS[0] : LEGS[1];
      const rttMs = legs[region as 'west'];
      if (leg.origin === 'own') t.ok(leg.rttMs >= rttMs, `${region} is not nearer than it is`);
    }
  }

  const text = await explainedText(world, [connectionId]);
  const pairs = tableOf(text, 'peer 0  peer 1');
  t.equal(pairs.length, 9, text);
  const trunks = tableOf(text, 'between');
  const terms = ['leg 0', 'load 0', 'price 0', 'trunk', 'leg 1', 'load 1', 'price 1', 'shared'];
  for (const row of pairs) {
    t.equal(sumOf(row, terms), sumOf(row, ['total']), 'a pair adds up');
    const [from = '', to = ''] = [row['peer 0'], row['peer 1']];
    if (from === to) continue;
    const names = [`${from} to ${to}`, `${from} – ${to}`, `${to} – ${from}`];
    const trunk = trunks.find(({ between = '' }) => names.includes(between)) ?? {};
    t.equal(trunk.trunk, row.trunk, 'the trunk of a pair is in the table of trunks');
    t.equal(sumOf(trunk, ['rtt', 'uncertainty', 'jitter', 'loss']), sumOf(trunk, ['trunk']));
    const share = Number(trunk.rtt) / TRUNK_MS;
    t.ok(share >= 1 && share <= 1 + TRUNK_TOLERANCE, `${from} to ${to}: ${trunk.rtt} ms`);
  }

  const wanted = Object.entries(LEGS[0]);
  await until('turnpike ping shows the delays', async () => {
    const { latencies } = JSON.parse(await pings(world, hosts[0], ['--json']));
    for (const [region, rttMs] of wanted) t.ok(latencies[region] >= rttMs, `${region}`);
    return wanted.every(([region, rttMs]) => latencies[region] <= rttMs + 5);
  });
  const table = await pings(world, hosts[0], []);
  const order = table.split('\n').slice(1, 4);
  t.same(
    order.map((line) => line.split(' ')[0]),
    ['west', 'east', 'south'],
    `the nearest first: ${table}`,
  );
});

t.test('a peer whose pings are dropped joins all the same', SKIP, async (t) => {
  const { world, hosts } = await measuredWorld(t);
  await world.start();
  const agents = await world.peersIn(hosts);
  const [host] = hosts;
  await run(['ip', 'netns', 'exec', host.namespace, 'nft', '-f', '-'], NO_PINGS);
  await t.rejects(pings(world, host, ['--count', '1']), /none of 3 addresses answered/);
  const since = performance.now();
  const [a] = await joinBoth('firewalled', agents, [{}, {}]);
  t.comment(`joined after ${Math.round(performance.now() - since)} ms`);
  const { asked } = await explained(world, [a.connectionId]);
  const told = asked.map(({ hints }) => Object.keys(latenciesIn(hints)).length);
  t.equal(Math.min(...told), 0, 'without latencies');
});
