import { readdir, readFile } from 'node:fs/promises';
import { firstServer, type Place, type Scene } from './scene.js';

/**
 * How work that belongs to no process is charged. On veth the receiving side's work runs in the
 * sender's context, which would be the generator's. With NAPI threads the kernel does it in a
 * thread of its own, which is pinned to the server's CPU and whose time is the contestant's.
 */
export interface KernelWork {
  /** The thread that polls the server's near device. */
  readonly pid: number;
  /** Puts the device back as it was. */
  restore(): Promise<void>;
}

const THREAD_WAIT_MS = 2_000;

/** Every NAPI thread for a device of this name, in whatever namespace that device is. */
async function napiThreads(device: string): Promise<Set<number>> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids.map(async (pid) => {
      // The kernel's full name of a thread is in comm, as it has no command line.
      const name = await readFile(`/proc/${pid}/comm`, 'latin1').catch(() => '');
      return name.startsWith(`napi/${device}`) ? Number(pid) : undefined;
    }),
  );
  return new Set(found.filter((pid) => pid !== undefined));
}

async function setThreaded(scene: Scene, on: boolean): Promise<void> {
  const place = firstServer(scene).near;
  const file = `/sys/class/net/${place.device}/threaded`;
  await scene.run(place, ['sh', '-c', `echo ${on ? 1 : 0} > ${file}`]);
}

/**
 * Gives the server's near device a NAPI thread on the server's CPU.
 * @param activate - what makes the device poll at all: an XDP program, or receive offload
 * @throws Error where the kernel makes no such thread
 */
export async function threadKernelWork(
  scene: Scene,
  activate: () => Promise<void>,
): Promise<KernelWork> {
  const { device } = firstServer(scene).near;
  const before = await napiThreads(device);
  await activate();
  await setThreaded(scene, true);
  const deadline = Date.now() + THREAD_WAIT_MS;
  for (;;) {
    const pid = [...(await napiThreads(device))].find((each) => !before.has(each));
    if (pid !== undefined) {
      await scene.run(firstServer(scene).near, [
        'taskset',
        '-p',
        '-c',
        `${scene.cpus.server}`,
        `${pid}`,
      ]);
      return { pid, restore: () => setThreaded(scene, false) };
    }
    if (Date.now() > deadline) throw new Error(`the kernel made no NAPI thread for ${device}`);
  }
}

/**
 * Makes the server's near device poll, or not: veth uses NAPI where the receiver coalesces and the
 * sender does not segment.
 */
export async function setPolling(scene: Scene, on: boolean): Promise<void> {
  const set = (end: Place, feature: string, value: boolean) =>
    scene.run(end, ['ethtool', '-K', end.device, feature, value ? 'on' : 'off']);
  await set(firstServer(scene).near, 'gro', on);
  await set(scene.near, 'tso', !on);
}

/** Turns the segmentation of super-frames by the servers' far devices on or off. */
export async function setSegmentation(scene: Scene, on: boolean): Promise<void> {
  for (const { far } of scene.servers) {
    const state = on ? 'on' : 'off';
    await scene.run(far, ['ethtool', '-K', far.device, 'tx-udp-segmentation', state]);
  }
}
