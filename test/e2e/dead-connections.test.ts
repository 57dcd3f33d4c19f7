import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { LabHost } from '../../src/lab/index.js';
import { setPatience } from '../lab/keep-on-failure.js';
import type { RemoteError } from '../lab/rpc.js';
import { endOf } from './connection-end.js';
import { joinBoth, type PeerAgent, type RemotePair } from './peer-agent.js';
import { PATIENCE_MS, skipReason, World } from './world.js';

setPatience(t, 2 * PATIENCE_MS);

const SKIP = { skip: skipReason() };

type Flows = 'both' | 'first sends' | 'second sends';

async function flowing(agents: readonly [PeerAgent, PeerAgent], pair: RemotePair, flows: Flows) {
  const sending = [flows !== 'second sends', flows !== 'first sends'];
  await Promise.all(
    pair.map((peer, index) => {
      const agent = agents[index] as PeerAgent;
      return sending[index] === true ? agent.flow([peer]) : undefined;
    }),
  );
  await sleep(1_000);
}

function ip(namespace: string, ...args: string[]): void {
  execFileSync('ip', ['-n', namespace, ...args]);
}

/** Gives a host behind a NAT another address, as a change of network does. */
function moveHost(host: LabHost, from: string, to: string): void {
  const { behind, uplink, downlink, namespace } = host;
  if (behind === undefined) throw new Error('a host behind a NAT');
  ip(behind.namespace, 'route', 'replace', `${to}/32`, 'dev', downlink);
  ip(namespace, 'addr', 'add', `${to}/32`, 'dev', uplink);
  ip(namespace, 'addr', 'del', `${from}/32`, 'dev', uplink);
}

/** Starts a world with two peers. Each test has its own, whose directory has no earlier reports. */
async function twoPeers(t: Test) {
  const world = await World.create(t);
  const hosts = [
    world.hostBehindNat('a', 'symmetric', [4]),
    world.hostBehindNat('b', 'port-restricted', [4]),
  ] as const;
  await world.start();
  return { world, hosts, agents: await world.peersIn(hosts) };
}

for (const flows of ['both', 'first sends', 'second sends'] as const) {
  t.test(`both peers close when a relay is cut off: ${flows}`, SKIP, async (t) => {
    const { world, agents } = await twoPeers(t);
    const pair = await joinBoth('cut', agents);
    await flowing(agents, pair, flows);
    const sinceMs = performance.now();
    await world.lab.setLoss(world.relayHost('relay-a'), 100);
    const [ofA, ofB] = await Promise.all(pair.map((peer) => endOf(t, peer, sinceMs)));
    t.match(ofA, { code: 'ERR_TURNPIKE_RELAY_UNREACHABLE', reason: 'relay-unresponsive' });
    t.match(ofB, { code: 'ERR_TURNPIKE_CLOSED', reason: 'other-relay-gone' });
  });
}

t.test(
  'a peer gets another relay when its relay does not answer, or an error when none does',
  SKIP,
  async (t) => {
    const { world, hosts, agents } = await twoPeers(t);
    t.test('both peers get the relay that answers', async (t) => {
      await world.lab.setLoss(world.relayHost('relay-a'), 100);
      const pair = await joinBoth('detour', agents);
      t.strictSame(
        pair.map(({ relayId }) => relayId),
        ['relay-b', 'relay-b'],
      );
      await agents[0].close([pair[0]]);
    });
    t.test('an error names blocked UDP if the host drops what it sends', async (t) => {
      const hook = 'type filter hook output priority 0; udp dport 3478 drop;';
      const rules = `table inet cut {\n chain out { ${hook} }\n}\n`;
      const namespace = hosts[0].namespace;
      execFileSync('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], { input: rules });
      const failed = await Promise.race([
        agents[0].join('no-udp', { region: 'west' }).catch((error: RemoteError) => error),
        agents[1].join('no-udp', { region: 'east' }).then(() => undefined),
      ]);
      t.match(failed, { code: 'ERR_TURNPIKE_RELAY_UNREACHABLE', message: /block UDP/ });
    });
  },
);

t.test('both peers close when a NAT loses its mappings', SKIP, async (t) => {
  const world = await World.create(t);
  const hosts = [
    world.hostBehindNat('a', 'symmetric', [4]),
    world.hostBehindNat('b', 'port-restricted', [4]),
  ] as const;
  await world.start();
  const agents = await world.peersIn(hosts);
  for (const flows of ['both', 'first sends', 'second sends'] as const) {
    t.test(flows, async (t) => {
      const pair = await joinBoth(`nat-${flows}`, agents);
      await flowing(agents, pair, flows);
      const nat = hosts[0].behind;
      if (nat === undefined) throw new Error('behind a NAT');
      const sinceMs = performance.now();
      // The kernel removes the masqueraded connections of an interface that goes down.
      await world.lab.setLink(nat, 'down');
      await world.lab.setLink(nat, 'up');
      const [ofA, ofB] = await Promise.all(pair.map((peer) => endOf(t, peer, sinceMs)));
      t.match(ofA, { code: 'ERR_TURNPIKE_CLOSED', reason: 'nat-address-changed' });
      t.match(ofB, { code: 'ERR_TURNPIKE_CLOSED', reason: 'other-side-left' });
    });
  }
});

t.test('a peer closes when its host loses its address', SKIP, async (t) => {
  const world = await World.create(t);
  const hosts = [
    world.hostBehindNat('a', 'port-restricted', [4]),
    world.hostBehindNat('b', 'full-cone', [4]),
  ] as const;
  await world.start();
  const agents = await world.peersIn(hosts);
  t.test('with another address, and the other peer closes too', async (t) => {
    let from = hosts[0].addresses[4] ?? '';
    for (const [index, flows] of (['both', 'first sends', 'second sends'] as const).entries()) {
      const pair = await joinBoth(`moved-${flows}`, agents);
      await flowing(agents, pair, flows);
      const sinceMs = performance.now();
      const to = `192.168.1.${200 + index}`;
      moveHost(hosts[0], from, to);
      from = to;
      const [ofA, ofB] = await Promise.all(pair.map((peer) => endOf(t, peer, sinceMs)));
      t.match(ofA, { code: 'ERR_TURNPIKE_CLOSED', reason: 'local-address-changed' });
      t.match(ofB, { code: 'ERR_TURNPIKE_CLOSED', reason: 'other-side-left' });
    }
  });
  t.test('without another address', async (t) => {
    const pair = await joinBoth('down', agents);
    await flowing(agents, pair, 'both');
    const sinceMs = performance.now();
    ip(hosts[0].namespace, 'link', 'set', 'dev', hosts[0].uplink, 'down');
    t.match(await endOf(t, pair[0], sinceMs), { reason: 'local-address-changed' });
  });
});

t.test('a host with only IPv6 gets a relay with IPv6', SKIP, async (t) => {
  const world = await World.create(t);
  const hosts = [
    world.hostBehindNat('a', 'port-restricted', [6]),
    world.hostBehindNat('b', 'symmetric', [4]),
  ] as const;
  await world.start();
  const agents = await world.peersIn(hosts);
  const pair = await joinBoth('families', agents);
  t.match(pair[0].relay.address, /:/);
  t.match(pair[1].relay.address, /\./);
  await agents[0].close([pair[0]]);
});

t.test('a peer closes when the other peer’s host is cut off', SKIP, async (t) => {
  for (const flows of ['both', 'first sends', 'a single packet'] as const) {
    const { world, hosts, agents } = await twoPeers(t);
    const pair = await joinBoth('silent', agents);
    if (flows !== 'a single packet') await flowing(agents, pair, flows);
    const sinceMs = performance.now();
    await world.lab.setLoss(hosts[1], 100);
    if (flows === 'a single packet') {
      await agents[0].say([pair[0]], { messages: 1, payloadBytes: 100 });
    }
    t.match(await endOf(t, pair[0], sinceMs), {
      code: 'ERR_TURNPIKE_CLOSED',
      reason: 'other-side-silent',
    });
    await world.lab.close(0);
  }
});
