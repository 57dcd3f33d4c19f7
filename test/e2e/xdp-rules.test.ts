import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { setPatience } from '../lab/keep-on-failure.js';
import { findCommand } from '../setup/system-packages.js';
import { PATIENCE_MS, type RelayPlan, World } from './world.js';
import { connectAll, grown, talk, WiredRelay, xdpSkipReason } from './xdp-relays.js';

const CONNECTIONS = 4;
const ROUNDS_MAX = 200;

const RELAYS: readonly RelayPlan[] = [
  { id: 'relay-a', region: 'west', families: [4], trunkFamilies: [] },
  { id: 'relay-b', region: 'east', families: [4], trunkFamilies: [] },
];

const skip = xdpSkipReason() || (findCommand('nft') === undefined && 'needs nft');

setPatience(t, PATIENCE_MS);

t.test(
  'the sockets forward while an nftables rule changes packets, and XDP after its removal',
  { skip },
  async (t) => {
    const world = await World.create(t, RELAYS);
    const hosts = [
      world.hostBehindNat('a', 'port-restricted', [4]),
      world.hostBehindNat('b', 'port-restricted', [4]),
    ] as const;
    const wire = world.lab.wire(world.relayHost('relay-a'), world.relayHost('relay-b'));
    const relay = new WiredRelay(world, 'relay-a', wire.addresses[0]);
    relay.setUp('xdp');
    new WiredRelay(world, 'relay-b', wire.addresses[1]).setUp('sockets');
    await world.lab.up();
    await world.lab.prepareForXdp();
    await world.start();
    const connections = await connectAll(await world.peersIn(hosts), CONNECTIONS);

    /** Sends messages until all go by XDP, or all by the sockets. */
    const until = async (byXdp: boolean) => {
      for (let round = 0; round < ROUNDS_MAX; round++) {
        const before = await relay.byXdp();
        const { said, heard } = await talk(connections, 1);
        const { toTrunk } = grown(before, await relay.byXdp());
        if (toTrunk === (byXdp ? CONNECTIONS : 0)) {
          t.same(heard, said, `all arrived, ${byXdp ? 'by XDP' : 'by the sockets'}`);
          return;
        }
        await sleep(20);
      }
      t.fail(`the data never went ${byXdp ? 'by XDP' : 'by the sockets'}`);
    };
    const leftOut = (reason: string) =>
      relay.metric(`turnpike_relay_xdp_left_out{reason="${reason}"}`);

    await until(true);
    t.equal(await relay.metric('turnpike_relay_xdp_mode{mode="native"}'), 1);
    t.equal(await leftOut('mangle'), 0);

    const rule = 'udp sport { 3478, 3480 } ip dscp set ef';
    await relay.inside([
      'nft',
      'add table inet t; add chain inet t c { type filter hook output priority 0; };' +
        `add rule inet t c ${rule}`,
    ]);
    await until(false);
    t.equal(await leftOut('mangle'), 2, 'the client address and the trunk address');

    await relay.inside(['nft', 'delete table inet t']);
    await until(true);
    t.equal(await leftOut('mangle'), 0);
  },
);
