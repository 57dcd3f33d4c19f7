import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LabHost } from '../../src/lab/index.js';
import { toolEnvironment } from '../../src/lab/tools.js';
import { readUrl } from './world.js';

/** Address of a TURN server's HTTP endpoint, in its namespace. */
export const HTTP = '127.0.0.1:9100';

/** The devices toward the client and toward the peer, between which XDP redirects. */
export const DEVICES = ['eth0', 'wire0'] as const;

async function inside({ namespace }: LabHost, argv: readonly string[]): Promise<string> {
  const args = ['netns', 'exec', namespace, ...argv];
  const { stdout } = await promisify(execFile)('ip', args, { env: toolEnvironment() });
  return stdout;
}

/** Returns the numbers of packets that the program redirected, by the devices that got them. */
export async function redirected(host: LabHost): Promise<{ toPeer: number; toClient: number }> {
  const [toPeer = 0, toClient = 0] = await Promise.all(
    DEVICES.map(async (device) => {
      const text = await inside(host, ['ethtool', '-S', device]);
      const queues = text.matchAll(/rx_queue_\d+_xdp_redirect: (\d+)/g);
      return [...queues].reduce((sum, [, count]) => sum + Number(count), 0);
    }),
  );
  return { toPeer, toClient };
}

/** Returns what the relayed addresses sent and received, by XDP and by sockets together. */
export async function counted(host: LabHost) {
  const metrics = await metricsOf(host);
  const count = (name: string) => countIn(metrics, `datagrams_total{name="${name}"}`);
  return { toPeer: count('relayed_tx_packets'), toClient: count('relayed_rx_packets') };
}

/** Returns the number of datagrams that were dropped because of their users' bandwidth. */
export async function overBandwidth(host: LabHost): Promise<number> {
  return countIn(await metricsOf(host), 'dropped_datagrams_total{reason="over_bandwidth"}');
}

function metricsOf(host: LabHost): Promise<string> {
  return inside(host, readUrl(`http://${HTTP}/metrics`));
}

function countIn(metrics: string, series: string): number {
  const line = new RegExp(`^turnpike_turn_data_plane_${series} (\\d+)$`, 'm').exec(metrics);
  return Number(line?.[1]);
}
