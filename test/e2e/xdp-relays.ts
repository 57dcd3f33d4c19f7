import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { toolEnvironment } from '../../src/lab/tools.js';
import { openDataPlane } from '../../src/native/index.js';
import { findCommand } from '../setup/system-packages.js';
import type { PeerAgent, RemotePeer } from './peer-agent.js';
import { RELAY_HTTP, readUrl, skipReason, type World } from './world.js';

/** Names of a relay's two devices: to peers, and to the other relay. */
const CLIENT_DEVICE = 'eth0';
const TRUNK_DEVICE = 'wire0';

/** Interval between two looks at the counts, and number of looks without an arrival at the end. */
const LOOK_MS = 20;
const QUIET_LOOKS = 100;

/** Returns why relays cannot forward by XDP here, for tap's `skip` option; false if they can. */
export function xdpSkipReason(): string | false {
  const reason = skipReason();
  if (reason !== false) return reason;
  if (findCommand('ethtool') === undefined) return 'ethtool not found: apt-get install ethtool';
  // The program is loaded before it is attached, so only the missing device may be the failure.
  const device = 'no-such-device';
  const address = { address: '127.0.0.1', port: 0 };
  const plane = openDataPlane({
    clientAddresses: [address],
    trunkAddresses: [address],
    onBatch: () => {},
    xdp: { interfaces: [device] },
  });
  void plane.close();
  const { reason: why = '' } = plane.xdp;
  return why.startsWith(`there is no network device ${device}`) ? false : why;
}

/** Numbers of a relay's data packets by direction. */
export interface Forwarded {
  readonly toTrunk: number;
  readonly toClient: number;
}

/** A relay whose trunk is a separate wire, so that XDP redirects between two devices. */
export class WiredRelay {
  readonly id: string;
  readonly #world: World;
  readonly #trunk: string;

  /** @param trunk - IP address of the relay on the wire */
  constructor(world: World, id: string, trunk: string) {
    this.id = id;
    this.#world = world;
    this.#trunk = trunk;
  }

  /** Sets how the relay forwards from its next start on. */
  setUp(by: 'xdp' | 'sockets'): void {
    const devices = by === 'xdp' ? [CLIENT_DEVICE, TRUNK_DEVICE] : [];
    this.#world.relayOptions.set(this.id, [
      ...['--trunk', `${this.#trunk}:3480`],
      ...devices.flatMap((device) => ['--xdp', device]),
    ]);
  }

  /** Returns the names of the devices with an XDP program. */
  async attached(): Promise<string[]> {
    const links = JSON.parse(await this.inside(['ip', '-j', 'link', 'show'])) as Link[];
    return links.filter(({ xdp }) => xdp !== undefined).map(({ ifname }) => ifname);
  }

  /** Returns the numbers of packets that the program redirected between the devices. */
  async byXdp(): Promise<Forwarded> {
    const [toTrunk = 0, toClient = 0] = await Promise.all(
      [CLIENT_DEVICE, TRUNK_DEVICE].map(async (device) => {
        const text = await this.inside(['ethtool', '-S', device]);
        const queues = text.matchAll(/rx_queue_\d+_xdp_redirect: (\d+)/g);
        return [...queues].reduce((sum, [, count]) => sum + Number(count), 0);
      }),
    );
    return { toTrunk, toClient };
  }

  /** Returns the relay's own counts of XDP and sockets. Those of XDP are up to 100 ms late. */
  async counted(): Promise<Forwarded> {
    const text = await this.#metrics();
    const count = (name: string) => {
      const series = `turnpike_relay_data_plane_records_total{name="${name}"}`;
      const line = new RegExp(`^${series} (\\d+)$`, 'm');
      return Number(line.exec(text)?.[1]);
    };
    return { toTrunk: count('client_to_trunk'), toClient: count('trunk_to_client') };
  }

  /** Returns the value of a metric by name and labels. */
  async metric(name: string): Promise<number | undefined> {
    const line = (await this.#metrics()).split('\n').find((each) => each.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length));
  }

  #metrics(): Promise<string> {
    return this.inside(readUrl(`http://${RELAY_HTTP}/metrics`));
  }

  /** Runs a program in the relay's host. @returns its output */
  async inside(argv: readonly string[]): Promise<string> {
    const { namespace } = this.#world.relayHost(this.id);
    const args = ['netns', 'exec', namespace, ...argv];
    const { stdout } = await promisify(execFile)('ip', args, { env: toolEnvironment() });
    return stdout;
  }
}

interface Link {
  readonly ifname: string;
  readonly xdp?: object;
}

/** Returns the differences between two looks at the counts. */
export function grown(before: Forwarded, after: Forwarded): Forwarded {
  return {
    toTrunk: after.toTrunk - before.toTrunk,
    toClient: after.toClient - before.toClient,
  };
}

/** Connections between two agents: the peers of each, by index. */
export interface Connections {
  readonly a: readonly RemotePeer[];
  readonly b: readonly RemotePeer[];
}

/** Makes connections between relays in two regions. */
export async function connectAll(
  [a, b]: readonly [PeerAgent, PeerAgent],
  count: number,
): Promise<Connections> {
  const grants = await a.create(count, [{ region: 'west' }, { region: 'east' }]);
  const [atA, atB] = await Promise.all([
    a.open(grants.map(([first]) => first)),
    b.open(grants.map(([, second]) => second)),
  ]);
  const mapped = (peers: readonly RemotePeer[]) => peers.map((peer) => peer.mapped);
  await Promise.all([a.connect(atA, mapped(atB)), b.connect(atB, mapped(atA))]);
  return { a: atA, b: atB };
}

/**
 * Sends this many messages both ways on each connection, and waits until all have arrived, or none
 * has for `QUIET_LOOKS` looks.
 * @returns by direction and connection, all messages sent so far, and those that arrived
 */
export async function talk({ a, b }: Connections, messages: number) {
  const [one, other] = [a[0]?.agent, b[0]?.agent];
  if (one === undefined || other === undefined) throw new Error('no connections');
  const settings = { messages, payloadBytes: 200 };
  const said = (await Promise.all([one.say(a, settings), other.say(b, settings)])).flat();
  const total = said.reduce((sum, speech) => sum + speech.messages, 0);
  let before = 0;
  for (let quiet = 0; ; quiet++) {
    const heard = (await Promise.all([other.heard(b), one.heard(a)])).flat();
    const arrived = heard.reduce((sum, speech) => sum + speech.messages, 0);
    if (arrived === total || quiet === QUIET_LOOKS) return { said, heard };
    if (arrived > before) quiet = 0;
    before = arrived;
    await sleep(LOOK_MS);
  }
}
