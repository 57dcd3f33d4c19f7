import { coturnObstacle, turnServer } from '../../../test/setup/test-tools.js';
import { SERVER_PORT } from '../addresses.js';
import { outputOf } from '../program-output.js';
import { turnRival } from './turn-rival.js';
import { RELAY_PORTS, TURN_USER } from './turn-spec.js';

const PROGRAM = turnServer();
/** Limits coturn to one relaying thread, as Turnpike has one worker. Default: one for each CPU. */
const ONE_THREAD = '--relay-threads';
let threads: readonly string[] = [];

async function missing(): Promise<string | undefined> {
  const obstacle = coturnObstacle();
  if (PROGRAM === undefined || obstacle !== undefined) return obstacle;
  const help = await outputOf(PROGRAM, ['--help']);
  threads = help.includes(ONE_THREAD) ? [`${ONE_THREAD}=1`] : [];
  return undefined;
}

async function version(): Promise<string | undefined> {
  if (PROGRAM === undefined) return undefined;
  return /^\d+\.\S+/m.exec(await outputOf(PROGRAM, ['--version']))?.[0];
}

/** Debian's coturn with its defaults except for its threads, its other listeners and its files. */
export const coturn = turnRival({
  name: 'coturn',
  title: 'coturn',
  missing,
  version,
  command: ({ address, relayAddresses }) => [
    PROGRAM ?? 'turnserver',
    // Without configuration file, database, log and pid file, which an installed coturn may use.
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
    ...relayAddresses.map((each) => `--relay-ip=${each}`),
    `--min-port=${RELAY_PORTS.first}`,
    `--max-port=${RELAY_PORTS.last}`,
  ],
});
