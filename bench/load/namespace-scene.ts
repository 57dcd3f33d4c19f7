import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LabHost, LabProcess } from '../../src/lab/index.js';
import { run, toolEnvironment } from '../../src/lab/tools.js';
import type { Evidence } from '../../test/lab/evidence.js';
import { type LabWire, TestLab } from '../../test/lab/test-lab.js';
import { clientIps } from './addresses.js';
import type { CpuPlan, Place, Scene } from './scene.js';

const execute = promisify(execFile);

/** Number of flows for which the hosts have addresses. */
const FLOWS_MAX = 100_000;

interface Link {
  readonly left: Place;
  readonly right: Place;
}

/** Hosts in network namespaces, joined in a row by veth. */
export class NamespaceScene implements Scene {
  readonly kind = 'namespaces';
  readonly cpus: CpuPlan;
  readonly nearNetwork = '10.1.0';
  readonly farNetwork = '10.2.0';
  readonly #lab: TestLab;
  readonly #hosts: ReadonlyMap<string, LabHost>;
  readonly #links: readonly Link[];

  private constructor(lab: TestLab, cpus: CpuPlan, row: Row) {
    this.#lab = lab;
    this.cpus = cpus;
    this.#hosts = row.hosts;
    this.#links = row.links;
  }

  /**
   * Creates the namespaces and links.
   * @param servers - number of servers in a row between the near and the far host
   * @throws TurnpikeError ERR_TURNPIKE_PRIVILEGE if namespaces cannot be created
   */
  static async create(cpus: CpuPlan, servers: number): Promise<NamespaceScene> {
    const lab = new TestLab();
    try {
      const names = ['near', ...Array.from({ length: servers }, (_, i) => `server${i}`), 'far'];
      const hosts = names.map((name) => lab.host(name, { families: [] }));
      const wires = hosts.slice(1).map((host, i) => lab.wire(hosts[i] as LabHost, host));
      await lab.up();
      const scene = new NamespaceScene(lab, cpus, await measureRow(hosts, wires));
      await scene.#address();
      return scene;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** The output of its programs, and the state of its networks. */
  get evidence(): Evidence {
    return this.#lab.evidence;
  }

  get near(): Place {
    return (this.#links[0] as Link).left;
  }

  get far(): Place {
    return (this.#links.at(-1) as Link).right;
  }

  get servers(): { near: Place; far: Place }[] {
    return this.#links
      .slice(1)
      .map((link, i) => ({ near: (this.#links[i] as Link).right, far: link.left }));
  }

  spawn(place: Place, cpu: number, argv: readonly string[]): LabProcess {
    return this.#lab.spawn(this.#host(place), ['taskset', '-c', String(cpu), ...argv]);
  }

  run(place: Place, argv: readonly string[]): Promise<string> {
    return runIn(this.#host(place), argv);
  }

  close(): Promise<void> {
    return this.#lab.close();
  }

  #host(place: Place): LabHost {
    const host = this.#hosts.get(place.host);
    if (host === undefined) throw new Error(`no host ${place.host}`);
    return host;
  }

  async #address(): Promise<void> {
    const lines = new Map<string, string[]>([...this.#hosts.keys()].map((name) => [name, []]));
    const add = (place: Place, ...more: string[]) => lines.get(place.host)?.push(...more);
    // Permanent neighbours, so that no ARP packet is counted and no packet waits for one.
    for (const { left, right } of this.#links) {
      const neighbour = (from: Place, to: Place) =>
        `neigh replace ${to.address} lladdr ${to.mac} dev ${from.device} nud permanent`;
      add(left, neighbour(left, right));
      add(right, neighbour(right, left));
    }
    // Routes along the row: hosts on the left by the left link, hosts on the right by the right.
    for (const [index, { left, right }] of this.#links.entries()) {
      add(left, `route add ${this.farNetwork}.0/16 via ${right.address}`);
      add(right, `route add ${this.nearNetwork}.0/16 via ${left.address}`);
      for (const [other, link] of this.#links.entries()) {
        if (other > index) add(left, `route add ${link.right.address}/30 via ${right.address}`);
        if (other < index) add(right, `route add ${link.right.address}/30 via ${left.address}`);
      }
    }
    const own = (network: string) =>
      clientIps(network, FLOWS_MAX).map((ip) => `addr add ${ip}/32 dev lo`);
    add(this.near, ...own(this.nearNetwork));
    add(this.far, ...own(this.farNetwork));
    for (const [name, batch] of lines) {
      const namespace = this.#hosts.get(name)?.namespace ?? '';
      // `ip route` requires the address of a /30 without host bits.
      const text = batch.map((line) => line.replace(/\.[0-9]+\/30/, '.0/30')).join('\n');
      await run(['ip', '-n', namespace, '-batch', '-'], `${text}\n`);
    }
  }
}

interface Row {
  readonly hosts: ReadonlyMap<string, LabHost>;
  readonly links: readonly Link[];
}

async function runIn(host: LabHost, argv: readonly string[]): Promise<string> {
  const enter = ['netns', 'exec', host.namespace, ...argv];
  const options = { env: toolEnvironment(), maxBuffer: 1 << 24 };
  const { stdout } = await execute('ip', enter, options);
  return stdout;
}

async function measureRow(hosts: readonly LabHost[], wires: readonly LabWire[]): Promise<Row> {
  const place = async (wire: LabWire, end: 0 | 1): Promise<Place> => {
    const [host, device] = [wire.ends[end], wire.interfaces[end]];
    const mac = await runIn(host, ['cat', `/sys/class/net/${device}/address`]);
    return { host: host.name, device, address: wire.addresses[end], mac: mac.trim() };
  };
  const links = wires.map(async (wire) => ({
    left: await place(wire, 0),
    right: await place(wire, 1),
  }));
  return {
    hosts: new Map(hosts.map((host) => [host.name, host])),
    links: await Promise.all(links),
  };
}
