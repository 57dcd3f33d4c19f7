import { spawnSync } from 'node:child_process';
import { toolEnvironment } from '../../src/lab/tools.js';

/** Binds processes to a CPU; without the tool the kernel decides who runs where. */
export function pinTo(cpu: number, pids: readonly number[]): void {
  for (const pid of pids) {
    spawnSync('taskset', ['-acp', String(cpu), String(pid)], { env: toolEnvironment() });
  }
}
