import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { TurnpikeError } from '../errors.js';

/** Where `ip netns` keeps its names. */
const NETNS_DIRECTORY = '/run/netns';

/** The programs a lab runs, with the Debian package of each. */
const TOOLS = { ip: 'iproute2', nft: 'nftables', setpriv: 'util-linux', tee: 'coreutils' } as const;

type Tool = keyof typeof TOOLS;

/** Debian keeps administrators' programs outside an ordinary user's PATH. */
const SEARCH_PATH = [process.env.PATH ?? '', '/usr/sbin', '/sbin'].join(delimiter);

/** The environment of every program the lab starts. */
export function toolEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH: SEARCH_PATH, ...extra };
}

export type LabSupport = { readonly ok: true } | { readonly ok: false; readonly why: string };

/** Needs what the lab's own rules need of the kernel. */
const PROBE_RULES = `
table ip probe {
  chain postrouting {
    type nat hook postrouting priority srcnat
    numgen random mod 100 < 1 masquerade
  }
}
`;

let support: LabSupport | undefined;

/**
 * Whether labs can be made here: root, the tools, and a kernel that lets this process have network
 * namespaces and NAT rules, which is tried once with a namespace of its own.
 * @returns ok, or one line that names what is missing
 */
export function labSupport(): LabSupport {
  support ??= findSupport();
  return support;
}

function findSupport(): LabSupport {
  if (process.platform !== 'linux') return { ok: false, why: 'network namespaces need Linux' };
  if (process.getuid?.() !== 0) {
    return { ok: false, why: 'network namespaces need root: run it again with sudo' };
  }
  const missing = missingTools(SEARCH_PATH);
  if (missing.length > 0) {
    const packages = missing.map((tool) => TOOLS[tool]).join(' ');
    return { ok: false, why: `${missing.join(', ')} not found: apt-get install ${packages}` };
  }
  return tryKernel();
}

function tryKernel(): LabSupport {
  const probe = `turnpike-probe-${process.pid}`;
  try {
    runSync(['ip', 'netns', 'add', probe]);
    runSync(['ip', 'netns', 'exec', probe, 'nft', '-f', '-'], PROBE_RULES);
    return { ok: true };
  } catch (error) {
    const why = (error as TurnpikeError).message;
    return { ok: false, why: `network namespaces with NAT do not work here: ${why}` };
  } finally {
    deleteNamespacesSync([probe].filter((name) => namespaceNames().includes(name)));
  }
}

/**
 * The tools that are in none of these directories.
 * @param searchPath - as PATH
 */
export function missingTools(searchPath: string): Tool[] {
  const directories = searchPath.split(delimiter);
  return (Object.keys(TOOLS) as Tool[]).filter(
    (tool) => !directories.some((directory) => isExecutable(join(directory, tool))),
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs one of the lab's tools to its end.
 * @param argv - program and arguments; no shell reads them
 * @param input - its standard input
 * @throws TurnpikeError ERR_TURNPIKE_LAB with the tool's first line of complaint
 */
export function run(argv: readonly string[], input = ''): Promise<void> {
  const [program = '', ...rest] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      env: toolEnvironment(),
      stdio: ['pipe', 'ignore', 'pipe'],
      // Ctrl-C is for the owner to handle: it must not tear a half-built lab's tools away.
      detached: true,
    });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    child.on('error', (cause) => reject(toolError(argv, cause.message, cause)));
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(toolError(argv, complaint));
    });
    // A tool that dies before it has read its input says why on stderr; EPIPE says nothing more.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

function runSync(argv: readonly string[], input = ''): void {
  const [program = '', ...rest] = argv;
  try {
    execFileSync(program, rest, {
      env: toolEnvironment(),
      input,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
  } catch (cause) {
    const { stderr } = cause as { stderr?: Buffer };
    throw toolError(argv, stderr?.toString() || String(cause), cause);
  }
}

function toolError(argv: readonly string[], complaint: string, cause?: unknown): TurnpikeError {
  const line = complaint.trim().split('\n')[0] ?? '';
  return new TurnpikeError('ERR_TURNPIKE_LAB', `${argv.join(' ')}: ${line}`, { cause });
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

/** Signals a process that may have ended. */
export function killQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: it has ended.
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
