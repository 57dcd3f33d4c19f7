/**
 * Lists the processes and network namespaces that a run of .ci/run left on the machine, and ends
 * with status 1 if there are any. Usage: `left-behind.ts FILE`, a file with the names of the
 * namespaces that existed before the run. A process belongs to the run if TURNPIKE_CI_RUN in its
 * environment says so, a new namespace if its owner does or has ended.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { namespaceNames, ownerOf, processStart } from '../../src/lab/namespaces.js';

/** Time for helper processes to end after the program that started them. */
const GRACE_MS = 5_000;

const MARK = 'TURNPIKE_CI_RUN';

/** Tells what belongs to a run. */
export interface RunMarks {
  /** Names of the namespaces that existed before the run. */
  readonly namespacesBefore: readonly string[];
  /** The value of TURNPIKE_CI_RUN. */
  readonly mark: string;
}

function hasMark(pid: number, mark: string): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
    return environment.split('\0').includes(`${MARK}=${mark}`);
  } catch {
    return false;
  }
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

function ancestors(pid: number): number[] {
  const parent = parentOf(pid);
  return parent <= 0 ? [] : [parent, ...ancestors(parent)];
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** The processes of the run, without this one, its ancestors and its descendants. */
function processesLeft({ mark }: RunMarks): string[] {
  const mine = new Set([process.pid, ...ancestors(process.pid)]);
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => hasMark(pid, mark))
    .filter((pid) => !mine.has(pid) && !ancestors(pid).includes(process.pid))
    .map((pid) => `process ${pid}: ${commandOf(pid)}`);
}

/** New namespaces of the lab whose owner belongs to the run or has ended. */
function namespacesLeft(names: readonly string[], { namespacesBefore, mark }: RunMarks): string[] {
  return names
    .filter((name) => !namespacesBefore.includes(name))
    .filter((name) => {
      const owner = ownerOf(name);
      if (owner === undefined) return false;
      const isAlive = processStart(owner.pid) === owner.start;
      return !isAlive || hasMark(owner.pid, mark);
    })
    .map((name) => `network namespace ${name}`);
}

/**
 * Lists what is left of a run.
 * @param names - the names of the namespaces that exist now
 * @returns one line for each process and namespace
 */
export function leftBehind(marks: RunMarks, names: readonly string[] = namespaceNames()): string[] {
  return [...processesLeft(marks), ...namespacesLeft(names, marks)];
}

async function main(file: string): Promise<number> {
  const namespacesBefore = readFileSync(file, 'utf8').split('\n');
  const marks = { namespacesBefore, mark: process.env[MARK] ?? '' };
  const deadlineMs = performance.now() + GRACE_MS;
  let left = leftBehind(marks);
  while (left.length > 0 && performance.now() < deadlineMs) {
    await sleep(100);
    left = leftBehind(marks);
  }
  for (const line of left) console.error(`left behind: ${line}`);
  return left.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv[2] ?? '/dev/null');
}
