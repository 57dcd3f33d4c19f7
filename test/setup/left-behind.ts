/**
 * What a run of .ci/run has left on the machine: `left-behind.ts NAMESPACES`, a file with the names
 * of the network namespaces that were there before. Ends with status 1 and names what it finds.
 * Processes of the run are known by TURNPIKE_CI_RUN in their environment; namespaces that somebody
 * else made meanwhile, and those of a lab that is still in use, are none of the run's.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { namespaceNames, ownerOf, processStart } from '../../src/lab/namespaces.js';

/** Helpers of programs that have ended follow them within this. */
const GRACE_MS = 5_000;

const MARK = 'TURNPIKE_CI_RUN';

/** What to compare with. */
export interface RunMarks {
  /** Namespaces that were there before the run. */
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

/** Processes of the run but for this one, those that started it and those that it started. */
function processesLeft({ mark }: RunMarks): string[] {
  const mine = new Set([process.pid, ...ancestors(process.pid)]);
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => hasMark(pid, mark))
    .filter((pid) => !mine.has(pid) && !ancestors(pid).includes(process.pid))
    .map((pid) => `process ${pid}: ${commandOf(pid)}`);
}

/** New namespaces of the lab whose owner belongs to the run, or can no longer be asked. */
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
 * What is left of a run.
 * @param names - the namespaces that there are now
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
