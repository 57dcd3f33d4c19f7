import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import type { LabHost } from '../../src/lab/index.js';
import { setPatience } from '../lab/keep-on-failure.js';
import { AIOICE } from '../setup/system-tools.js';
import { steeringEvent } from '../steering.js';
import { until } from '../until.js';
import { PATIENCE_MS, skipReason, World } from './world.js';

const AGENTS = fileURLToPath(new URL('../interop/turn_client.py', import.meta.url));
/** Debian's, which has its packages. */
const PYTHON = '/usr/bin/python3';
const MESSAGES = 20;
/** The lab's addresses are those of documentation, which are no peers by default. */
const LAB_RANGES = ['192.0.2.0/24', '203.0.113.0/24', '2001:db8::/32'];

setPatience(t, PATIENCE_MS);

const missing = AIOICE.isThere?.() ? false : `aioice is not there (${AIOICE.debianPackage})`;
const skip = skipReason() || missing;

const inside = ({ namespace }: LabHost, argv: readonly string[]) =>
  promisify(execFile)('ip', ['netns', 'exec', namespace, ...argv]);

t.test(
  'clients of two relays reach each other where only the trunk is open',
  { skip },
  async (t) => {
    const world = await World.create(t);
    const clients = world.lab.host('clients');
    const [a, b] = [world.relayHost('relay-a'), world.relayHost('relay-b')];
    for (const id of ['relay-a', 'relay-b']) {
      world.relayOptions.set(id, [
        ...['--user', 'alice:secret'],
        ...LAB_RANGES.flatMap((range) => ['--allow-peer', range]),
      ]);
    }
    await world.start();
    await world.untilTrunked('relay-a', 'relay-b');
    await world.blockBareUdp('relay-a', 'relay-b');
    const server = ({ addresses }: LabHost) => [addresses[4] ?? '', '3478'];
    const { stdout } = await inside(clients, [
      ...[PYTHON, AGENTS, ...server(a), 'alice', 'secret', ...server(b)],
    ]);
    t.equal(stdout, `${MESSAGES}\n`);
    for (const id of ['relay-a', 'relay-b']) {
      t.ok((await world.counter(id, 'peer_by_trunk')) >= MESSAGES, `${id} sends by the trunk`);
      t.ok((await world.counter(id, 'trunk_to_relayed')) >= MESSAGES, `${id} delivers`);
      const steering = world.logOf(id).filter(({ event }) => event === 'steering');
      t.match(steering, [steeringEvent()], `${id} receives as the test wants it`);
      const ended = () => world.logOf(id).filter(({ event }) => event === 'allocation-ended');
      await until(() => ended().length === 1);
      t.match(ended()[0], { packetsFromClient: Number, packetsToClient: Number });
    }
  },
);
