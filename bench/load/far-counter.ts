import { hasBpfTools } from './bpf-tools.js';
import type { OnEnd } from './clean-up.js';
import { ToolProcess, toolArguments, toolPath } from './programs.js';
import type { Scene } from './scene.js';
import type { Arrivals, Workload } from './types.js';

/** Counts deliveries at the far end's device and drops them there, but for a sample. */
export interface CounterOptions {
  readonly arrivals: Arrivals;
  /** One packet in so many goes on to the sink; 0 drops all. */
  readonly sampleOneIn: number;
}

/** What arrived. */
export interface Counts {
  /** As the device saw them: a super-frame is one. */
  readonly packets: number;
  /** As they would be on a wire. */
  readonly datagrams: number;
  /** UDP payload. */
  readonly payloadBytes: number;
}

/** A counter in place. */
export interface FarCounter {
  /** Takes it away. */
  finish(): Promise<Counts>;
}

const IP_AND_UDP_BYTES = 28;
const TRUNK_HEADER_BYTES = 20;
const RECORD_HEADER_BYTES = 8;
const CHANNEL_HEADER_BYTES = 4;

/**
 * Puts a counter at the far end's device.
 * @param onEnd - takes how to take it away where the step fails
 * @throws Error where the kernel refuses
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
 * nftables counts where BPF is missing. It sees super-frames as single packets, so bundles that
 * leave in super-frames count for a little more than they are.
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
  // Made before it is deleted, so that this succeeds whether it is there or not.
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
 * The payloads in what was counted. They follow from the bytes, as the sizes are known: a bundle
 * holds many records.
 */
export function payloadsIn(counts: Counts, workload: Workload, arrivals: Arrivals): number {
  const sizes = workload.sizesBytes;
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  const { datagrams, payloadBytes } = counts;
  if (arrivals.content === 'raw') return payloadBytes / mean;
  if (arrivals.content === 'channel') return payloadBytes / (mean + CHANNEL_HEADER_BYTES);
  return (payloadBytes - datagrams * TRUNK_HEADER_BYTES) / (mean + RECORD_HEADER_BYTES);
}
