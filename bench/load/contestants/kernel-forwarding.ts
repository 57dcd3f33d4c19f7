import { clientAddress } from '../addresses.js';
import { firstServer, type Scene } from '../scene.js';
import { ethtoolObstacle, setPolling, threadKernelWork } from '../server-devices.js';
import { startInSteps } from '../start-in-steps.js';
import type { Contestant, Running } from '../types.js';
import { unfitForOneServer } from './xdp-redirect.js';

/** The kernel as a router: its whole IP layer, without sockets and rewriting. */
export const kernelForwarding: Contestant = {
  name: 'kernel-forwarding',
  title: 'kernel IP forwarding',
  kind: 'floor',
  missing: async () => ethtoolObstacle(),
  unfit: unfitForOneServer,
  start,
};

async function setForwarding(scene: Scene, on: boolean): Promise<void> {
  const file = '/proc/sys/net/ipv4/ip_forward';
  await scene.run(firstServer(scene).near, ['sh', '-c', `echo ${on ? 1 : 0} > ${file}`]);
}

function start(scene: Scene): Promise<Running> {
  const destination = clientAddress(scene.farNetwork, 0);
  const source = clientAddress(scene.nearNetwork, 0);
  return startInSteps(async (onStop) => {
    onStop(() => setForwarding(scene, false));
    await setForwarding(scene, true);
    onStop(() => setPolling(scene, false));
    await setPolling(scene, true);
    return {
      pids: await threadKernelWork(scene, onStop),
      load: {
        content: 'raw',
        source: `${source.address}:${source.port}`,
        destination: `${destination.address}:${destination.port}`,
      },
      arrivals: { content: 'raw', port: destination.port, ports: 1 },
    };
  });
}
