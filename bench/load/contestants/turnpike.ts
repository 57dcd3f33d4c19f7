import { join } from 'node:path';
import type { TransportAddress } from '../../../src/address.js';
import { utcDay } from '../../../src/auth/keys.js';
import { TURN_SETTINGS } from '../../../src/turn-server/option-specs.js';
import { programArguments } from '../../../test/setup/test-programs.js';
import { addonObstacle } from '../addon.js';
import { clientAddress, SERVER_PORT, TRUNK_PORT } from '../addresses.js';
import { bpfObstacle } from '../bpf-tools.js';
import { ROOT, ToolProcess } from '../programs.js';
import { firstServer, type Place, type Scene, turned } from '../scene.js';
import { ethtoolObstacle, setChecksumOffload } from '../server-devices.js';
import { startInSteps } from '../start-in-steps.js';
import type { Arrivals, Contestant, Load, Running, Stream, Workload } from '../types.js';
import { throughXdp } from './through-xdp.js';
import { isTurnLeg, startTurn } from './turn-server.js';
import { type OverlayLeg, TRUNK_KEY, type TurnpikeSpec } from './turnpike-spec.js';
import { turnpikeTurn } from './turnpike-turn.js';
import { unfitForXdp } from './xdp-redirect.js';

/** A variant of Turnpike. */
export interface TurnpikeVariant {
  readonly name: string;
  readonly title: string;
  /** Options of the data plane, which a TURN server may have too. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Folder of another compiled checkout whose data plane is measured. */
  readonly checkout?: string;
  /** Whether it forwards by XDP. */
  readonly xdp?: boolean;
}

const RECORDS_MAX = 64;
/** Maximum client ports of the sink, which receives only a sample. */
const SAMPLED_PORTS = 16;

/**
 * Returns Turnpike's data plane with one worker as a contestant, on sockets or XDP. On the legs of
 * a TURN server it is Turnpike's TURN server.
 */
export function turnpike(variant: TurnpikeVariant): Contestant {
  const turn = turnpikeTurn(variant);
  return {
    name: variant.name,
    title: variant.title,
    kind: 'turnpike',
    // XDP needs the rig's BPF programs: a counter in XDP, and the generator of live frames.
    missing: async () =>
      (variant.checkout === undefined ? addonObstacle() : undefined) ??
      (variant.xdp === true ? bpfObstacle() : undefined),
    // Allocations are measured on sockets.
    ...(unfitForTurn(variant) === undefined && variant.xdp !== true && { turn }),
    unfit: (workload, scene) =>
      (variant.xdp === true ? unfitForOurXdp(workload, scene) : undefined) ??
      (isTurnLeg(workload.leg) ? unfitForTurn(variant) : undefined),
    start: (scene, workload) => {
      if (isTurnLeg(workload.leg)) return startTurn(scene, workload, turn);
      return workload.leg === 'two-relays'
        ? startPair(scene, workload, variant)
        : startOne(scene, workload, variant);
    },
  };
}

/** Returns why a variant has no TURN server of its own; undefined if it has. */
function unfitForTurn({ options = {} }: TurnpikeVariant): string | undefined {
  const option = Object.keys(options).find((name) => !(name in TURN_SETTINGS));
  return option === undefined ? undefined : `the TURN server has no option ${option}`;
}

/** As `unfitForXdp`. Two servers also need ethtool, to complete the checksums between them. */
function unfitForOurXdp(workload: Workload, scene: Scene['kind']): string | undefined {
  const why = unfitForXdp(workload, scene);
  return why === undefined && workload.leg === 'two-relays' ? ethtoolObstacle() : why;
}

type Server = Scene['servers'][number];

/** Returns the options that do not depend on a relay's place in the row. */
function specFor(scene: Scene, server: Server, workload: Workload, variant: TurnpikeVariant) {
  const { nearNetwork, farNetwork } = scene;
  const { flows, bothWays = false } = workload;
  const interfaces = [server.near.device, server.far.device];
  const options = { ...variant.options, ...(variant.xdp === true && { xdp: { interfaces } }) };
  return { flows, bothWays, nearNetwork, farNetwork, options };
}

async function startOne(
  scene: Scene,
  workload: Workload,
  variant: TurnpikeVariant,
): Promise<Running> {
  const server = firstServer(scene);
  const spec: TurnpikeSpec = {
    ...specFor(scene, server, workload, variant),
    // The other legs have starts of their own.
    leg: workload.leg as OverlayLeg,
    clientAddress: { address: server.near.address, port: SERVER_PORT },
    trunkAddress: { address: server.far.address, port: TRUNK_PORT },
    remoteRelaySource: { address: clientAddress(scene.nearNetwork, 0).address, port: TRUNK_PORT },
    remoteRelayDestination: { address: scene.far.address, port: TRUNK_PORT },
    recordsMax: RECORDS_MAX,
  };
  const isOut = workload.leg === 'client-trunk';
  return startRelays(scene, variant, [{ place: server.near, spec }], {
    load: workload.leg === 'trunk-client' ? trunkLoad(spec) : clientLoad(scene, spec),
    arrivals: isOut
      ? { content: 'trunk', port: TRUNK_PORT, ports: 1 }
      : channelArrivals(scene, workload),
  });
}

/** Starts two relays in a row, as between two peers. Both count as the contestant. */
async function startPair(
  scene: Scene,
  workload: Workload,
  variant: TurnpikeVariant,
): Promise<Running> {
  const [first, second] = scene.servers;
  if (first === undefined || second === undefined) throw new Error('the scene has one server');
  const firstTrunk = { address: first.far.address, port: TRUNK_PORT };
  const secondTrunk = { address: second.near.address, port: TRUNK_PORT };
  // A relay with XDP registers that it accepts one record in a datagram.
  const recordsMax = variant.xdp === true ? 1 : RECORDS_MAX;
  const firstSpec: TurnpikeSpec = {
    ...specFor(scene, first, workload, variant),
    leg: 'client-trunk',
    clientAddress: { address: first.near.address, port: SERVER_PORT },
    trunkAddress: firstTrunk,
    remoteRelaySource: secondTrunk,
    remoteRelayDestination: secondTrunk,
    recordsMax,
  };
  const secondSpec: TurnpikeSpec = {
    ...specFor(scene, second, workload, variant),
    leg: 'trunk-client',
    clientAddress: { address: second.far.address, port: SERVER_PORT },
    trunkAddress: secondTrunk,
    remoteRelaySource: firstTrunk,
    remoteRelayDestination: firstTrunk,
    recordsMax,
  };
  const relays = [
    { place: first.near, spec: firstSpec },
    { place: second.near, spec: secondSpec },
  ];
  const stream = (from: Scene, spec: TurnpikeSpec): Stream => ({
    load: clientLoad(from, spec),
    arrivals: channelArrivals(from, workload),
  });
  return startRelays(scene, variant, relays, {
    ...stream(scene, firstSpec),
    ...(workload.bothWays === true && { back: stream(turned(scene), secondSpec) }),
  });
}

/** Starts the relays. */
function startRelays(
  scene: Scene,
  variant: TurnpikeVariant,
  relays: readonly { readonly place: Place; readonly spec: TurnpikeSpec }[],
  streams: Pick<Running, 'load' | 'arrivals' | 'back'>,
): Promise<Running> {
  return startInSteps(async (onStop) => {
    if (variant.xdp === true) {
      onStop(() => setChecksumOffload(scene, true));
      await setChecksumOffload(scene, false);
    }
    const tools: ToolProcess[] = [];
    for (const { place, spec } of relays) {
      const tool = relayProcess(scene, place, spec, variant);
      onStop(() => tool.stop());
      await tool.line('ready');
      tools.push(tool);
    }
    const started = { ...streams, pids: tools.map((tool) => tool.pid) };
    return variant.xdp === true ? throughXdp(scene, started, tools, onStop) : started;
  });
}

function relayProcess(
  scene: Scene,
  place: Place,
  spec: TurnpikeSpec,
  variant: TurnpikeVariant,
): ToolProcess {
  const program = join(variant.checkout ?? ROOT, 'bench/load/contestants/turnpike-relay.ts');
  const argv = [process.execPath, ...programArguments(program), JSON.stringify(spec)];
  return new ToolProcess(scene.spawn(place, scene.cpus.server, argv), variant.name);
}

function text({ address, port }: TransportAddress): string {
  return `${address}:${port}`;
}

function trunkLoad(spec: TurnpikeSpec): Load {
  return {
    content: 'trunk',
    source: text(spec.remoteRelaySource),
    destination: text(spec.trunkAddress),
    extra: { key: TRUNK_KEY, epoch: utcDay(Date.now()) },
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
