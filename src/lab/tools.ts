import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { TurnpikeError } from '../errors.js';

/** Directories of programs, as PATH. */
export const SEARCH_PATH = searchPath(process.env.PATH ?? '');

/**
 * Returns a PATH with the `sbin` directory beside each `bin`, which an ordinary user's PATH lacks
 * on Debian.
 * @param path - as PATH
 */
function searchPath(path: string): string {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  const beside = folders
    .filter((folder) => basename(folder) === 'bin')
    .map((folder) => join(dirname(folder), 'sbin'));
  return [...new Set([...folders, ...beside])].join(delimiter);
}

/**
 * Finds a program.
 * @param name - without directory
 * @param path - directories to search, as PATH
 * @returns its path; undefined if no directory has it
 */
export function findTool(name: string, path: string = SEARCH_PATH): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
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

/** Returns the environment of the programs that the lab starts. */
export function toolEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH: SEARCH_PATH, ...extra };
}

/**
 * Runs one of the lab's tools to its end.
 * @param argv - program and arguments, without a shell
 * @param input - its standard input
 * @throws TurnpikeError ERR_TURNPIKE_LAB with the first line of the tool's standard error
 */
export function run(argv: readonly string[], input = ''): Promise<void> {
  const [program = '', ...rest] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      env: toolEnvironment(),
      stdio: ['pipe', 'ignore', 'pipe'],
      // Ctrl-C is handled by the owner: it must not end the tools of a half-created lab.
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
    // A tool that ends before it has read its input reports why on stderr; EPIPE adds nothing.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/**
 * As `run`, but synchronous, for the exit of a process.
 * @throws TurnpikeError ERR_TURNPIKE_LAB as `run`
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

/** Sends a signal to a process that may have ended. */
export function killQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: it has ended.
  }
}
