import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { setPatience } from '../lab/keep-on-failure.js';
import { joinBoth, type RemotePair } from './peer-agent.js';
import { PATIENCE_MS, skipReason, World } from './world.js';

setPatience(t, PATIENCE_MS);

/** Returns the smaller of the two peers' counts of received packets. */
async function receivedByBoth([a, b]: RemotePair): Promise<number> {
  const counts = await Promise.all([a.agent.counts([a]), b.agent.counts([b])]);
  return Math.min(...counts.flat().map(({ receivedPackets }) => receivedPackets));
}

/** Waits until both peers have received this many more packets. */
async function untilFlowing(pair: RemotePair, packets: number): Promise<void> {
  const before = await receivedByBoth(pair);
  while ((await receivedByBoth(pair)) < before + packets) await sleep(50);
}

t.test(
  'a connection survives a link that is down for 200 ms',
  { skip: skipReason() },
  async (t) => {
    const world = await World.create(t);
    const hosts = [
      world.hostBehindNat('a', 'symmetric'),
      world.hostBehindNat('b', 'port-restricted'),
    ] as const;
    await world.start();
    const agents = await world.peersIn(hosts);
    const [a, b] = agents;
    for (const family of [4, 6] as const) {
      t.test(`IPv${family}`, async (t) => {
        const hints = [
          { region: 'west', family },
          { region: 'east', family },
        ] as const;
        const pair = await joinBoth(t.name, agents, hints);
        await Promise.all([a.flow([pair[0]]), b.flow([pair[1]])]);
        await untilFlowing(pair, 10);
        await world.lab.setLink(hosts[0], 'down');
        // Long enough for sends to fail with ENETUNREACH, which must not end the connection.
        await sleep(200);
        await world.lab.setLink(hosts[0], 'up');
        await untilFlowing(pair, 10);
        t.pass('data flows again on the same connection');
        await a.close([pair[0]]);
      });
    }
  },
);
