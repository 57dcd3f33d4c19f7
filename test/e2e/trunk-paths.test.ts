import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { LabHost } from '../../src/lab/index.js';
import { run } from '../../src/lab/tools.js';
import { type KeptTest, setPatience } from '../lab/keep-on-failure.js';
import { exchange, joinBoth } from './peer-agent.js';
import { PATIENCE_MS, type RelayPlan, skipReason, World } from './world.js';

setPatience(t, PATIENCE_MS);

const relays = (trunkFamilies: readonly (4 | 6)[]): readonly RelayPlan[] => [
  { id: 'relay-a', region: 'west', families: [4], trunkFamilies },
  { id: 'relay-b', region: 'east', families: [4], trunkFamilies },
];
const REGIONS = [{ region: 'west' }, { region: 'east' }] as const;

const nft = (host: LabHost, rules: string) =>
  run(['ip', 'netns', 'exec', host.namespace, 'nft', '-f', '-'], rules);

/** Starts two relays, with a peer for each. `spoil` changes the network before they start. */
async function open(
  t: KeptTest,
  { families = [4], spoil }: { families?: (4 | 6)[]; spoil?: (world: World) => Promise<unknown> },
) {
  const world = await World.create(t, relays(families));
  const hosts = [
    world.hostBehindNat('a', 'full-cone', [4]),
    world.hostBehindNat('b', 'full-cone', [4]),
  ] as const;
  for (const id of ['relay-a', 'relay-b']) world.relayOptions.set(id, ['--workers', '2']);
  await world.lab.up();
  // The rules must see single datagrams, not the batches of segmentation offload.
  for (const id of ['relay-a', 'relay-b']) {
    const { namespace, uplink } = world.relayHost(id);
    await run(['ip', '-n', namespace, 'link', 'set', uplink, 'gso_max_segs', '1']);
  }
  await spoil?.(world);
  await world.startDirectory();
  await Promise.all(['relay-a', 'relay-b'].map((id) => world.startRelay(id)));
  return { world, agents: await world.peersIn(hosts) };
}

/** Waits for a line of a relay's log. */
async function logged(world: World, relay: string, event: string) {
  while (true) {
    const line = world.logOf(relay).find((each) => each.event === event);
    if (line) return line;
    await delay(100);
  }
}

t.test(
  'connections survive the loss of one address family of the trunk',
  { skip: skipReason() },
  async (t) => {
    const { world, agents } = await open(t, { families: [4, 6] });
    const pair = await joinBoth('families', agents, REGIONS);
    await exchange(pair, 10);
    const mend = await world.dropUdp(world.relayHost('relay-b'), 3480, 4);
    await logged(world, 'relay-a', 'relay-path');
    await logged(world, 'relay-b', 'relay-path');
    for (const { sent, received } of await exchange(pair, 40, { payloadBytes: 200 })) {
      t.equal(received, sent, 'all arrived over the other family');
    }
    await mend();
    for (const { sent, received } of await exchange(pair, 40, { payloadBytes: 200 })) {
      t.equal(received, sent, 'all arrived after its return');
    }
  },
);

t.test(
  'the path MTU is found on a path of 1,400 bytes that drops fragments',
  { skip: skipReason() },
  async (t) => {
    const narrow = (world: World) =>
      Promise.all(
        ['relay-a', 'relay-b'].map((id, index, ids) => {
          const host = world.relayHost(id);
          const other = world.relayHost(ids[1 - index] as string);
          return nft(
            host,
            `table ip narrow {
  chain arriving {
    type filter hook prerouting priority -500
    ip saddr ${other.addresses[4]} meta length > 1400 drop
    ip saddr ${other.addresses[4]} ip frag-off & 0x3fff != 0 drop
  }
}
`,
          );
        }),
      );
    const { world, agents } = await open(t, { spoil: narrow });
    const { bytes } = await logged(world, 'relay-a', 'relay-path-mtu');
    t.ok(Number(bytes) <= 1_372 && Number(bytes) > 1_363, `${bytes}`);
    await logged(world, 'relay-b', 'relay-path-mtu');
    const pair = await joinBoth('narrow', agents, REGIONS);
    for (const payloadBytes of [Number(bytes) - 28, 100]) {
      for (const { sent, received } of await exchange(pair, 200, { payloadBytes })) {
        t.equal(received, sent, `payloads of ${payloadBytes} bytes`);
      }
    }
  },
);

t.test(
  'data leaves from the trunk port if a firewall drops other source ports',
  { skip: skipReason() },
  async (t) => {
    const filter = (world: World) =>
      nft(
        world.relayHost('relay-b'),
        `table ip ports {
  chain arriving {
    type filter hook input priority -300
    udp dport 3480 udp sport != 3480 drop
  }
}
`,
      );
    const { world, agents } = await open(t, { spoil: filter });
    const pair = await joinBoth('ports', agents, REGIONS);
    for (const { sent, received } of await exchange(pair, 40, { payloadBytes: 200 })) {
      t.equal(received, sent, 'all arrived');
    }
    await logged(world, 'relay-a', 'relay-ports-filtered');
  },
);

t.test(
  'a NAT that changes a relay’s source port is logged by both relays',
  { skip: skipReason() },
  async (t) => {
    // What the relay sends unasked leaves from the NAT's port 45000. Its replies to probes (type 5)
    // keep their port, as they match the NAT's mapping of the probe.
    const changePorts = (world: World) =>
      nft(
        world.relayHost('relay-a'),
        `table ip ports {
  chain leaving {
    type filter hook postrouting priority 300
    udp dport 3480 @th,64,8 != 0x15 udp sport set 45000
  }
}
`,
      );
    const { world } = await open(t, { spoil: changePorts });
    const a = await logged(world, 'relay-a', 'relay-unreachable');
    t.match(a.msg, 'no probe answer from relay-b for 5 s: is UDP 3480 open?');
    const b = await logged(world, 'relay-b', 'relay-unreachable');
    t.equal(b.reason, 'unlisted-source');
    const source = await logged(world, 'relay-b', 'relay-source-unlisted');
    t.match(
      source.msg,
      /^data of relay-a comes from .*:45000, which it has not registered: is there/,
    );
  },
);

t.test(
  'a trunk port that is closed and opened again is logged, and connections are possible',
  { skip: skipReason() },
  async (t) => {
    const { world, agents } = await open(t, {});
    const mend = await world.dropUdp(world.relayHost('relay-b'), 3480);
    await logged(world, 'relay-a', 'relay-unreachable');
    await logged(world, 'relay-b', 'relay-unreachable');
    await mend();
    await logged(world, 'relay-a', 'relay-reachable');
    await logged(world, 'relay-b', 'relay-reachable');
    await agents[0].untilServing(['relay-a', 'relay-b']);
    const pair = await joinBoth('opened', agents, REGIONS);
    for (const { sent, received } of await exchange(pair, 40, { payloadBytes: 200 })) {
      t.equal(received, sent, 'all arrived');
    }
  },
);
