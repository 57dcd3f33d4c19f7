import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Memory of this process in bytes, after garbage collection. */
export interface Memory {
  /** Proportional set size: a resident page that n processes share counts as 1/n. */
  readonly residentBytes: number;
  /** Resident pages of this process only. */
  readonly privateBytes: number;
  /** Memory of JavaScript objects. */
  readonly heapUsedBytes: number;
  /** Memory that the JavaScript heap has taken from the system. */
  readonly heapTotalBytes: number;
  /** Memory that JavaScript objects hold outside of the heap. */
  readonly externalBytes: number;
}

/** CPU time in microseconds since the process began. */
export interface ProcessorTime {
  /** CPU time of the main thread, which handles control messages. */
  readonly controlUs: number;
  /** CPU time of all threads, including forwarding, compilation and garbage collection. */
  readonly processUs: number;
}

/** USER_HZ, the unit of /proc/PID/stat. */
const TICK_US = 1_000_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
/** Indexes of utime and stime in /proc/PID/stat after the name, which may contain spaces. */
const USER_TIME_FIELD = 11;
const SYSTEM_TIME_FIELD = 12;

/** Runs the garbage collector and returns the memory of this process; needs Node's --expose-gc. */
export async function readMemory(): Promise<Memory> {
  const collect = (globalThis as { gc?: () => void }).gc;
  // Finalizers run after a collection, and the next one returns the memory that they have freed.
  for (let round = 0; round < 3; round++) {
    collect?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const rollup = readFileSync('/proc/self/smaps_rollup', 'utf8');
  const { heapUsed, heapTotal, external } = process.memoryUsage();
  return {
    residentBytes: kilobytesOf(rollup, 'Pss'),
    privateBytes: kilobytesOf(rollup, 'Private_Dirty') + kilobytesOf(rollup, 'Private_Clean'),
    heapUsedBytes: heapUsed,
    heapTotalBytes: heapTotal,
    externalBytes: external,
  };
}

function kilobytesOf(rollup: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0) * 1_024;
}

/** Resident memory, CPU time of all threads, and open descriptors of another process. */
export interface ProcessUsage {
  readonly residentBytes: number;
  readonly processUs: number;
  readonly descriptors: number;
}

/** Returns the usage of a process of this user; all figures are 0 after its end. */
export function readProcessUsage(pid: number): ProcessUsage {
  try {
    const resident = kilobytesOf(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS');
    const descriptors = readdirSync(`/proc/${pid}/fd`).length;
    const processUs = ticksOf(readFileSync(`/proc/${pid}/stat`, 'utf8')) * TICK_US;
    return { residentBytes: resident, processUs, descriptors };
  } catch {
    return { residentBytes: 0, processUs: 0, descriptors: 0 };
  }
}

function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[USER_TIME_FIELD]) + Number(fields[SYSTEM_TIME_FIELD]);
}

/** Returns the CPU time of this process so far. */
export function readProcessorTime(): ProcessorTime {
  const ticks = ticksOf(readFileSync(`/proc/self/task/${process.pid}/stat`, 'utf8'));
  const { user, system } = process.cpuUsage();
  return { controlUs: ticks * TICK_US, processUs: user + system };
}

/**
 * Returns the datagrams that IPv4 UDP sockets of this network namespace have dropped, which is
 * when their receive buffer is full.
 * @param ports - local ports of the sockets
 */
export function readSocketDrops(ports: readonly number[]): number {
  const wanted = new Set(ports);
  let drops = 0;
  for (const line of readFileSync('/proc/net/udp', 'utf8').split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const port = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16);
    if (wanted.has(port)) drops += Number(fields.at(-1));
  }
  return drops;
}
