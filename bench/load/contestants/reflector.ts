import { clientAddress, FAR_NETWORK, NEAR_NETWORK, SERVER_PORT } from '../addresses.js';
import { ToolProcess, toolArguments, toolPath } from '../programs.js';
import type { Scene } from '../scene.js';
import type { Contestant, Running, Workload } from '../types.js';

/**
 * A bare reflector: the floor of any relay that uses sockets. It gets what clients would send, one
 * payload in a datagram, whatever leg the relays have to carry.
 * @param offload - GRO on arrival and GSO on departure instead of single datagrams
 */
export function reflector(offload: boolean): Contestant {
  const name = offload ? 'reflector-gso' : 'reflector';
  return {
    name,
    title: offload ? 'bare GRO→GSO reflector' : 'bare recvmmsg→sendmmsg reflector',
    missing: async () => undefined,
    unfit: () => undefined,
    start: (scene, workload) => start(scene, workload, offload),
  };
}

async function start(scene: Scene, _workload: Workload, offload: boolean): Promise<Running> {
  const destination = clientAddress(FAR_NETWORK, 0);
  const address = `${scene.serverNear.address}:${SERVER_PORT}`;
  const argv = toolArguments({
    address,
    destination: `${destination.address}:${destination.port}`,
    offload: offload ? 1 : 0,
  });
  const spawned = scene.spawn(scene.serverNear.host, scene.cpus.server, [
    toolPath('reflector'),
    ...argv,
  ]);
  const tool = new ToolProcess(spawned, 'the reflector');
  await tool.line('ready');
  const source = clientAddress(NEAR_NETWORK, 0);
  return {
    pids: [tool.pid],
    load: { content: 'channel', source: `${source.address}:${source.port}`, destination: address },
    arrivals: { content: 'channel', port: destination.port, ports: 1 },
    stop: () => tool.stop(),
  };
}
