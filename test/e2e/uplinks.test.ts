import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { setPatience } from '../lab/keep-on-failure.js';
import { endOf } from './connection-end.js';
import { joinBoth } from './peer-agent.js';
import { PATIENCE_MS, skipReason, World } from './world.js';

setPatience(t, 2 * PATIENCE_MS);

t.test(
  'a peer closes when the default route moves to an uplink without a path to its relay',
  { skip: skipReason() },
  async (t) => {
    const world = await World.create(t);
    const host = world.lab.host('a', { families: [4] });
    const other = world.hostBehindNat('b', 'port-restricted', [4]);
    const gateway = world.lab.host('gateway', { families: [4] });
    const wire = world.lab.wire(host, gateway);
    await world.start();
    const agents = await world.peersIn([host, other] as const);
    for (const packetsPerSecond of [100, 0]) {
      const pair = await joinBoth(`uplink-${packetsPerSecond}`, agents);
      if (packetsPerSecond > 0) {
        await Promise.all(pair.map((peer) => peer.agent.flow([peer], { packetsPerSecond })));
      }
      await sleep(1_500);
      const sinceMs = performance.now();
      // The host keeps its address. What it sends is lost, and what the relay sends still arrives.
      const route = ['route', 'replace', 'default', 'via', wire.addresses[1]];
      execFileSync('ip', ['-n', host.namespace, ...route, 'dev', wire.interfaces[0]]);
      const failure = await endOf(t, pair[0], sinceMs);
      t.match(failure?.reason, /^(relay-unresponsive|other-side-left)$/);
      execFileSync('ip', ['-n', host.namespace, 'route', 'del', 'default']);
      const back = [
        'route',
        'replace',
        'default',
        'via',
        '192.0.2.1',
        'dev',
        host.uplink,
        'onlink',
      ];
      execFileSync('ip', ['-n', host.namespace, ...back]);
      if (packetsPerSecond > 0) await pair[1].closed;
      else await agents[1].close([pair[1]]);
    }
  },
);
