import { join } from 'node:path';
import { trunkEpoch } from '../../../src/auth/keys.js';
import {
  clientAddress,
  FAR_NETWORK,
  FIRST_PORT,
  NEAR_NETWORK,
  SERVER_PORT,
  TRUNK_PORT,
} from '../addresses.js';
import { ROOT, ToolProcess } from '../programs.js';
import type { Scene } from '../scene.js';
import type { Arrivals, Contestant, Load, Running, Workload } from '../types.js';
import { TRUNK_KEY, type TurnpikeSpec } from './turnpike-spec.js';

/** How a Turnpike of the rig differs from others of the same run. */
export interface TurnpikeVariant {
  readonly name: string;
  readonly title: string;
  /** Options of the data plane. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Another build of the addon. */
  readonly addon?: string;
}

const RECORDS_MAX = 64;
/** Client ports that the sink listens on. */
const SAMPLED_PORTS = 16;

/** Our data plane on sockets, one worker. */
export function turnpike(variant: TurnpikeVariant): Contestant {
  return {
    name: variant.name,
    title: variant.title,
    missing: async () => undefined,
    unfit: () => undefined,
    start: (scene, workload) => start(scene, workload, variant),
  };
}

async function start(scene: Scene, workload: Workload, variant: TurnpikeVariant): Promise<Running> {
  const spec: TurnpikeSpec = {
    leg: workload.leg,
    flows: workload.flows,
    clientAddress: { address: scene.serverNear.address, port: SERVER_PORT },
    trunkAddress: { address: scene.serverFar.address, port: TRUNK_PORT },
    peerSource: { address: clientAddress(NEAR_NETWORK, 0).address, port: TRUNK_PORT },
    peerDestination: { address: scene.far.address, port: TRUNK_PORT },
    recordsMax: RECORDS_MAX,
    options: variant.options ?? {},
  };
  const addon = variant.addon === undefined ? [] : ['env', `TURNPIKE_ADDON=${variant.addon}`];
  const program = join(ROOT, 'bench/load/contestants/turnpike-relay.ts');
  const node = [process.execPath, '--import', import.meta.resolve('tsx'), program];
  const { host } = scene.serverNear;
  const argv = [...addon, ...node, JSON.stringify(spec)];
  const tool = new ToolProcess(scene.spawn(host, scene.cpus.server, argv), variant.name);
  await tool.line('ready');
  return {
    pids: [tool.pid],
    load: loadOf(spec),
    arrivals: arrivalsOf(workload),
    stop: () => tool.stop(),
  };
}

function loadOf(spec: TurnpikeSpec): Load {
  const text = ({ address, port }: { address: string; port: number }) => `${address}:${port}`;
  if (spec.leg === 'trunk-client') {
    return {
      content: 'trunk',
      source: text(spec.peerSource),
      destination: text(spec.trunkAddress),
      extra: { key: TRUNK_KEY, epoch: trunkEpoch(Date.now()) },
    };
  }
  return {
    content: 'channel',
    source: text(clientAddress(NEAR_NETWORK, 0)),
    destination: text(spec.clientAddress),
  };
}

function arrivalsOf(workload: Workload): Arrivals {
  if (workload.leg === 'client-trunk') return { content: 'trunk', port: TRUNK_PORT, ports: 1 };
  const ports = Math.min(workload.flows, SAMPLED_PORTS);
  return { content: 'channel', port: clientAddress(FAR_NETWORK, 0).port ?? FIRST_PORT, ports };
}
