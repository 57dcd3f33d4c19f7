import { readdirSync } from 'node:fs';
import { type Memory, readMemory } from '../setup/usage.js';

/** What a process holds. */
export interface Vitals {
  /** After garbage collection. */
  readonly memory: Memory;
  readonly descriptors: number;
  /** Timers, sockets and requests that Node's event loop knows. */
  readonly resources: number;
  /** Its page of metrics. */
  readonly metrics: string;
}

/**
 * Collects garbage and reads what is left.
 * @param metrics - of the service in this process
 */
export async function readVitals(metrics: Promise<string>): Promise<Vitals> {
  return {
    memory: await readMemory(),
    descriptors: readdirSync('/proc/self/fd').length,
    resources: process.getActiveResourcesInfo().length,
    metrics: await metrics,
  };
}
