import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SERVER_PORT } from '../addresses.js';
import { tellingLine } from '../program-output.js';
import { ROOT } from '../programs.js';
import { COLLECTING, RELAY_PORTS, TURN_USER, type TurnProgram } from './turn-spec.js';

/** A variant of Turnpike's TURN server. */
interface TurnVariant {
  /** Name of its contestant. */
  readonly name: string;
  /** Further options of the server. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
  /** Folder of another compiled checkout whose server is measured. */
  readonly checkout?: string | undefined;
  /** Whether it forwards by XDP. */
  readonly xdp?: boolean | undefined;
}

/**
 * Returns Turnpike's TURN server with one worker, as compiled for users: what runs TypeScript
 * directly makes closures slower.
 */
export function turnpikeTurn(variant: TurnVariant): TurnProgram {
  const { name, checkout, xdp = false } = variant;
  const program = join(ROOT, 'bench/load/contestants/turnpike-turn-main.mjs');
  const { username, password, realm } = TURN_USER;
  return {
    name,
    collectsGarbage: true,
    xdp,
    command: ({ address, relayAddresses, devices }) => {
      if (checkout === undefined) compile();
      const entry = join(checkout ?? ROOT, 'dist', 'turn-server', 'index.js');
      if (!existsSync(entry)) throw new Error(`${entry} is not there: compile that checkout`);
      const options = {
        listen: `${address}:${SERVER_PORT}`,
        relayAddresses,
        relayPorts: `${RELAY_PORTS.first}-${RELAY_PORTS.last}`,
        realm,
        users: [`${username}:${password}`],
        allowPrivatePeers: true,
        workers: 1,
        ...variant.options,
        ...(xdp && { xdp: { interfaces: devices } }),
      };
      return [process.execPath, ...COLLECTING, program, JSON.stringify({ entry, options })];
    },
  };
}

let isCompiled = process.env.TURNPIKE_TESTS_COMPILED !== undefined;

/** Compiles the TypeScript once, if `npm test` has not. @throws Error with the first error */
function compile(): void {
  if (isCompiled) return;
  const options = { cwd: ROOT, encoding: 'utf8' } as const;
  const { status, stdout } = spawnSync('npm', ['run', '--silent', 'build:ts'], options);
  if (status !== 0) throw new Error(`it does not compile: ${tellingLine(stdout ?? '')}`);
  isCompiled = true;
}
