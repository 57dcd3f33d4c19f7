import { findTool } from '../../../src/lab/tools.js';
import { SERVER_PORT } from '../addresses.js';
import { outputOf } from '../program-output.js';
import { turnRival } from './turn-rival.js';
import { RELAY_PORTS, TURN_USER } from './turn-spec.js';

const PROGRAM = findTool('turnserver');
/** One thread that relays, as Turnpike has one worker: it would have one for each of all CPUs. */
const ONE_THREAD = '--relay-threads';
let threads: readonly string[] = [];

async function missing(): Promise<string | undefined> {
  if (PROGRAM === undefined) return 'turnserver not found: apt-get install coturn';
  const help = await outputOf(PROGRAM, ['--help']);
  threads = help.includes(ONE_THREAD) ? [`${ONE_THREAD}=1`] : [];
  return undefined;
}

async function version(): Promise<string | undefined> {
  if (PROGRAM === undefined) return undefined;
  return /^\d+\.\S+/m.exec(await outputOf(PROGRAM, ['--version']))?.[0];
}

/** Debian's coturn with its defaults but for its threads, and nothing on its other ports. */
export const coturn = turnRival({
  name: 'coturn',
  title: 'coturn',
  missing,
  version,
  command: ({ address, relayAddress }) => [
    PROGRAM ?? 'turnserver',
    // No configuration file, no database, no log, no pid file of the system's own coturn.
    '-n',
    '--userdb=/dev/null',
    '--pidfile=/dev/null',
    '--log-file=/dev/null',
    '--no-stdout-log',
    '--no-cli',
    '--no-tls',
    '--no-dtls',
    ...threads,
    '--lt-cred-mech',
    `--user=${TURN_USER.username}:${TURN_USER.password}`,
    `--realm=${TURN_USER.realm}`,
    `--listening-ip=${address}`,
    `--listening-port=${SERVER_PORT}`,
    `--relay-ip=${relayAddress}`,
    `--min-port=${RELAY_PORTS.first}`,
    `--max-port=${RELAY_PORTS.last}`,
  ],
});
