import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { familyOf } from '../../src/address.js';
import { type AllocationEvent, TurnServer } from '../../src/index.js';
import { AIOICE } from '../setup/system-tools.js';
import { RELAY_PORTS } from '../turn-server/turn-socket.js';

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

/** Runs two agents of aioice at a server. @returns what they have printed, and their exit code */
async function agents(t: Test, server: TurnServer, username: string, password: string) {
  const [at] = server.listen;
  const args = [PROGRAM, at?.address ?? '', String(at?.port), username, password];
  const child = spawn(PYTHON, args, { stdio: ['ignore', 'pipe', 'pipe'] });
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
    const ended: AllocationEvent[] = [];
    const server = await TurnServer.open({
      listen: '127.0.0.1:0',
      relayAddresses: '127.0.0.1',
      users: ['alice:secret', `bob:0x${md5Key}`],
      relayPorts: RELAY_PORTS,
      allowPeers: '127.0.0.0/8',
      workers: 2,
      onEvent: (event) => {
        if (event.type === 'ended') ended.push(event);
      },
    });
    t.teardown(() => server.close());
    const { code, output } = await agents(t, server, username, password);
    t.strictSame({ code, output }, { code: 0, output: `${MESSAGES}\n` });
    t.equal(ended.length, 2, 'both have deleted their allocations');
  });
}
