import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from './run-command.js';

/** A command that some tests start, and the Debian package that holds it. */
interface SystemTool {
  readonly command: string;
  readonly debianPackage: string;
}

/** What the full run needs besides Node and a C++ compiler. */
const TOOLS: readonly SystemTool[] = [
  { command: 'ip', debianPackage: 'iproute2' },
  { command: 'ethtool', debianPackage: 'ethtool' },
  { command: 'nft', debianPackage: 'nftables' },
  { command: 'conntrack', debianPackage: 'conntrack' },
  { command: 'iperf3', debianPackage: 'iperf3' },
  { command: 'cmake', debianPackage: 'cmake' },
  { command: 'make', debianPackage: 'make' },
];

/** Administrators' commands are often not on an ordinary user's PATH, yet he may run some. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/**
 * Finds a command on the PATH or in the system folders.
 * @param command - the bare name
 * @returns its path, or undefined when this machine has none
 */
export function findCommand(command: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, command))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function missingPackages(): string[] {
  const missing = TOOLS.filter((tool) => findCommand(tool.command) === undefined);
  return missing.map((tool) => tool.debianPackage);
}

function mayInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version');
}

/**
 * Installs the system packages that the full test run lacks where that is allowed (root on
 * Debian), and names in one line whatever is missing after that. The tests that need a missing
 * one say so and are skipped.
 * @returns whether all are there
 */
export function ensureSystemPackages(): boolean {
  const wanted = missingPackages();
  if (wanted.length > 0 && mayInstall()) {
    console.log(`Installing system packages for the tests: ${wanted.join(' ')}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const quiet = { env, quiet: true };
    run('apt-get', ['update', '-q'], quiet);
    run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...wanted], quiet);
  }
  const missing = missingPackages();
  if (missing.length > 0) {
    console.log(`Not installed, so tests that need them are skipped: ${missing.join(' ')}`);
  }
  return missing.length === 0;
}
