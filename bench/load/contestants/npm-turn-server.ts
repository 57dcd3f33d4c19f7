import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { SERVER_PORT } from '../addresses.js';
import { ROOT } from '../programs.js';
import type { Contestant } from '../types.js';
import { turnRival } from './turn-rival.js';
import { COLLECTING, RELAY_PORTS, TURN_USER } from './turn-spec.js';

const PACKAGE = 'turn-server';

const execute = promisify(execFile);

async function globalFolder(): Promise<string | undefined> {
  try {
    const { stdout } = await execute('npm', ['root', '-g']);
    return stdout.trim();
  } catch {
    return undefined;
  }
}

/**
 * The npm package `turn-server`, if it is installed. It is not a dependency of this package.
 * @param folder - a folder with the package in its node_modules; default: npm's global folder
 */
export function npmTurnServer(folder: string | undefined): Contestant {
  let entry = '';
  const find = async (): Promise<string | undefined> => {
    const root = folder === undefined ? await globalFolder() : join(folder, 'node_modules');
    entry = join(root ?? '', PACKAGE, 'index.js');
    if (root !== undefined && existsSync(entry)) return undefined;
    const where = folder === undefined ? 'npm install -g turn-server' : `${entry} is not there`;
    return `not installed (${where}, or --turn-server FOLDER)`;
  };
  return turnRival({
    name: 'npm-turn-server',
    title: 'npm turn-server',
    missing: find,
    collectsGarbage: true,
    version: async () => {
      const manifest = readFileSync(join(dirname(entry), 'package.json'), 'utf8');
      return (JSON.parse(manifest) as { version?: string }).version;
    },
    command: ({ address, relayAddresses: [relayAddress] }) => {
      const spec = {
        entry,
        address,
        port: SERVER_PORT,
        relayAddress,
        ...TURN_USER,
        ...RELAY_PORTS,
      };
      const program = join(ROOT, 'bench/load/contestants/npm-turn-server-main.mjs');
      return [process.execPath, ...COLLECTING, program, JSON.stringify(spec)];
    },
  });
}
