import { SERVER_PORT } from '../addresses.js';
import { findProgram } from '../find-program.js';
import { turnRival } from './turn-rival.js';
import { RELAY_PORTS, TURN_USER } from './turn-spec.js';

/** Debian's coturn with its defaults, and nothing on its other ports. */
export const coturn = turnRival({
  name: 'coturn',
  title: 'coturn',
  missing: async () =>
    findProgram('turnserver') === undefined
      ? 'turnserver not found: apt-get install coturn'
      : undefined,
  command: ({ address, relayAddress }) => [
    findProgram('turnserver') ?? 'turnserver',
    // No configuration file, no database, no log, no pid file of the system's own coturn.
    '-n',
    '--userdb=/dev/null',
    '--pidfile=/dev/null',
    '--log-file=/dev/null',
    '--no-stdout-log',
    '--no-cli',
    '--no-tls',
    '--no-dtls',
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
