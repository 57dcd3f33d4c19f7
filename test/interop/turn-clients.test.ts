import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { familyOf } from '../../src/address.js';
import { type AllocationEvent, TurnServer } from '../../src/index.js';
import { AIOICE, LIBRE } from '../setup/system-tools.js';
import { RELAY_PORTS } from '../turn-server/turn-socket.js';
import { until } from '../until.js';

const PROGRAM = fileURLToPath(new URL('turn_client.py', import.meta.url));
/** Debian's, which has its packages. */
const PYTHON = '/usr/bin/python3';
const MESSAGES = 20;

t.setTimeout(120_000);

const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
// aioice gathers nothing from loopback.
const hasInterface = addresses.some(({ internal, address }) => {
  return !internal && familyOf({ address, port: 0 }) === 4;
});
const missing = AIOICE.isThere?.() ? '' : `aioice is not there (${AIOICE.debianPackage})`;
const skip = missing || (hasInterface ? false : 'this host has no address but loopback');

/** Opens a server on loopback. @returns it, and the events of allocations that end */
async function serverOf(t: Test, users: readonly string[]) {
  const ended: AllocationEvent[] = [];
  const server = await TurnServer.open({
    listen: '127.0.0.1:0',
    relayAddresses: '127.0.0.1',
    users,
    relayPorts: RELAY_PORTS,
    allowPeers: '127.0.0.0/8',
    workers: 2,
    onEvent: (event) => {
      if (event.type === 'ended') ended.push(event);
    },
  });
  t.teardown(() => server.close());
  return { server, ended };
}

/** Runs a client. @returns what it has printed, and its exit code */
async function outputOf(t: Test, argv: readonly [string, ...string[]]) {
  const [command, ...args] = argv;
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += String(chunk);
    });
  }
  const [code] = await once(child, 'close');
  return { code, output };
}

const md5Key = createHash('md5').update('bob:turnpike:hunter2').digest('hex');
const users = { alice: 'secret', bob: 'hunter2' };
for (const [username, password] of Object.entries(users)) {
  t.test(`two agents of aioice reach each other as ${username}`, { skip }, async (t) => {
    const { server, ended } = await serverOf(t, ['alice:secret', `bob:0x${md5Key}`]);
    const [at] = server.listen;
    const task = [at?.address ?? '', String(at?.port), username, password];
    const { code, output } = await outputOf(t, [PYTHON, PROGRAM, ...task]);
    t.strictSame({ code, output }, { code: 0, output: `${MESSAGES}\n` });
    t.equal(ended.length, 2, 'both have deleted their allocations');
  });
}

const noLibre = LIBRE.isThere?.() ? false : `libre is not there (${LIBRE.debianPackage})`;
t.test(
  'a client of libre is reached by indications and on a channel',
  {
    skip: noLibre,
  },
  async (t) => {
    const source = fileURLToPath(new URL('libre_client.c', import.meta.url));
    const program = join(t.testdir(), 'libre_client');
    execFileSync('gcc', ['-isystem', '/usr/include/re', '-o', program, source, '-lre']);
    const { server, ended } = await serverOf(t, ['alice:secret']);
    const [at] = server.listen;
    const run = (password: string) =>
      outputOf(t, [program, at?.address ?? '', String(at?.port), '127.0.0.2', 'alice', password]);
    t.strictSame(await run('secret'), { code: 0, output: 'indications 64\nchannel 64\n' });
    t.strictSame(await run('wrong'), { code: 0, output: '401 Unauthenticated\n' });
    await until(() => ended.length === 1);
    t.match(ended[0], {
      reason: 'deleted',
      traffic: { packetsFromClient: 128, packetsToClient: 128 },
    });
  },
);
