import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { TurnpikeError } from '../errors.js';

/** Where programs are looked for, as PATH. */
export const SEARCH_PATH = searchPath(process.env.PATH ?? '');

/**
 * A PATH with the administrators' folders that an ordinary user's leaves out on Debian: `sbin`
 * beside each `bin`. Where neither /usr/bin nor /bin is on the PATH, nothing of theirs is added.
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
 * @param name - without folder
 * @param path - the folders to look in, as PATH
 * @returns its path, or undefined when it is in none of them
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
