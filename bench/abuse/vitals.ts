import { readdirSync } from 'node:fs';
import { type Memory, readMemory } from '../setup/usage.js';

/** The resources of a process. */
export interface Vitals {
  /** After garbage collection. */
  readonly memory: Memory;
  readonly descriptors: number;
  /** Number of timers, sockets and requests of Node's event loop. */
  readonly resources: number;
  /** The output of `/metrics`. */
  readonly metrics: string;
}

/**
 * Runs the garbage collector and returns the resources of this process.
 * @param metrics - the metrics of the service in this process
 */
export async function readVitals(metrics: Promise<string>): Promise<Vitals> {
  return {
    memory: await readMemory(),
    descriptors: readdirSync('/proc/self/fd').length,
    resources: process.getActiveResourcesInfo().length,
    metrics: await metrics,
  };
}
