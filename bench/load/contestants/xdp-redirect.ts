import { clientAddress, SERVER_PORT } from '../addresses.js';
import { bpfObstacle } from '../bpf-tools.js';
import { ToolProcess, toolArguments, toolPath } from '../programs.js';
import { firstServer, type Scene } from '../scene.js';
import { threadKernelWork } from '../server-devices.js';
import { startInSteps } from '../start-in-steps.js';
import type { Contestant, Running, Workload } from '../types.js';

/** A minimal XDP program: the lower bound for any relay that bypasses sockets. */
export const xdpRedirect: Contestant = {
  name: 'xdp-redirect',
  title: 'minimal XDP rewrite and redirect',
  kind: 'floor',
  missing: async () => bpfObstacle(),
  unfit: unfitForOneServer,
  start,
};

/** Returns why XDP programs are not measured in a workload; undefined if they are. */
export function unfitForXdp(workload: Workload, scene: Scene['kind']): string | undefined {
  if (scene === 'loopback') return 'it needs devices of its own';
  if (workload.segments > 1) {
    return 'a program on one end of a link turns segmentation off at the other';
  }
  if (workload.xdp !== true) return 'measured in the workloads kept for XDP';
  return undefined;
}

/** As `unfitForXdp`, for contestants that are only on one server. */
export function unfitForOneServer(workload: Workload, scene: Scene['kind']): string | undefined {
  if (workload.leg === 'two-relays') return 'it has no counterpart at a second server';
  return unfitForXdp(workload, scene);
}

function start(scene: Scene, workload: Workload): Promise<Running> {
  const destination = clientAddress(scene.farNetwork, 0);
  const client = clientAddress(scene.nearNetwork, 0);
  const clientText = `${client.address}:${client.port}`;
  const address = `${firstServer(scene).near.address}:${SERVER_PORT}`;
  const argv = toolArguments({
    object: toolPath('redirect.bpf.o'),
    in: firstServer(scene).near.device,
    out: firstServer(scene).far.device,
    flows: workload.flows,
    client: clientText,
    source: `${firstServer(scene).far.address}:${SERVER_PORT}`,
    destination: `${destination.address}:${destination.port}`,
    mac: firstServer(scene).far.mac,
    'next-hop': scene.far.mac,
  });
  return startInSteps(async (onStop) => {
    const spawned = scene.spawn(firstServer(scene).near, scene.cpus.server, [
      toolPath('xdp_redirect'),
      ...argv,
    ]);
    const tool = new ToolProcess(spawned, 'the XDP redirect');
    onStop(() => tool.stop());
    await tool.line('ready');
    return {
      pids: await threadKernelWork(scene, onStop),
      load: { generator: 'live', content: 'channel', source: clientText, destination: address },
      arrivals: { content: 'raw', port: destination.port, ports: 1, hook: 'xdp' },
    };
  });
}
