import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { provideNodeStacks } from './node-stacks.js';
import {
  downloadPackage,
  findCommand,
  missingText,
  missingTools,
  provideTools,
  type SystemTool,
} from './system-packages.js';
import { COTURN_LIBRARIES, TEST_TOOLS } from './system-tools.js';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * A command of a Debian package that is unpacked into a folder of the build, not installed, because
 * installing the package starts a server.
 */
class UnpackedTool implements SystemTool {
  readonly #folder: string;

  constructor(
    readonly debianPackage: string,
    readonly name: string,
  ) {
    this.#folder = join(ROOT, 'build', debianPackage);
  }

  /** Returns the path of a command of the package, installed or unpacked; undefined without. */
  find(command = this.name): string | undefined {
    return findCommand(command) ?? findIn(this.#folder, command);
  }

  isThere = () => this.find() !== undefined;

  unpack = () => {
    mkdirSync(dirname(this.#folder), { recursive: true });
    const scratch = mkdtempSync(`${this.#folder}-`);
    try {
      downloadPackage(this.debianPackage, scratch);
      rmSync(this.#folder, { recursive: true, force: true });
      // The other files have links that lead nowhere, of which linters warn.
      renameSync(join(scratch, 'usr', 'bin'), this.#folder);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  };
}

function findIn(folder: string, command: string): string | undefined {
  try {
    return readdirSync(folder).includes(command) ? join(folder, command) : undefined;
  } catch {
    return undefined;
  }
}

const PROMETHEUS = new UnpackedTool('prometheus', 'promtool');
const COTURN = new UnpackedTool('coturn', 'turnutils_uclient');
const COTURN_SERVER = new UnpackedTool('coturn', 'turnserver');

/**
 * Finds Prometheus' promtool: an installed one, or the one that the set-up unpacked.
 * @returns its path; undefined if there is none
 */
export function promtool(): string | undefined {
  return PROMETHEUS.find();
}

/** Finds coturn's test client, as `promtool`. */
export function turnClient(): string | undefined {
  return COTURN.find();
}

/** Finds coturn's client of NAT behaviour discovery, as `promtool`. */
export function natDiscoveryClient(): string | undefined {
  return COTURN.find('turnutils_natdiscovery');
}

/** Finds coturn's server, as `promtool`. It needs COTURN_LIBRARIES. */
export function turnServer(): string | undefined {
  return COTURN_SERVER.find();
}

/** Returns why coturn's server cannot run; undefined if it can. */
export function coturnObstacle(): string | undefined {
  const missing = missingTools([COTURN_SERVER, ...COTURN_LIBRARIES]);
  return missing.length === 0 ? undefined : missingText(missing);
}

/** Unpacks coturn and installs the libraries of its server, where that is allowed. */
export function provideCoturn(): void {
  provideTools(COTURN_LIBRARIES, 'the bench');
  provideTools([COTURN_SERVER], 'the bench', COTURN_SERVER.unpack);
}

/** Finds coturn's peer, which echoes what it receives, as `promtool`. */
export function turnPeer(): string | undefined {
  return COTURN.find('turnutils_peer');
}

/**
 * Installs the tools that tests run, where that is allowed, and prints in one line those that are
 * still missing. Tests that need one of them are skipped with the reason.
 * @returns whether none is missing
 */
export function provideTestTools(): boolean {
  const missing = [
    ...provideTools(TEST_TOOLS, 'the tests'),
    ...[PROMETHEUS, COTURN].flatMap((tool) => provideTools([tool], 'the tests', tool.unpack)),
  ];
  if (missing.length > 0) {
    console.error(`Tests that need them are skipped: ${missingText(missing)}`);
  }
  const hasStacks = provideNodeStacks();
  if (!hasStacks) console.error('Tests that need WebRTC stacks of npm are skipped');
  return missing.length === 0 && hasStacks;
}
