import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { missingText, missingTools } from '../../test/setup/system-packages.js';
import { ETHTOOL } from '../../test/setup/system-tools.js';
import { firstServer, type Place, type Scene } from './scene.js';
import type { OnStop } from './start-in-steps.js';

const THREAD_WAIT_MS = 2_000;

/** Why what changes a device's offloads has no part; undefined when they can be changed. */
export function ethtoolObstacle(): string | undefined {
  const missing = missingTools([ETHTOOL]);
  return missing.length === 0 ? undefined : missingText(missing);
}

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

async function setThreaded(scene: Scene, place: Place, on: boolean): Promise<void> {
  const file = `/sys/class/net/${place.device}/threaded`;
  await scene.run(place, ['sh', '-c', `echo ${on ? 1 : 0} > ${file}`]);
}

/** Pins a thread to the servers' CPU. @returns false when it is gone */
async function isPinned(scene: Scene, place: Place, pid: number): Promise<boolean> {
  try {
    await scene.run(place, ['taskset', '-p', '-c', `${scene.cpus.server}`, `${pid}`]);
    return true;
  } catch (error) {
    if (existsSync(`/proc/${pid}`)) throw error;
    return false;
  }
}

/** The thread that polls a device from now on, none of those known. */
async function newThread(scene: Scene, place: Place, known: Set<number>): Promise<number> {
  await setThreaded(scene, place, true);
  const deadline = Date.now() + THREAD_WAIT_MS;
  for (;;) {
    const pid = [...(await napiThreads(place.device))].find((each) => !known.has(each));
    if (pid !== undefined && (await isPinned(scene, place, pid))) return pid;
    // It was that of a device of this name elsewhere, which has just gone.
    if (pid !== undefined) known.add(pid);
    if (Date.now() > deadline) {
      throw new Error(`the kernel made no NAPI thread for ${place.device}`);
    }
  }
}

/**
 * Gives devices of the servers a NAPI thread each, on the server's CPU. On veth the receiving
 * side's work runs in the sender's context, which would be the generator's; in a thread of its own
 * its time can be charged to the contestant. The devices poll already: an XDP program, or receive
 * offload, makes them.
 * @param rows - the devices that packets enter one after the other, for each direction; left out,
 *   the first server's near one
 * @returns the threads' pids
 * @throws Error where the kernel makes no such thread
 */
export async function threadKernelWork(
  scene: Scene,
  onStop: OnStop,
  rows: readonly (readonly Place[])[] = [[firstServer(scene).near]],
): Promise<number[]> {
  const places = rows.flat();
  const before = await Promise.all(places.map(({ device }) => napiThreads(device)));
  const known = new Set(before.flatMap((threads) => [...threads]));
  const pids: number[] = [];
  for (const place of places) {
    onStop(() => setThreaded(scene, place, false));
    const pid = await newThread(scene, place, known);
    // Devices in different namespaces may have one name.
    known.add(pid);
    pids.push(pid);
    // What one server hands to the next is taken at once, as by a host with CPUs of its own: with
    // equal rights the first would fill the next one's short ring for milliseconds, and lose it.
    const isEntry = rows.some(([first]) => first === place);
    if (!isEntry) await scene.run(place, ['chrt', '-f', '-p', '1', `${pid}`]);
  }
  return pids;
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

/**
 * Turns the completion of checksums on or off for the devices between the servers. A device's XDP
 * program must see what a server's sockets send as it would be on a wire.
 */
export async function setChecksumOffload(scene: Scene, on: boolean): Promise<void> {
  // All but the first device, which faces the near end, and the last, which faces the far one.
  const between = scene.servers.flatMap(({ near, far }) => [near, far]).slice(1, -1);
  for (const place of between) {
    await scene.run(place, ['ethtool', '-K', place.device, 'tx', on ? 'on' : 'off']);
  }
}
