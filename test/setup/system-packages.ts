import { type StdioOptions, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findTool, SEARCH_PATH } from '../../src/lab/tools.js';

/** A command, or files, of a Debian package that a step needs. */
export interface SystemTool {
  /** The command, or a name for the files. */
  readonly name: string;
  /** One or more package names, separated by spaces. */
  readonly debianPackage: string;
  /** Whether the tool is installed; by default, whether the command is found. */
  readonly isThere?: () => boolean;
}

/**
 * Finds a command on the PATH or in the `sbin` folders beside its `bin` folders.
 * @param command - the bare name
 * @returns its path; undefined if it is not found
 */
export function findCommand(command: string): string | undefined {
  return findTool(command);
}

/** Returns the tools that this machine lacks. */
export function missingTools(tools: readonly SystemTool[]): SystemTool[] {
  return tools.filter(
    ({ name, isThere }) => !(isThere ?? (() => findCommand(name) !== undefined))(),
  );
}

function packagesOf(tools: readonly SystemTool[]): string[] {
  return [...new Set(tools.flatMap(({ debianPackage }) => debianPackage.split(' ')))];
}

/** Returns a text such as `nft, ip not found: apt-get install nftables iproute2`. */
export function missingText(missing: readonly SystemTool[]): string {
  const names = missing.map(({ name }) => name).join(', ');
  return `${names} not found: apt-get install ${packagesOf(missing).join(' ')}`;
}

function mayInstall(): boolean {
  const isRootOnDebian = process.getuid?.() === 0 && existsSync('/etc/debian_version');
  return isRootOnDebian && findCommand('apt-get') !== undefined;
}

/** Runs apt-get. @returns the reason of a failure in one line; undefined after a success */
function aptGet(args: readonly string[], cwd?: string): string | undefined {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', PATH: SEARCH_PATH };
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
  const options = { env, stdio, encoding: 'utf8', maxBuffer: 1 << 26, cwd } as const;
  const run = spawnSync('apt-get', args, options);
  if (run.status === 0) return undefined;
  const lines = `${run.stdout ?? ''}${run.stderr ?? ''}`.split('\n').filter((line) => line !== '');
  const why = lines.find((line) => line.startsWith('E:')) ?? run.error?.message ?? lines.at(-1);
  return `apt-get ${args[0]}: ${why ?? `ended with ${run.status ?? run.signal}`}`;
}

function install(packages: readonly string[]): void {
  const options = ['install', '-q', '-y', '--no-install-recommends'];
  aptGet(['update', '-q']);
  const failure = aptGet([...options, ...packages]);
  if (failure === undefined) return;
  // apt-get installs nothing if one package is not in this release, so try each alone.
  const failures =
    packages.length === 1 ? [failure] : packages.map((each) => aptGet([...options, each]));
  for (const each of failures) if (each !== undefined) console.error(each);
}

/**
 * Downloads a package and unpacks its files into a folder without installing it, so that none of
 * its scripts runs and none of its services starts.
 */
export function downloadPackage(name: string, folder: string): void {
  aptGet(['update', '-q']);
  const failure = aptGet(['download', '-q', name], folder);
  if (failure !== undefined) return console.error(failure);
  for (const file of readdirSync(folder).filter((each) => each.endsWith('.deb'))) {
    const options = { env: { ...process.env, PATH: SEARCH_PATH }, stdio: 'ignore' } as const;
    spawnSync('dpkg-deb', ['--extract', join(folder, file), folder], options);
    rmSync(join(folder, file));
  }
}

/**
 * Installs the packages of tools that this machine lacks, if the process is root on Debian.
 * @param tools - the tools that are needed
 * @param purpose - what needs them, for the line that is printed
 * @param provide - installs packages; by default with apt-get
 * @returns the tools that are still missing
 */
export function provideTools(
  tools: readonly SystemTool[],
  purpose: string,
  provide: (packages: readonly string[]) => void = install,
): SystemTool[] {
  const wanted = missingTools(tools);
  if (wanted.length === 0 || !mayInstall()) return wanted;
  const packages = packagesOf(wanted);
  console.error(`Installing system packages for ${purpose}: ${packages.join(' ')}`);
  provide(packages);
  return missingTools(wanted);
}

/**
 * Does the same as `provideTools`, but reports missing tools in one line and ends the process with
 * status 1.
 */
export function requireTools(tools: readonly SystemTool[], purpose: string): void {
  const missing = provideTools(tools, purpose);
  if (missing.length === 0) return;
  console.error(`${purpose}: ${missingText(missing)}`);
  process.exit(1);
}
