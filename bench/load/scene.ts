import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Lab, type LabHost, type LabProcess } from '../../src/lab/index.js';
import { run, SEARCH_PATH } from '../../src/lab/tools.js';
import { clientIps, FAR_NETWORK, NEAR_NETWORK } from './addresses.js';

const execute = promisify(execFile);

/** Flows that the scene has addresses for. */
const FLOWS_MAX = 100_000;

/** Which CPU does what; the figures' meaning hangs on it. */
export interface CpuPlan {
  readonly server: number;
  /** Generator and sink. */
  readonly generator: number;
}

/** One side of a link as the rig uses it. */
interface LinkEnd {
  readonly host: LabHost;
  readonly device: string;
  readonly address: string;
  mac: string;
}

/**
 * Three hosts in a row: a near one that generates, the server, and a far one that counts. Packets
 * only travel from near to far, whichever leg of a relay is measured.
 */
export class Scene {
  readonly lab: Lab;
  readonly cpus: CpuPlan;
  readonly near: LinkEnd;
  readonly serverNear: LinkEnd;
  readonly serverFar: LinkEnd;
  readonly far: LinkEnd;

  private constructor(lab: Lab, cpus: CpuPlan) {
    this.lab = lab;
    this.cpus = cpus;
    const host = (name: string) => lab.host(name, { families: [] });
    const [near, server, far] = [host('near'), host('server'), host('far')];
    const left = lab.wire(near, server);
    const right = lab.wire(server, far);
    const end = (wire: typeof left, index: 0 | 1): LinkEnd => ({
      host: wire.ends[index],
      device: wire.interfaces[index],
      address: wire.addresses[index],
      mac: '',
    });
    this.near = end(left, 0);
    this.serverNear = end(left, 1);
    this.serverFar = end(right, 0);
    this.far = end(right, 1);
  }

  /**
   * Makes the namespaces and links.
   * @throws TurnpikeError ERR_TURNPIKE_PRIVILEGE where that is not possible
   */
  static async create(cpus: CpuPlan): Promise<Scene> {
    const scene = new Scene(Lab.create(), cpus);
    await scene.lab.up();
    await scene.#address();
    return scene;
  }

  /** Starts a program in a host, bound to a CPU. */
  spawn(host: LabHost, cpu: number, argv: readonly string[]): LabProcess {
    return this.lab.spawn(host, ['taskset', '-c', String(cpu), ...argv]);
  }

  /**
   * Runs a tool in a host to its end.
   * @returns what it printed
   * @throws Error with the tool's complaint
   */
  async run(host: LabHost, argv: readonly string[]): Promise<string> {
    const env = { ...process.env, PATH: SEARCH_PATH };
    const enter = ['netns', 'exec', host.namespace, ...argv];
    const { stdout } = await execute('ip', enter, { env, maxBuffer: 1 << 24 });
    return stdout;
  }

  /** Ends everything and removes the namespaces. */
  close(): Promise<void> {
    return this.lab.close();
  }

  async #address(): Promise<void> {
    for (const end of [this.near, this.serverNear, this.serverFar, this.far]) {
      const text = await this.run(end.host, ['cat', `/sys/class/net/${end.device}/address`]);
      end.mac = text.trim();
    }
    // Permanent neighbours: nothing that is counted is an ARP packet, and none waits for one.
    const neighbour = (from: LinkEnd, to: LinkEnd) =>
      `neigh replace ${to.address} lladdr ${to.mac} dev ${from.device} nud permanent`;
    await this.#batch(this.near.host, [
      ...clientIps(NEAR_NETWORK, FLOWS_MAX).map((ip) => `addr add ${ip}/32 dev lo`),
      neighbour(this.near, this.serverNear),
      `route add default via ${this.serverNear.address}`,
    ]);
    await this.#batch(this.serverNear.host, [
      neighbour(this.serverNear, this.near),
      neighbour(this.serverFar, this.far),
      `route add ${NEAR_NETWORK}.0/16 via ${this.near.address}`,
      `route add ${FAR_NETWORK}.0/16 via ${this.far.address}`,
    ]);
    await this.#batch(this.far.host, [
      ...clientIps(FAR_NETWORK, FLOWS_MAX).map((ip) => `addr add ${ip}/32 dev lo`),
      neighbour(this.far, this.serverFar),
      `route add default via ${this.serverFar.address}`,
    ]);
  }

  async #batch(host: LabHost, lines: readonly string[]): Promise<void> {
    await run(['ip', '-n', host.namespace, '-batch', '-'], `${lines.join('\n')}\n`);
  }
}
