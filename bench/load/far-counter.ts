import { run } from '../../src/lab/tools.js';
import type { Scene } from './scene.js';
import type { Arrivals, Workload } from './types.js';

/** Counts deliveries at the far end's device and drops them there, but for a sample. */
export interface CounterOptions {
  readonly arrivals: Arrivals;
  /** One datagram in so many goes on to the sink; 0 drops all. */
  readonly sampleOneIn: number;
}

/** What arrived, in IP packets and bytes. */
export interface Counts {
  readonly packets: number;
  readonly bytes: number;
}

const IP_AND_UDP_BYTES = 28;
const TRUNK_HEADER_BYTES = 20;
const RECORD_HEADER_BYTES = 8;
const CHANNEL_HEADER_BYTES = 4;

/**
 * Puts a new counter at the far end's device, in place of the one before.
 * @throws TurnpikeError ERR_TURNPIKE_LAB
 */
export async function placeCounter(scene: Scene, options: CounterOptions): Promise<void> {
  const { port, ports } = options.arrivals;
  const range = ports === 1 ? `${port}` : `${port}-${port + ports - 1}`;
  const sample =
    options.sampleOneIn === 0
      ? ''
      : `udp dport ${range} numgen inc mod ${options.sampleOneIn} 0 accept`;
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
  await run(['ip', 'netns', 'exec', scene.far.host.namespace, 'nft', '-f', '-'], rules);
}

/** Reads the counter. */
export async function readCounter(scene: Scene): Promise<Counts> {
  const text = await scene.run(scene.far.host, ['nft', '-j', 'list', 'counters']);
  const { nftables } = JSON.parse(text) as { nftables: { counter?: Counts }[] };
  const found = nftables.find((entry) => entry.counter !== undefined)?.counter;
  if (found === undefined) throw new Error('the far end has no counter');
  return { packets: found.packets, bytes: found.bytes };
}

/**
 * The payloads in what was counted. They follow from the bytes, as the sizes are known: a
 * super-frame counts as one packet, and a bundle has many records.
 */
export function payloadsIn(counts: Counts, workload: Workload, arrivals: Arrivals): number {
  const sizes = workload.sizesBytes;
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  const inUdp = counts.bytes - counts.packets * IP_AND_UDP_BYTES;
  if (arrivals.content === 'raw') return inUdp / mean;
  if (arrivals.content === 'channel') return inUdp / (mean + CHANNEL_HEADER_BYTES);
  return (inUdp - counts.packets * TRUNK_HEADER_BYTES) / (mean + RECORD_HEADER_BYTES);
}
