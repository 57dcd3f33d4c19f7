import { setTimeout as delay } from 'node:timers/promises';
import { clientAddress, SERVER_PORT } from '../addresses.js';
import { ToolProcess } from '../programs.js';
import { firstServer, type Scene, turned } from '../scene.js';
import { type OnStop, startInSteps } from '../start-in-steps.js';
import type { Arrivals, Leg, Running, Stream, Workload } from '../types.js';
import { throughXdp } from './through-xdp.js';
import { failuresText, makeAllocations } from './turn-client.js';
import type { TurnProgram } from './turn-spec.js';

const LISTENING_MS = 60_000;
const LISTENING_POLL_MS = 50;
/** Maximum client or peer ports of the sink, which receives only a sample. */
const SAMPLED_PORTS = 16;

/** Returns whether a leg is that of a TURN server, between a client and a peer. */
export function isTurnLeg(leg: Leg): boolean {
  return leg === 'client-peer' || leg === 'peer-client';
}

/**
 * Starts a TURN server with real allocations, each with a channel or a permission of its own peer.
 * Packets go from its clients to peers, or for `peer-client` from peers to its clients.
 * @throws Error with the server's own complaint if it does not start or refuses an allocation
 */
export function startTurn(
  scene: Scene,
  workload: Workload,
  program: TurnProgram,
): Promise<Running> {
  // Packets always go from near to far, so the clients are at the end that the leg determines.
  const fromPeers = workload.leg === 'peer-client';
  const view = fromPeers ? turned(scene) : scene;
  const { near, far } = firstServer(view);
  const client = text(clientAddress(view.nearNetwork, 0));
  const peer = text(clientAddress(view.farNetwork, 0));
  return startInSteps(async (onStop) => {
    const relayAddresses = [far.address];
    const tool = await startTurnServer(view, program, relayAddresses, onStop);
    const { flows, indications } = workload;
    const wish = { flows, indications: indications === true, source: client, peer };
    const report = await makeAllocations(view, wish);
    const failures = failuresText(report);
    if (failures !== '') throw new Error(`${tool.complaint}allocations failed: ${failures}`);
    const toServer = `${near.address}:${SERVER_PORT}`;
    const stream = fromPeers
      ? fromPeersTo(report.relayed, peer, workload)
      : fromClientsTo(toServer, { client, peer, workload });
    const started = { pids: [tool.pid], ...stream };
    // The scene as it is: its near end sends.
    return program.xdp === true ? throughXdp(scene, started, [tool], onStop) : started;
  });
}

function fromClientsTo(
  destination: string,
  { client, peer, workload }: { client: string; peer: string; workload: Workload },
): Stream {
  const { indications } = workload;
  return {
    load: {
      content: indications === true ? 'send' : 'channel',
      source: client,
      destination,
      ...(indications === true && { extra: { peer } }),
    },
    arrivals: { content: 'raw', ...sampledPorts(workload) },
  };
}

function fromPeersTo(relayed: readonly string[], peer: string, workload: Workload): Stream {
  const [first = ''] = relayed;
  const ports = relayed.map((each) => each.split(':')[1]);
  return {
    load: {
      content: 'raw',
      source: peer,
      destination: first,
      extra: { 'destination-ports': ports.join(',') },
    },
    arrivals: {
      content: workload.indications === true ? 'data' : 'channel',
      ...sampledPorts(workload),
    },
  };
}

function sampledPorts({ flows }: Workload): Pick<Arrivals, 'port' | 'ports'> {
  return { port: clientAddress('', 0).port, ports: Math.min(flows, SAMPLED_PORTS) };
}

function text({ address, port }: { readonly address: string; readonly port: number }): string {
  return `${address}:${port}`;
}

/**
 * Starts a TURN server and waits until it listens.
 * @param relayAddresses - IP addresses of the server's host, at least one
 * @throws Error with the server's own complaint if it does not listen
 */
export async function startTurnServer(
  scene: Scene,
  program: TurnProgram,
  relayAddresses: readonly string[],
  onStop: OnStop,
): Promise<ToolProcess> {
  const { near, far } = firstServer(scene);
  const devices = [near.device, far.device];
  const argv = program.command({ address: near.address, relayAddresses, devices });
  const tool = new ToolProcess(scene.spawn(near, scene.cpus.server, argv), program.name);
  onStop(() => tool.stop());
  await listening(scene, tool);
  return tool;
}

/** Waits until the server listens, as a client's request before that costs a retransmission. */
async function listening(scene: Scene, tool: ToolProcess): Promise<void> {
  const find = ['ss', '-Hlun', `sport = :${SERVER_PORT}`];
  const deadline = performance.now() + LISTENING_MS;
  while (performance.now() < deadline && !tool.hasEnded) {
    const sockets = await scene.run(firstServer(scene).near, find);
    if (sockets.trim() !== '') return;
    await delay(LISTENING_POLL_MS);
  }
  throw new Error(`${tool.complaint}it does not listen`);
}
