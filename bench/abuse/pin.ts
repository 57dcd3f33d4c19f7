import { spawnSync } from 'node:child_process';
import { toolEnvironment } from '../../src/lab/tools.js';

/** Pins the threads of processes to a CPU. Without `taskset` they stay unpinned. */
export function pinTo(cpu: number, pids: readonly number[]): void {
  for (const pid of pids) {
    spawnSync('taskset', ['-acp', String(cpu), String(pid)], { env: toolEnvironment() });
  }
}
