import { clientAddress, SERVER_PORT } from '../addresses.js';
import { ToolProcess, toolArguments, toolPath } from '../programs.js';
import type { Place, Scene } from '../scene.js';
import type { Contestant, Running } from '../types.js';

/**
 * A bare reflector: the floor of any relay that uses sockets. It gets what clients would send, one
 * payload in a datagram, whatever leg the relays have to carry. Where the path has two servers
 * there are two.
 * @param offload - GRO on arrival and GSO on departure instead of single datagrams
 */
export function reflector(offload: boolean): Contestant {
  const name = offload ? 'reflector-gso' : 'reflector';
  return {
    name,
    title: offload ? 'bare GRO→GSO reflector' : 'bare recvmmsg→sendmmsg reflector',
    kind: 'floor',
    missing: async () => undefined,
    unfit: () => undefined,
    start: (scene) => start(scene, offload),
  };
}

async function start(scene: Scene, offload: boolean): Promise<Running> {
  const last = clientAddress(scene.farNetwork, 0);
  const listening = scene.servers.map(({ near }) => ({
    near,
    text: `${near.address}:${SERVER_PORT}`,
  }));
  const tools: ToolProcess[] = [];
  for (const [index, { near, text }] of listening.entries()) {
    const destination = listening[index + 1]?.text ?? `${last.address}:${last.port}`;
    tools.push(
      await startOne(scene, near, { address: text, destination, offload: offload ? 1 : 0 }),
    );
  }
  const source = clientAddress(scene.nearNetwork, 0);
  return {
    pids: tools.map((tool) => tool.pid),
    load: {
      content: 'channel',
      source: `${source.address}:${source.port}`,
      destination: listening[0]?.text ?? '',
    },
    arrivals: { content: 'channel', port: last.port, ports: 1 },
    stop: async () => {
      await Promise.all(tools.map((tool) => tool.stop()));
    },
  };
}

async function startOne(
  scene: Scene,
  place: Place,
  options: Readonly<Record<string, string | number>>,
): Promise<ToolProcess> {
  const argv = [toolPath('reflector'), ...toolArguments(options)];
  const tool = new ToolProcess(scene.spawn(place, scene.cpus.server, argv), 'the reflector');
  await tool.line('ready');
  return tool;
}
