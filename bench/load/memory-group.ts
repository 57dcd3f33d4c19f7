import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Mount points of the memory controller: of cgroup v1 and v2. */
const V1 = '/sys/fs/cgroup/memory';
const V2 = '/sys/fs/cgroup';

/**
 * A control group of the kernel, which counts the kernel's memory for a process: sockets, files,
 * page tables.
 */
export class MemoryGroup {
  readonly #folder: string;
  readonly #read: (folder: string) => number;

  private constructor(folder: string, read: (folder: string) => number) {
    this.#folder = folder;
    this.#read = read;
  }

  /**
   * Makes a group and puts a process into it. What the process had before counts elsewhere.
   * @param name - unique on this host
   * @returns undefined if the kernel or the user's rights do not allow it
   */
  static of(pid: number, name: string): MemoryGroup | undefined {
    const isV1 = existsSync(join(V1, 'memory.kmem.usage_in_bytes'));
    const group = isV1
      ? new MemoryGroup(join(V1, name), kernelBytesOfV1)
      : new MemoryGroup(join(V2, name), kernelBytesOfV2);
    try {
      mkdirSync(group.#folder);
      writeFileSync(join(group.#folder, 'cgroup.procs'), String(pid));
      group.kernelBytes();
      return group;
    } catch {
      group.remove();
      return undefined;
    }
  }

  /** Returns the kernel's memory for the process since it joined. */
  kernelBytes(): number {
    return this.#read(this.#folder);
  }

  /** Removes the group, if its process has ended; no effect otherwise. */
  remove(): void {
    try {
      rmdirSync(this.#folder);
    } catch {
      // The system removes what is left when it restarts; an empty group costs little.
    }
  }
}

function kernelBytesOfV1(folder: string): number {
  return Number(readFileSync(join(folder, 'memory.kmem.usage_in_bytes'), 'utf8'));
}

function kernelBytesOfV2(folder: string): number {
  const stat = readFileSync(join(folder, 'memory.stat'), 'utf8');
  const found = /^kernel (\d+)$/m.exec(stat)?.[1];
  if (found === undefined) throw new Error('the kernel does not count its own memory');
  return Number(found);
}
