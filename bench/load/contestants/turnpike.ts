import { join } from 'node:path';
import type { TransportAddress } from '../../../src/address.js';
import { trunkEpoch } from '../../../src/auth/keys.js';
import type { XdpStatus } from '../../../src/native/types.js';
import { clientAddress, SERVER_PORT, TRUNK_PORT } from '../addresses.js';
import { ROOT, ToolProcess } from '../programs.js';
import { firstServer, type Place, type Scene, turned } from '../scene.js';
import { threadKernelWork } from '../server-devices.js';
import type { Arrivals, Contestant, Load, Running, Stream, Workload } from '../types.js';
import { TRUNK_KEY, type TurnpikeSpec } from './turnpike-spec.js';
import { unfitForXdp } from './xdp-redirect.js';

/** How a Turnpike of the rig differs from others of the same run. */
export interface TurnpikeVariant {
  readonly name: string;
  readonly title: string;
  /** Options of the data plane. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Another build of the addon. */
  readonly addon?: string;
  /** Whether it forwards by XDP. */
  readonly xdp?: boolean;
}

const RECORDS_MAX = 64;
/** Client ports that the sink listens on, where it takes a sample only. */
const SAMPLED_PORTS = 16;

/** Our data plane with one worker, on sockets or XDP. */
export function turnpike(variant: TurnpikeVariant): Contestant {
  return {
    name: variant.name,
    title: variant.title,
    kind: 'turnpike',
    missing: async () => undefined,
    unfit: (workload, scene) => (variant.xdp === true ? unfitForXdp(workload, scene) : undefined),
    start: (scene, workload) =>
      workload.leg === 'two-relays'
        ? startPair(scene, workload, variant)
        : startOne(scene, workload, variant),
  };
}

/** What is the same for every relay of a workload. */
function specFor(scene: Scene, workload: Workload, { options = {} }: TurnpikeVariant) {
  const { nearNetwork, farNetwork } = scene;
  const { flows, bothWays = false } = workload;
  return { flows, bothWays, nearNetwork, farNetwork, options, recordsMax: RECORDS_MAX };
}

async function startOne(
  scene: Scene,
  workload: Workload,
  variant: TurnpikeVariant,
): Promise<Running> {
  const server = firstServer(scene);
  const interfaces = [server.near.device, server.far.device];
  const spec: TurnpikeSpec = {
    ...specFor(scene, workload, variant),
    ...(variant.xdp === true && { options: { ...variant.options, xdp: { interfaces } } }),
    leg: workload.leg === 'two-relays' ? 'client-trunk' : workload.leg,
    clientAddress: { address: server.near.address, port: SERVER_PORT },
    trunkAddress: { address: server.far.address, port: TRUNK_PORT },
    peerSource: { address: clientAddress(scene.nearNetwork, 0).address, port: TRUNK_PORT },
    peerDestination: { address: scene.far.address, port: TRUNK_PORT },
  };
  const tool = await startRelay(scene, server.near, spec, variant);
  const isOut = workload.leg === 'client-trunk';
  const running: Running = {
    pids: [tool.pid],
    load: workload.leg === 'trunk-client' ? trunkLoad(spec) : clientLoad(scene, spec),
    arrivals: isOut
      ? { content: 'trunk', port: TRUNK_PORT, ports: 1 }
      : channelArrivals(scene, workload),
    stop: () => tool.stop(),
  };
  if (variant.xdp !== true) return running;
  try {
    return await throughXdp(scene, running, tool);
  } catch (error) {
    await tool.stop();
    throw error;
  }
}

/** The same relay where its packets pass through the drivers of its devices. */
async function throughXdp(scene: Scene, running: Running, tool: ToolProcess): Promise<Running> {
  const { mode, reason = 'no reason given' } = JSON.parse(await tool.line('xdp ')) as XdpStatus;
  if (mode === 'off') throw new Error(`XDP is off: ${reason}`);
  const work = await threadKernelWork(scene, async () => {});
  const { load, arrivals } = running;
  return {
    // What goes up to the sockets is the process's work, all else the thread's.
    pids: [work.pid, ...running.pids],
    load:
      load.content === 'trunk'
        ? { ...load, extra: { ...load.extra, checksum: 'full' } }
        : { ...load, generator: 'live' },
    arrivals: { ...arrivals, hook: 'xdp' },
    stop: async () => {
      await work.restore();
      await running.stop();
    },
  };
}

/** Two relays in a row, as between two peers; both are the contestant. */
async function startPair(
  scene: Scene,
  workload: Workload,
  variant: TurnpikeVariant,
): Promise<Running> {
  const [first, second] = scene.servers;
  if (first === undefined || second === undefined) throw new Error('the scene has one server');
  const common = specFor(scene, workload, variant);
  const firstTrunk = { address: first.far.address, port: TRUNK_PORT };
  const secondTrunk = { address: second.near.address, port: TRUNK_PORT };
  const specs: [TurnpikeSpec, TurnpikeSpec] = [
    {
      ...common,
      leg: 'client-trunk',
      clientAddress: { address: first.near.address, port: SERVER_PORT },
      trunkAddress: firstTrunk,
      peerSource: secondTrunk,
      peerDestination: secondTrunk,
    },
    {
      ...common,
      leg: 'trunk-client',
      clientAddress: { address: second.far.address, port: SERVER_PORT },
      trunkAddress: secondTrunk,
      peerSource: firstTrunk,
      peerDestination: firstTrunk,
    },
  ];
  const tools = [
    await startRelay(scene, first.near, specs[0], variant),
    await startRelay(scene, second.near, specs[1], variant),
  ];
  const stream = (from: Scene, spec: TurnpikeSpec): Stream => ({
    load: clientLoad(from, spec),
    arrivals: channelArrivals(from, workload),
  });
  return {
    pids: tools.map((tool) => tool.pid),
    ...stream(scene, specs[0]),
    ...(workload.bothWays === true && { back: stream(turned(scene), specs[1]) }),
    stop: async () => {
      await Promise.all(tools.map((tool) => tool.stop()));
    },
  };
}

async function startRelay(
  scene: Scene,
  place: Place,
  spec: TurnpikeSpec,
  variant: TurnpikeVariant,
): Promise<ToolProcess> {
  const addon = variant.addon === undefined ? [] : ['env', `TURNPIKE_ADDON=${variant.addon}`];
  const program = join(ROOT, 'bench/load/contestants/turnpike-relay.ts');
  const node = [process.execPath, '--import', import.meta.resolve('tsx'), program];
  const argv = [...addon, ...node, JSON.stringify(spec)];
  const tool = new ToolProcess(scene.spawn(place, scene.cpus.server, argv), variant.name);
  try {
    await tool.line('ready');
    return tool;
  } catch (error) {
    await tool.stop();
    throw error;
  }
}

function text({ address, port }: TransportAddress): string {
  return `${address}:${port}`;
}

function trunkLoad(spec: TurnpikeSpec): Load {
  return {
    content: 'trunk',
    source: text(spec.peerSource),
    destination: text(spec.trunkAddress),
    extra: { key: TRUNK_KEY, epoch: trunkEpoch(Date.now()) },
  };
}

function clientLoad(scene: Scene, spec: TurnpikeSpec): Load {
  return {
    content: 'channel',
    source: text(clientAddress(scene.nearNetwork, 0)),
    destination: text(spec.clientAddress),
  };
}

function channelArrivals(scene: Scene, workload: Workload): Arrivals {
  const ports =
    scene.kind === 'loopback' ? workload.flows : Math.min(workload.flows, SAMPLED_PORTS);
  return { content: 'channel', port: clientAddress(scene.farNetwork, 0).port, ports };
}
