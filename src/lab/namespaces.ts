import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { killQuietly, runSync } from './tools.js';

/** Where `ip netns` keeps its names. */
const NETNS_DIRECTORY = '/run/netns';

/** How a lab's namespaces are named: the owner's pid and start, a number, the node. */
const NAME = /^turnpike-(\d+)-([0-9a-z]+)-\d+-/;

let labs = 0;

/** The first part of a new lab's namespace names. It says who owns them, for `reapStale`. */
export function newPrefix(): string {
  const start = processStart(process.pid) ?? 0;
  return `turnpike-${process.pid}-${start.toString(36)}-${labs++}`;
}

/** The process that made a lab: its pid, and when it started, in clock ticks. */
export interface NamespaceOwner {
  readonly pid: number;
  readonly start: number;
}

/** @returns who made a namespace; undefined for one that is no lab's */
export function ownerOf(namespace: string): NamespaceOwner | undefined {
  const [, pid, start] = NAME.exec(namespace) ?? [];
  if (pid === undefined || start === undefined) return undefined;
  return { pid: Number(pid), start: Number.parseInt(start, 36) };
}

/** Removes the namespaces of labs whose owners are dead, and what runs in them. */
export function reapStale(): void {
  deleteNamespacesSync(
    namespaceNames().filter((name) => {
      const owner = ownerOf(name);
      return owner !== undefined && processStart(owner.pid) !== owner.start;
    }),
  );
}

/** The names of all network namespaces of this machine. */
export function namespaceNames(): string[] {
  try {
    return readdirSync(NETNS_DIRECTORY);
  } catch {
    return [];
  }
}

/**
 * Kills what still runs in these namespaces and removes their names, synchronously and without
 * failing: it is also the way out of a process that is ending.
 * @param namespaces - names of namespaces that are there and that a lab made
 */
export function deleteNamespacesSync(namespaces: readonly string[]): void {
  if (namespaces.length === 0) return;
  for (const pid of processesIn(namespaces)) killQuietly(pid, 'SIGKILL');
  const batch = namespaces.map((name) => `netns del ${name}\n`).join('');
  try {
    runSync(['ip', '-force', '-batch', '-'], batch);
  } catch {
    // One that is gone already is as good as removed.
  }
}

/** Every process whose network namespace is one of these. */
function processesIn(namespaces: readonly string[]): number[] {
  const wanted = new Set(namespaces.map(namespaceLink));
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => wanted.has(readlinkOrEmpty(`/proc/${pid}/ns/net`)))
    .map(Number);
}

/** What /proc/PID/ns/net of a process in that namespace points to (namespaces(7)). */
function namespaceLink(namespace: string): string {
  try {
    return `net:[${statSync(join(NETNS_DIRECTORY, namespace)).ino}]`;
  } catch {
    return 'gone';
  }
}

function readlinkOrEmpty(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/**
 * When a process started, in the kernel's clock ticks (field 22 of proc(5)'s stat): with the pid it
 * names a process for good, as pids are used again.
 * @returns undefined when there is no such process
 */
export function processStart(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses, which may hold anything.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return undefined;
  }
}
