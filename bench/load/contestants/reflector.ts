import { clientAddress, SERVER_PORT } from '../addresses.js';
import { reflectorObstacle } from '../build-tools.js';
import { ToolProcess, toolArguments, toolPath } from '../programs.js';
import { type Place, type Scene, turned } from '../scene.js';
import { type OnStop, startInSteps } from '../start-in-steps.js';
import type { Contestant, Running, Stream, Workload } from '../types.js';

/**
 * A bare reflector: the lower bound for any relay that uses sockets. It receives clients'
 * datagrams, one payload each, whatever the leg of the workload. On a path of two servers there are
 * two reflectors; if traffic goes both ways, each has two sockets.
 * @param offload - whether it uses GRO and GSO instead of single datagrams
 */
export function reflector(offload: boolean): Contestant {
  const name = offload ? 'reflector-gso' : 'reflector';
  return {
    name,
    title: offload ? 'bare GRO→GSO reflector' : 'bare recvmmsg→sendmmsg reflector',
    kind: 'floor',
    missing: async () => reflectorObstacle(),
    unfit: () => undefined,
    start: (scene, workload) => start(scene, workload, offload),
  };
}

function start(scene: Scene, workload: Workload, offload: boolean): Promise<Running> {
  const there = rowOf(scene);
  const back = workload.bothWays === true ? rowOf(turned(scene)) : undefined;
  return startInSteps(async (onStop) => {
    const pids: number[] = [];
    for (const [index, hop] of there.hops.entries()) {
      // From the far end the servers are in the opposite order.
      const returning = back?.hops.at(-1 - index);
      const options = {
        address: hop.address,
        destination: hop.destination,
        ...(returning && {
          'back-address': returning.address,
          'back-destination': returning.destination,
        }),
        offload: offload ? 1 : 0,
      };
      pids.push(await startOne(scene, hop.place, options, onStop));
    }
    return { pids, ...there.stream, ...(back && { back: back.stream }) };
  });
}

/** Returns the reflectors from the near end to the far end, and the stream through them. */
function rowOf(scene: Scene) {
  const [source, last] = [clientAddress(scene.nearNetwork, 0), clientAddress(scene.farNetwork, 0)];
  const addresses = scene.servers.map(({ near }) => `${near.address}:${SERVER_PORT}`);
  const hops = scene.servers.map(({ near }, index) => ({
    place: near,
    address: addresses[index] ?? '',
    destination: addresses[index + 1] ?? `${last.address}:${last.port}`,
  }));
  const stream: Stream = {
    load: {
      content: 'channel',
      source: `${source.address}:${source.port}`,
      destination: addresses[0] ?? '',
    },
    arrivals: { content: 'channel', port: last.port, ports: 1 },
  };
  return { hops, stream };
}

/** Starts one reflector. @returns its pid */
async function startOne(
  scene: Scene,
  place: Place,
  options: Readonly<Record<string, string | number>>,
  onStop: OnStop,
): Promise<number> {
  const argv = [toolPath('reflector'), ...toolArguments(options)];
  const tool = new ToolProcess(scene.spawn(place, scene.cpus.server, argv), 'the reflector');
  onStop(() => tool.stop());
  await tool.line('ready');
  return tool.pid;
}
