import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findTool } from '../../../src/lab/tools.js';
import { missingText, missingTools, provideTools } from '../../../test/setup/system-packages.js';
import { PION_TOOLS } from '../../../test/setup/system-tools.js';
import { SERVER_PORT } from '../addresses.js';
import { outputOf } from '../program-output.js';
import { ROOT, TOOLS_FOLDER, toolPath } from '../programs.js';
import { turnRival } from './turn-rival.js';
import { TURN_USER } from './turn-spec.js';

/** Folder of Debian's Go packages. */
const GO_PATH = '/usr/share/gocode';
const DEBIAN_PACKAGE = 'golang-github-pion-turn.v2-dev';
const PROGRAM = toolPath('pion-turn');

const execute = promisify(execFile);

async function build(): Promise<string | undefined> {
  const missing = missingTools(PION_TOOLS);
  if (missing.length > 0) return missingText(missing);
  if (existsSync(PROGRAM)) return undefined;
  const source = join(ROOT, 'bench/load/contestants/pion/main.go');
  // Debian's packages are built without modules, so nothing is fetched.
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: GO_PATH, GOFLAGS: '' };
  try {
    mkdirSync(TOOLS_FOLDER, { recursive: true });
    await execute(findTool('go') ?? 'go', ['build', '-o', PROGRAM, source], { env });
    return undefined;
  } catch (error) {
    return `it does not build: ${(error as Error).message.split('\n').slice(0, 3).join(' ')}`;
  }
}

async function version(): Promise<string | undefined> {
  const status = await outputOf('dpkg-query', ['-s', DEBIAN_PACKAGE]);
  return /^Version: (\S+)/m.exec(status)?.[1];
}

/** The TURN server of pion, built from Debian's sources. */
export const pion = turnRival({
  name: 'pion',
  title: 'pion/turn',
  missing: build,
  provide: async () => void provideTools(PION_TOOLS, 'the bench'),
  collectsGarbage: true,
  version,
  command: ({ address, relayAddresses }) => [
    PROGRAM,
    address,
    relayAddresses.join(','),
    String(SERVER_PORT),
    TURN_USER.username,
    TURN_USER.password,
    TURN_USER.realm,
  ],
});
