import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { TransportAddress } from '../../../src/address.js';
import { clientAddress, SERVER_PORT } from '../addresses.js';
import { ROOT, ToolProcess } from '../programs.js';
import { firstServer, type Scene } from '../scene.js';
import { startInSteps } from '../start-in-steps.js';
import type { Contestant, Running, Workload } from '../types.js';
import { TURN_USER, type TurnSpec } from './turn-spec.js';

/** A TURN server of another project. */
export interface TurnServer {
  readonly name: string;
  readonly title: string;
  missing(): Promise<string | undefined>;
  /** Returns its version; undefined if it is unknown. */
  version(): Promise<string | undefined>;
  /** Returns the command line; it listens on `address`:SERVER_PORT and relays at `relayAddress`. */
  command(addresses: { readonly address: string; readonly relayAddress: string }): string[];
}

/** Maximum number of allocations, because each takes time to set up. */
const FLOWS_MAX = 1_000;
const SERVER_READY_TRIES = 40;

/**
 * Returns a TURN server as a contestant, with real allocations and channels. It receives
 * ChannelData and sends the payload as a datagram to the peer.
 */
export function turnRival(server: TurnServer): Contestant {
  return {
    name: server.name,
    title: server.title,
    kind: 'rival',
    missing: () => server.missing(),
    version: () => server.version(),
    unfit: unfitForTurn,
    start: (scene, workload) => start(scene, workload, server),
  };
}

function unfitForTurn({ leg, flows, rivals }: Workload, scene: Scene['kind']): string | undefined {
  if (scene === 'loopback') return 'TURN servers refuse to relay to loopback';
  if (leg !== 'client-trunk' && leg !== 'same-relay') return 'it has no such leg';
  if (flows > FLOWS_MAX) return `more than ${FLOWS_MAX} allocations`;
  return rivals === true ? undefined : 'measured in the workloads kept for other TURN servers';
}

function start(scene: Scene, workload: Workload, server: TurnServer): Promise<Running> {
  const { near, far } = firstServer(scene);
  const argv = server.command({ address: near.address, relayAddress: far.address });
  const peer = clientAddress(scene.farNetwork, 0);
  const source = clientAddress(scene.nearNetwork, 0);
  return startInSteps(async (onStop) => {
    const tool = new ToolProcess(scene.spawn(near, scene.cpus.server, argv), server.name);
    onStop(() => tool.stop());
    try {
      await listening(scene);
      await allocate(scene, workload, server, peer);
    } catch (cause) {
      throw new Error(`${tool.complaint}${(cause as Error).message}`, { cause });
    }
    return {
      pids: [tool.pid],
      load: {
        content: 'channel',
        source: `${source.address}:${source.port}`,
        destination: `${near.address}:${SERVER_PORT}`,
      },
      arrivals: { content: 'raw', port: peer.port, ports: 1 },
    };
  });
}

/** Creates the allocations. Resolves when their client has ended. */
async function allocate(
  scene: Scene,
  workload: Workload,
  server: TurnServer,
  peer: TransportAddress,
): Promise<void> {
  const spec: TurnSpec = {
    server: { address: firstServer(scene).near.address, port: SERVER_PORT },
    peer,
    flows: workload.flows,
    nearNetwork: scene.nearNetwork,
    username: TURN_USER.username,
    password: TURN_USER.password,
  };
  const program = join(ROOT, 'bench/load/contestants/turn-allocate.ts');
  const node = [process.execPath, '--import', import.meta.resolve('tsx'), program];
  const client = new ToolProcess(
    scene.spawn(scene.near, scene.cpus.generator, [...node, JSON.stringify(spec)]),
    `the TURN client of ${server.name}`,
  );
  try {
    await client.line('ready');
  } finally {
    await client.stop();
  }
}

/** Waits until the server listens, as a client's request before that costs a retransmission. */
async function listening(scene: Scene): Promise<void> {
  for (let tries = 0; tries < SERVER_READY_TRIES; tries++) {
    const sockets = await scene.run(firstServer(scene).near, [
      'ss',
      '-Hlun',
      `sport = :${SERVER_PORT}`,
    ]);
    if (sockets.trim() !== '') return;
    await delay(50);
  }
}
