import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { missingText, missingTools } from '../../test/setup/system-packages.js';
import { ETHTOOL } from '../../test/setup/system-tools.js';
import { firstServer, type Place, type Scene } from './scene.js';
import type { OnStop } from './start-in-steps.js';

const THREAD_WAIT_MS = 2_000;

/** Returns why a device's offloads cannot be changed; undefined if they can. */
export function ethtoolObstacle(): string | undefined {
  const missing = missingTools([ETHTOOL]);
  return missing.length === 0 ? undefined : missingText(missing);
}

/** Returns the NAPI threads of all devices of this name, in any network namespace. */
async function napiThreads(device: string): Promise<Set<number>> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids.map(async (pid) => {
      // A kernel thread has no command line; its full name is in comm.
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

/** Pins a thread to the servers' CPU. @returns false if it has ended */
async function isPinned(scene: Scene, place: Place, pid: number): Promise<boolean> {
  try {
    await scene.run(place, ['taskset', '-p', '-c', `${scene.cpus.server}`, `${pid}`]);
    return true;
  } catch (error) {
    if (existsSync(`/proc/${pid}`)) throw error;
    return false;
  }
}

/** Starts threaded polling of a device. @returns its new thread, which `known` does not have */
async function newThread(scene: Scene, place: Place, known: Set<number>): Promise<number> {
  await setThreaded(scene, place, true);
  const deadline = Date.now() + THREAD_WAIT_MS;
  for (;;) {
    const pid = [...(await napiThreads(place.device))].find((each) => !known.has(each));
    if (pid !== undefined && (await isPinned(scene, place, pid))) return pid;
    // The thread of a device of the same name in another namespace, which has just ended.
    if (pid !== undefined) known.add(pid);
    if (Date.now() > deadline) {
      throw new Error(`the kernel made no NAPI thread for ${place.device}`);
    }
  }
}

/**
 * Gives devices of the servers a NAPI thread each, on the server's CPU. On veth the receiving
 * side's work otherwise runs in the sender's context, here the generator's. The time of a separate
 * thread can be counted for the contestant. The devices must use NAPI already, which an XDP program
 * or receive offload enables.
 * @param rows - for each direction, the devices that packets enter in turn; default: the first
 *   server's near device
 * @returns the threads' pids
 * @throws Error if the kernel creates no such thread
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
    // The next server's thread takes packets at once, as a host with its own CPUs would. With equal
    // priority the first thread would fill the next one's short ring for milliseconds and lose
    // packets.
    const isEntry = rows.some(([first]) => first === place);
    if (!isEntry) await scene.run(place, ['chrt', '-f', '-p', '1', `${pid}`]);
  }
  return pids;
}

/**
 * Turns NAPI of the server's near device on or off. veth uses it if the receiver coalesces (GRO)
 * and the sender does not segment (TSO).
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
 * Turns checksum offload of the devices between the servers on or off. Without it the packets of a
 * server's sockets reach the next server's XDP program with complete checksums, as on a wire.
 */
export async function setChecksumOffload(scene: Scene, on: boolean): Promise<void> {
  // All devices but the first, which faces the near end, and the last, which faces the far end.
  const between = scene.servers.flatMap(({ near, far }) => [near, far]).slice(1, -1);
  for (const place of between) {
    await scene.run(place, ['ethtool', '-K', place.device, 'tx', on ? 'on' : 'off']);
  }
}
