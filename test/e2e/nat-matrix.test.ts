import t from 'tap';
import { NAT_BEHAVIOURS } from '../../src/lab/index.js';
import { setPatience } from '../lab/keep-on-failure.js';
import { exchange, joinBoth } from './peer-agent.js';
import { PATIENCE_MS, skipReason, World } from './world.js';

/** So few that they fit into a socket's buffer while a busy machine does not read them. */
const PACKETS = 40;
const FLOW = { payloadBytes: 200 };

setPatience(t, PATIENCE_MS);

t.test(
  'peers behind every pair of NAT behaviours exchange data',
  { skip: skipReason() },
  async (t) => {
    const world = await World.create(t);
    const behind = (side: string) =>
      NAT_BEHAVIOURS.map((behaviour) =>
        world.hostBehindNat(`${side}-${behaviour}`, behaviour, [4]),
      );
    const hosts = { a: behind('a'), b: behind('b') };
    await world.start();
    const agents = { a: await world.peersIn(hosts.a), b: await world.peersIn(hosts.b) };
    const rows = agents.a.map((a) => agents.b.map((b) => ({ a, b })));
    for (const row of rows) {
      const results = row.map(async ({ a, b }) => {
        const name = `${a.host.behind?.behaviour} - ${b.host.behind?.behaviour}`;
        const pair = await joinBoth(name, [a, b]);
        return { name, pair, deliveries: await exchange(pair, PACKETS, FLOW) };
      });
      for (const { name, pair, deliveries } of await Promise.all(results)) {
        t.test(name, async (t) => {
          for (const { agent, mapped } of pair) {
            t.equal(
              mapped.address,
              agent.host.behind?.addresses[4],
              'the mapped address is that of the NAT',
            );
          }
          t.same(
            pair.map(({ relayId }) => relayId),
            ['relay-a', 'relay-b'],
          );
          for (const { sent, received } of deliveries) {
            t.equal(received, sent, 'all arrived');
            t.ok(sent >= PACKETS);
          }
        });
      }
    }
  },
);
