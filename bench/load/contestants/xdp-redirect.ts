import { clientAddress, FAR_NETWORK, NEAR_NETWORK, SERVER_PORT } from '../addresses.js';
import { hasBpfTools } from '../far-counter.js';
import { ToolProcess, toolArguments, toolPath } from '../programs.js';
import type { Scene } from '../scene.js';
import { threadKernelWork } from '../server-devices.js';
import type { Contestant, Running, Workload } from '../types.js';

/** A minimal XDP program: the floor of any relay that bypasses sockets. */
export const xdpRedirect: Contestant = {
  name: 'xdp-redirect',
  title: 'minimal XDP rewrite and redirect',
  missing: async () =>
    hasBpfTools()
      ? undefined
      : 'built only with clang and libbpf: apt-get install clang libbpf-dev',
  unfit: unfitForXdp,
  start,
};

/** Why no XDP program can show its worth in a workload. */
export function unfitForXdp(workload: Workload): string | undefined {
  if (workload.segments > 1) return 'a device with an XDP program takes no super-frames';
  if (workload.sizesBytes.length > 1) return 'the live-frame generator sends one size';
  return undefined;
}

async function start(scene: Scene, workload: Workload): Promise<Running> {
  const destination = clientAddress(FAR_NETWORK, 0);
  const client = clientAddress(NEAR_NETWORK, 0);
  const clientText = `${client.address}:${client.port}`;
  const address = `${scene.serverNear.address}:${SERVER_PORT}`;
  const argv = toolArguments({
    object: toolPath('redirect.bpf.o'),
    in: scene.serverNear.device,
    out: scene.serverFar.device,
    flows: workload.flows,
    client: clientText,
    source: `${scene.serverFar.address}:${SERVER_PORT}`,
    destination: `${destination.address}:${destination.port}`,
    mac: scene.serverFar.mac,
    'next-hop': scene.far.mac,
  });
  const { host } = scene.serverNear;
  const spawned = scene.spawn(host, scene.cpus.server, [toolPath('xdp_redirect'), ...argv]);
  const tool = new ToolProcess(spawned, 'the XDP redirect');
  const work = await threadKernelWork(scene, async () => {
    await tool.line('ready');
  });
  return {
    pids: [work.pid],
    load: { generator: 'live', content: 'channel', source: clientText, destination: address },
    arrivals: { content: 'raw', port: destination.port, ports: 1, hook: 'xdp' },
    stop: async () => {
      await work.restore();
      await tool.stop();
    },
  };
}
