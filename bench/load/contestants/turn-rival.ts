import type { Scene } from '../scene.js';
import { turnClientObstacle } from '../turn-client-tool.js';
import type { Contestant, Workload } from '../types.js';
import { isTurnLeg, startTurn } from './turn-server.js';
import type { TurnProgram } from './turn-spec.js';

/** A TURN server of another project. */
export interface RivalServer extends TurnProgram {
  readonly title: string;
  /** Returns why it cannot run here; undefined if it can. */
  missing(): Promise<string | undefined>;
  /** Installs it, where that is allowed. */
  provide?(): Promise<void>;
  /** Returns its version; undefined if it is unknown. */
  version(): Promise<string | undefined>;
}

/** Maximum number of allocations, because each takes time to set up. */
const FLOWS_MAX = 10_000;

/**
 * Returns a TURN server as a contestant, with real allocations. In workloads of the overlay it
 * receives ChannelData and sends the payload as a datagram to the peer.
 */
export function turnRival(server: RivalServer): Contestant {
  return {
    name: server.name,
    title: server.title,
    kind: 'rival',
    turn: server,
    provide: async () => server.provide?.(),
    missing: async () => (await server.missing()) ?? turnClientObstacle(),
    version: () => server.version(),
    unfit: unfitForTurn,
    start: (scene, workload) => startTurn(scene, workload, server),
  };
}

function unfitForTurn({ leg, flows, rivals }: Workload, scene: Scene['kind']): string | undefined {
  if (scene === 'loopback') return 'TURN servers refuse to relay to loopback';
  if (flows > FLOWS_MAX) return `more than ${FLOWS_MAX} allocations`;
  if (isTurnLeg(leg)) return undefined;
  if (leg !== 'client-trunk' && leg !== 'same-relay') return 'it has no such leg';
  return rivals === true ? undefined : 'measured in the workloads kept for other TURN servers';
}
