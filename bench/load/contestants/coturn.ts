import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { coturnObstacle, provideCoturn, turnServer } from '../../../test/setup/test-tools.js';
import { SERVER_PORT } from '../addresses.js';
import { outputOf } from '../program-output.js';
import type { Contestant } from '../types.js';
import { turnRival } from './turn-rival.js';
import { RELAY_PORTS, TURN_USER } from './turn-spec.js';

/** Limits coturn to one relaying thread, as Turnpike has one worker. Default: one for each CPU. */
const ONE_THREAD = '--relay-threads';

/** A build of coturn. */
interface Build {
  readonly name: string;
  readonly title: string;
  /** Returns the path of its server; undefined if there is none. */
  readonly program: () => string | undefined;
  readonly missing: () => string | undefined;
  readonly provide?: () => void;
  /** Further options. */
  readonly options: readonly string[];
}

/** Debian's coturn with its defaults except for its threads, its other listeners and its files. */
export const coturn = contestantOf({
  name: 'coturn',
  title: 'coturn',
  program: turnServer,
  missing: coturnObstacle,
  provide: provideCoturn,
  options: [],
});

/**
 * Returns a newer coturn in its fastest form: one socket for all peers, and super-frames.
 * @param path - of its `turnserver`
 */
export function newerCoturn(path: string): Contestant {
  const program = resolve(path);
  return contestantOf({
    name: 'coturn-newer',
    title: 'coturn --multiplex-peer --udp-gso',
    program: () => program,
    missing: () => (existsSync(program) ? undefined : `${program} is not there`),
    options: ['--multiplex-peer', '--udp-gso'],
  });
}

function contestantOf({ name, title, program, missing, provide, options }: Build): Contestant {
  let threads: readonly string[] = [];
  const outputOfIt = async (option: string) => outputOf(program() ?? '', [option]);
  return turnRival({
    name,
    title,
    missing: async () => {
      const obstacle = missing();
      if (obstacle !== undefined) return obstacle;
      threads = (await outputOfIt('--help')).includes(ONE_THREAD) ? [`${ONE_THREAD}=1`] : [];
      return undefined;
    },
    ...(provide && { provide: async () => provide() }),
    version: async () => /^\d+\.\S+/m.exec(await outputOfIt('--version'))?.[0],
    command: ({ address, relayAddresses }) => [
      program() ?? 'turnserver',
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
      ...options,
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
}
