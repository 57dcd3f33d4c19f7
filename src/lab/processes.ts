import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { killQuietly, toolEnvironment } from './tools.js';
import type { LabHost } from './topology.js';

/** Default time between SIGTERM and SIGKILL. */
export const STOP_GRACE_MS = 2_000;

/** Options of `Lab.spawn`. */
export interface SpawnOptions {
  /** Variables added to the owner's environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** As in node:child_process; default `pipe`. */
  readonly stdio?: StdioOptions;
  readonly cwd?: string;
}

/** How a process ended; one of the two is null. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process in a host's namespace. */
export class LabProcess {
  /** Node's child process, with its streams. */
  readonly child: ChildProcess;
  /** Resolves when the process has ended and its streams are closed. */
  readonly ended: Promise<ProcessEnd>;

  constructor(child: ChildProcess) {
    this.child = child;
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }));
      // A program that cannot be started counts as not found by a shell (127).
      child.once('error', () => resolve({ code: 127, signal: null }));
    });
  }

  /** The pid; undefined if the process could not be started. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Sends a signal; no effect after the end. */
  signal(signal: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.child;
    if (pid !== undefined && exitCode === null && signalCode === null) killQuietly(pid, signal);
  }

  /**
   * Sends SIGTERM, and SIGKILL after the grace time.
   * @param graceMs - grace time, ms
   * @returns how the process ended
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
 * Runs the program if the owner, whose pid is `$0`, is still the parent: the kernel sends no signal
 * if the owner died before prctl(2).
 */
const EXEC_IF_OWNED = 'test "$PPID" = "$0" && exec "$@"';

/**
 * Starts a program in a host's namespace. Each wrapper replaces itself by the next program, so the
 * pid is the program's own. The kernel kills it when its owner dies (PR_SET_PDEATHSIG).
 * @param host - a host of a lab that is up
 * @param argv - program and arguments, without a shell
 * @returns the process; one whose program is not found ends with code 127
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
      // The owner decides what Ctrl-C does to it.
      detached: true,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    }),
  );
}
