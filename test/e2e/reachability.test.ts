import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { PeerHints } from '../../src/client/index.js';
import { setPatience } from '../lab/keep-on-failure.js';
import type { PeerAgent } from './peer-agent.js';
import { PATIENCE_MS, type RelayPlan, skipReason, World } from './world.js';

setPatience(t, PATIENCE_MS);

const RELAYS: readonly RelayPlan[] = ['west', 'east', 'south'].map((region) => ({
  id: `relay-${region}`,
  region,
}));
const IDS = RELAYS.map(({ id }) => id);
const SHUT = 'relay-west';
/** Connections created at once: so many that each available relay is in one of them. */
const ASKED = 24;

/** Creates connections. @returns the service addresses in their grants, by relay */
async function given(agent: PeerAgent, hints: PeerHints = {}): Promise<Map<string, Set<string>>> {
  const offers = await agent.create(ASKED, [hints, hints]);
  const found = new Map<string, Set<string>>();
  for (const { relay } of offers.flat()) {
    const addresses = found.get(relay.id) ?? new Set();
    found.set(relay.id, addresses.add(relay.address));
  }
  return found;
}

/** Waits until new connections use exactly these relays. */
async function untilGiven(agent: PeerAgent, ids: readonly string[], hints?: PeerHints) {
  while ([...(await given(agent, hints)).keys()].sort().join() !== [...ids].sort().join()) {
    await sleep(250);
  }
}

/** Returns a relay's `reachability` in `GET /v1/relays`, requested from the agent's host. */
async function shown(world: World, agent: PeerAgent, id: string) {
  const { directoryUrl, apiKey } = world.accessFrom(agent.host);
  const script =
    'const [url, key] = process.argv.slice(1);' +
    'const headers = { authorization: "Bearer " + key };' +
    'const answer = await fetch(url + "/v1/relays", { headers });' +
    'console.log(await answer.text());';
  const argv = [process.execPath, '--input-type=module', '-e', script, directoryUrl, apiKey];
  const { child } = world.lab.spawn(agent.host, argv);
  if (child.stdout === null) throw new Error('no output');
  const { relays } = JSON.parse(await text(child.stdout));
  return relays.find((relay: { id: string }) => relay.id === id).reachability;
}

/**
 * Waits until the directory's log, which is behind its answers, has this many of an event.
 * @param about - text in the message
 */
async function logged(world: World, event: string, count: number, about = ''): Promise<string[]> {
  for (;;) {
    const lines = world.logOf('directory').filter((line) => line.event === event);
    const messages = lines.map(({ msg = '' }) => msg).filter((text) => text.includes(about));
    if (messages.length >= count) return messages;
    await sleep(100);
  }
}

type Shown = { cutOff?: boolean; verdict: string; trunk?: { unreachedBy: number } };

/** Returns whether it is known that no relay reaches this one, and that it reaches none. */
function isCutOff({ cutOff, verdict, trunk }: Shown): boolean {
  return cutOff === true && verdict === 'unreachable' && trunk?.unreachedBy === 2;
}

t.test('relays that do not answer are not chosen', { skip: skipReason() }, async (t) => {
  const world = await World.create(t, RELAYS);
  const host = world.lab.host('peer');
  await world.start();
  const [agent] = await world.peersIn([host] as const);
  const west = world.relayHost(SHUT);
  await untilGiven(agent, IDS);

  t.test('a relay with UDP 3478 closed is not chosen', async (t) => {
    const open = await world.dropUdp(west, 3478);
    await untilGiven(agent, ['relay-east', 'relay-south']);
    // The report of one checker makes it suspected, that of both unreachable.
    while ((await shown(world, agent, SHUT)).verdict !== 'unreachable') await sleep(250);
    t.match(await shown(world, agent, SHUT), { service: [{}, {}] });
    t.notOk(
      (await given(agent, { region: 'west' })).has(SHUT),
      'not even with a hint of its region',
    );
    const lines = await logged(world, 'relay-unreachable', 2);
    t.equal(lines.length, 2, 'one line for each of its addresses');
    t.match(lines[0], /^relay-west: UDP 3478 .* answers none of its 2 checkers .* is it open\?$/);
    await open();
    await untilGiven(agent, IDS);
    await logged(world, 'relay-reachable', 2);
    t.notMatch(await shown(world, agent, SHUT), { verdict: 'unreachable' });
  });

  t.test('a relay with UDP 3478 closed in IPv4 is chosen with its IPv6 address', async (t) => {
    const open = await world.dropUdp(west, 3478, 4);
    await untilGiven(agent, ['relay-east', 'relay-south'], { families: [4] });
    await untilGiven(agent, IDS, { families: [6] });
    t.match(await shown(world, agent, SHUT), { verdict: 'partial', service: [{}] });
    const both = (await given(agent, { families: [4, 6] })).get(SHUT);
    t.same(
      [...(both ?? [])].filter((address) => !address.includes(':')),
      [],
    );
    await open();
    await untilGiven(agent, IDS, { families: [4] });
  });

  t.test('a relay with UDP 3480 closed is not chosen', async (t) => {
    const open = await world.dropUdp(west, 3480);
    await untilGiven(agent, ['relay-east', 'relay-south']);
    // It reports that it reaches no relay; the others report that they do not reach it.
    const known = { verdict: 'unreachable', trunk: { verdict: 'unreachable', unreachedBy: 2 } };
    while (!isCutOff(await shown(world, agent, SHUT))) await sleep(250);
    t.match(await shown(world, agent, SHUT), known);
    for (const id of ['relay-east', 'relay-south']) {
      t.notMatch(await shown(world, agent, id), { verdict: 'unreachable' });
    }
    const said = await logged(world, 'relay-unreachable', 1, '(trunk)');
    t.match(said, [/^relay-west: UDP 3480 \(trunk\) .*open\?$/]);
    t.match(await logged(world, 'relay-cut-off', 1), [/^relay-west .* is its UDP 3480 open\?/]);
    await open();
    await untilGiven(agent, IDS);
  });

  t.test('the only relay with open ports serves alone', async (t) => {
    const open = await Promise.all(
      ['relay-west', 'relay-east'].map((id) => world.dropUdp(world.relayHost(id), 3478)),
    );
    await untilGiven(agent, ['relay-south']);
    t.match(await shown(world, agent, 'relay-south'), { verdict: 'reachable' });
    await Promise.all(open.map((action) => action()));
    await untilGiven(agent, IDS);
  });
});
