import { execFileSync, spawn } from 'node:child_process';
import { delimiter } from 'node:path';
import { TurnpikeError } from '../errors.js';

/** Debian keeps administrators' programs outside an ordinary user's PATH. */
export const SEARCH_PATH = [process.env.PATH ?? '', '/usr/sbin', '/sbin'].join(delimiter);

/** The environment of every program the lab starts. */
export function toolEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH: SEARCH_PATH, ...extra };
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

/**
 * The same, synchronously: for the way out of a process.
 * @throws TurnpikeError ERR_TURNPIKE_LAB
 */
export function runSync(argv: readonly string[], input = ''): void {
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

/** Signals a process that may have ended. */
export function killQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: it has ended.
  }
}
