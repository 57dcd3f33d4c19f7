import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { killQuietly, toolEnvironment } from './tools.js';
import type { LabHost } from './topology.js';

/** How long a process may take to end after SIGTERM before it gets SIGKILL. */
export const STOP_GRACE_MS = 2_000;

export interface SpawnOptions {
  /** Added to the owner's environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** As in node:child_process; `pipe` when left out. */
  readonly stdio?: StdioOptions;
  readonly cwd?: string;
}

/** How a process ended: one of the two is null. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that runs in a host's namespace. */
export class LabProcess {
  /** Node's handle on it, with its streams. */
  readonly child: ChildProcess;
  /** Resolves when it has ended and its streams are closed. */
  readonly ended: Promise<ProcessEnd>;

  constructor(child: ChildProcess) {
    this.child = child;
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }));
      // A program that cannot start at all counts as one that a shell did not find.
      child.once('error', () => resolve({ code: 127, signal: null }));
    });
  }

  /** Its pid; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Sends a signal; nothing happens when it has ended. */
  signal(signal: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.child;
    if (pid !== undefined && exitCode === null && signalCode === null) killQuietly(pid, signal);
  }

  /**
   * SIGTERM, and SIGKILL for one that does not heed it.
   * @param graceMs - how long it may take, in milliseconds
   */
  async stop(graceMs = STOP_GRACE_MS): Promise<ProcessEnd> {
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), graceMs);
    const end = await this.ended;
    clearTimeout(timer);
    return end;
  }
}

/**
 * Runs the program unless the owner, whose pid comes first, is dead by now: the kernel sends no
 * signal for a death that was before prctl(2).
 */
const EXEC_IF_OWNED = 'test "$PPID" = "$0" && exec "$@"';

/**
 * Starts a program in a host's namespace. Every program on the way replaces itself by the next, so
 * the pid is the program's own; the kernel kills it when its owner dies (PR_SET_PDEATHSIG).
 * @param host - a host of a lab that is up
 * @param argv - program and arguments; no shell reads them
 */
export function spawnInNamespace(
  host: LabHost,
  argv: readonly string[],
  options: SpawnOptions = {},
): LabProcess {
  const enter = ['netns', 'exec', host.namespace, 'setpriv', '--pdeathsig', 'KILL', '--'];
  const prefix = [...enter, 'sh', '-c', EXEC_IF_OWNED, String(process.pid)];
  return new LabProcess(
    spawn('ip', [...prefix, ...argv], {
      env: toolEnvironment(options.env),
      stdio: options.stdio ?? 'pipe',
      // The owner decides what Ctrl-C means for them.
      detached: true,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    }),
  );
}
