import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { killQuietly, runSync } from './tools.js';

/** The directory of `ip netns`. */
const NETNS_DIRECTORY = '/run/netns';

/** The form of a namespace's name: the owner's pid and start time, a number, the node's name. */
const NAME = /^turnpike-(\d+)-([0-9a-z]+)-\d+-/;

let labs = 0;

/** Returns the prefix of a new lab's namespace names. It identifies the owner, for `reapStale`. */
export function newPrefix(): string {
  const start = processStart(process.pid) ?? 0;
  return `turnpike-${process.pid}-${start.toString(36)}-${labs++}`;
}

/** The process that created a lab: its pid, and its start time in clock ticks. */
export interface NamespaceOwner {
  readonly pid: number;
  readonly start: number;
}

/** Returns the owner of a namespace; undefined if no lab created it. */
export function ownerOf(namespace: string): NamespaceOwner | undefined {
  const [, pid, start] = NAME.exec(namespace) ?? [];
  if (pid === undefined || start === undefined) return undefined;
  return { pid: Number(pid), start: Number.parseInt(start, 36) };
}

/** Removes the namespaces of labs whose owners are dead, with the processes in them. */
export function reapStale(): void {
  deleteNamespacesSync(
    namespaceNames().filter((name) => {
      const owner = ownerOf(name);
      return owner !== undefined && processStart(owner.pid) !== owner.start;
    }),
  );
}

/** Returns the names of all network namespaces of this machine. */
export function namespaceNames(): string[] {
  try {
    return readdirSync(NETNS_DIRECTORY);
  } catch {
    return [];
  }
}

/**
 * Kills the processes in these namespaces and removes the namespaces. Synchronous and never throws,
 * because it is also called while the process exits.
 * @param namespaces - names of existing namespaces of a lab
 */
export function deleteNamespacesSync(namespaces: readonly string[]): void {
  if (namespaces.length === 0) return;
  for (const pid of processesIn(namespaces)) killQuietly(pid, 'SIGKILL');
  const batch = namespaces.map((name) => `netns del ${name}\n`).join('');
  try {
    runSync(['ip', '-force', '-batch', '-'], batch);
  } catch {
    // A namespace that is already gone counts as removed.
  }
}

/** Returns every process whose network namespace is one of these. */
function processesIn(namespaces: readonly string[]): number[] {
  const wanted = new Set(namespaces.map(namespaceLink));
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => wanted.has(readlinkOrEmpty(`/proc/${pid}/ns/net`)))
    .map(Number);
}

/** Returns the target of /proc/PID/ns/net of a process in a namespace (namespaces(7)). */
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
 * Returns the start time of a process, in clock ticks (field 22 of proc(5)'s stat); undefined if
 * there is no such process. With the pid it identifies a process uniquely, since pids are reused.
 */
export function processStart(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses, which may contain any character.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return undefined;
  }
}
