import { hasBpfTools } from './bpf-tools.js';
import type { OnEnd } from './clean-up.js';
import { ToolProcess, toolArguments, toolPath } from './programs.js';
import type { Scene } from './scene.js';
import type { Arrivals, Workload } from './types.js';

/** Options of a counter, which counts arrivals at the far end's device and drops most of them. */
export interface CounterOptions {
  readonly arrivals: Arrivals;
  /** One packet in this many is passed to the sink; 0 drops all. */
  readonly sampleOneIn: number;
}

/** Counts of arrivals. */
export interface Counts {
  /** Packets of the device. A super-frame is one packet. */
  readonly packets: number;
  /** Datagrams as on a wire. */
  readonly datagrams: number;
  /** Bytes of UDP payload. */
  readonly payloadBytes: number;
  /** Packets that were passed to the sink; absent if they were not counted. */
  readonly sampled?: number;
}

/** A counter at the far end's device. */
export interface FarCounter {
  /** Reads the counter and removes it. */
  finish(): Promise<Counts>;
}

const IP_AND_UDP_BYTES = 28;
const TRUNK_HEADER_BYTES = 20;
const RECORD_HEADER_BYTES = 8;
const CHANNEL_HEADER_BYTES = 4;

/**
 * Attaches a counter to the far end's device.
 * @param onEnd - registers its removal
 * @throws Error if the kernel refuses it
 */
export function placeCounter(
  scene: Scene,
  options: CounterOptions,
  onEnd: OnEnd,
): Promise<FarCounter> {
  return hasBpfTools()
    ? placeBpfCounter(scene, options, onEnd)
    : placeNftCounter(scene, options, onEnd);
}

async function placeBpfCounter(
  scene: Scene,
  options: CounterOptions,
  onEnd: OnEnd,
): Promise<FarCounter> {
  const { hook = 'tc', port, ports } = options.arrivals;
  const argv = toolArguments({
    object: toolPath('far_counter.bpf.o'),
    interface: scene.far.device,
    hook,
    port,
    ports,
    'sample-one-in': options.sampleOneIn,
  });
  const spawned = scene.spawn(scene.far, scene.cpus.generator, [toolPath('far_counter'), ...argv]);
  const tool = new ToolProcess(spawned, 'the far counter');
  onEnd(() => tool.stop());
  await tool.line('ready');
  return { finish: () => tool.finish<Counts>() };
}

/**
 * Counts with nftables if BPF is missing. It counts a super-frame as one packet, so the headers of
 * its other datagrams count as payload.
 */
async function placeNftCounter(
  scene: Scene,
  options: CounterOptions,
  onEnd: OnEnd,
): Promise<FarCounter> {
  const { port, ports } = options.arrivals;
  const sample =
    options.sampleOneIn === 0
      ? ''
      : `udp dport ${port}-${port + ports - 1} numgen inc mod ${options.sampleOneIn} 0 accept`;
  const rules = `
    table netdev rig
    delete table netdev rig
    table netdev rig {
      counter delivered {}
      chain arrivals {
        type filter hook ingress device "${scene.far.device}" priority 0;
        meta protocol != ip accept
        meta l4proto != udp accept
        counter name delivered
        ${sample}
        drop
      }
    }
  `;
  // Creates the table before deleting it, so that this also succeeds without one.
  const remove = 'table netdev rig; delete table netdev rig';
  onEnd(() => scene.run(scene.far, ['nft', remove]));
  await scene.run(scene.far, ['nft', rules]);
  return {
    finish: async () => nftCounts(await scene.run(scene.far, ['nft', '-j', 'list', 'counters'])),
  };
}

function nftCounts(text: string): Counts {
  const { nftables } = JSON.parse(text) as {
    nftables: { counter?: { packets: number; bytes: number } }[];
  };
  const found = nftables.find((entry) => entry.counter !== undefined)?.counter;
  if (found === undefined) throw new Error('the far end has no counter');
  const payloadBytes = found.bytes - found.packets * IP_AND_UDP_BYTES;
  return { packets: found.packets, datagrams: found.packets, payloadBytes };
}

/**
 * Returns the number of peers' payloads in counted arrivals, computed from the bytes and the
 * workload's mean payload size, because a trunk datagram may hold several. A Data indication holds
 * one, and servers add attributes of their own.
 */
export function payloadsIn(counts: Counts, workload: Workload, arrivals: Arrivals): number {
  const sizes = workload.sizesBytes;
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  const { datagrams, payloadBytes } = counts;
  if (arrivals.content === 'data') return datagrams;
  if (arrivals.content === 'raw') return payloadBytes / mean;
  if (arrivals.content === 'channel') return payloadBytes / (mean + CHANNEL_HEADER_BYTES);
  return (payloadBytes - datagrams * TRUNK_HEADER_BYTES) / (mean + RECORD_HEADER_BYTES);
}
