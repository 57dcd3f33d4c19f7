import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { SERVER_PORT } from '../addresses.js';
import { ROOT, TOOLS_FOLDER } from '../programs.js';
import type { Contestant } from '../types.js';
import { turnRival } from './turn-rival.js';
import { COLLECTING, RELAY_PORTS, TURN_USER } from './turn-spec.js';

const PACKAGE = 'turn-server';
/** The version that is installed if there is none. */
const VERSION = '0.6.6';
const INSTALLED = join(TOOLS_FOLDER, 'npm');

const execute = promisify(execFile);

async function globalFolder(): Promise<string | undefined> {
  try {
    const { stdout } = await execute('npm', ['root', '-g']);
    return stdout.trim();
  } catch {
    return undefined;
  }
}

/** Installs the package into a folder, by npm. A failure shows in `missing`. */
async function install(folder: string): Promise<void> {
  console.error(`Installing ${PACKAGE}@${VERSION} by npm for the bench`);
  mkdirSync(folder, { recursive: true });
  // Without a package.json npm would take that of a folder above.
  const argv = ['install', '--no-save', '--no-audit', '--prefix', folder, `${PACKAGE}@${VERSION}`];
  await execute('npm', argv).catch((error: Error) => {
    console.error(`npm install ${PACKAGE}: ${error.message.split('\n')[0]}`);
  });
}

/**
 * The npm package `turn-server`, which is not a dependency of this package.
 * @param folder - a folder with the package in its node_modules; default: npm's global folder, or
 *   the one that `provide` installs it into
 */
export function npmTurnServer(folder: string | undefined): Contestant {
  let entry = '';
  const find = async (): Promise<string | undefined> => {
    const own = join(INSTALLED, 'node_modules');
    const roots =
      folder === undefined ? [await globalFolder(), own] : [join(folder, 'node_modules')];
    const entries = roots.map((root) => join(root ?? '', PACKAGE, 'index.js'));
    entry = entries.find((each) => existsSync(each)) ?? '';
    if (entry !== '') return undefined;
    const where =
      folder === undefined ? 'npm install -g turn-server' : `${entries[0]} is not there`;
    return `not installed (${where}, or --turn-server FOLDER)`;
  };
  return turnRival({
    name: 'npm-turn-server',
    title: 'npm turn-server',
    missing: find,
    provide: async () => {
      if (folder === undefined && (await find()) !== undefined) await install(INSTALLED);
    },
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
