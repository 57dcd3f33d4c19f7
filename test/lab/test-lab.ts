import {
  type HostOptions,
  Lab,
  type LabHost,
  type LabNat,
  type LabProcess,
  type NatOptions,
  type SpawnOptions,
} from '../../src/lab/index.js';
import { nodeLines, upLines } from '../../src/lab/links.js';
import { run } from '../../src/lab/tools.js';
import { DELAY_DEVICE, DELAY_ROUTER, Delays, delayLines } from './delays.js';
import { Evidence } from './evidence.js';

/** A private link between two hosts, for traffic that must not cross a NAT. */
export interface LabWire {
  readonly ends: readonly [LabHost, LabHost];
  /** IPv4 addresses of the two ends. */
  readonly addresses: readonly [string, string];
  /** Interface names of the two ends. */
  readonly interfaces: readonly [string, string];
}

/** Maximum number of wires, each of which has its own third octet of 172.31.0.0/16. */
const WIRES_MAX = 256;

/** A lab whose links can be set down, made lossy or prepared for XDP, with wires between hosts. */
export class TestLab extends Lab {
  readonly evidence = new Evidence();
  /** Loss in percent by node, for nodes with a lossy uplink. */
  readonly #losses = new Map<LabHost | LabNat, number>();
  readonly #nodes: (LabHost | LabNat)[] = [];
  readonly #wires: LabWire[] = [];
  #pendingNodes: (LabHost | LabNat)[] = [];
  #pendingWires: LabWire[] = [];

  override nat(name: string, options: NatOptions): LabNat {
    const nat = super.nat(name, options);
    this.#pendingNodes.push(nat);
    return nat;
  }

  override host(name: string, options?: HostOptions): LabHost {
    const host = super.host(name, options);
    this.#pendingNodes.push(host);
    return host;
  }

  /** Declares a private link between two hosts that crosses neither NAT nor internet. */
  wire(a: LabHost, b: LabHost): LabWire {
    const number = this.#wires.length + this.#pendingWires.length;
    if (number >= WIRES_MAX) throw new Error(`a lab has at most ${WIRES_MAX} wires`);
    const wire: LabWire = {
      ends: [a, b],
      addresses: [`172.31.${number}.1`, `172.31.${number}.2`],
      interfaces: [`wire${number}`, `wire${number}`],
    };
    this.#pendingWires.push(wire);
    return wire;
  }

  override async up(): Promise<void> {
    const nodes = this.#pendingNodes;
    const wires = this.#pendingWires;
    this.#pendingNodes = [];
    this.#pendingWires = [];
    await super.up();
    for (const node of nodes) {
      const parent = this.parentOf(node);
      this.evidence.watch(parent, parent.split('-').slice(4).join('-'));
      this.evidence.watch(node.namespace, node.name);
    }
    this.#nodes.push(...nodes);
    await Promise.all(wires.map(makeWire));
    this.#wires.push(...wires);
  }

  override spawn(host: LabHost, argv: readonly string[], options?: SpawnOptions): LabProcess {
    const labProcess = super.spawn(host, argv, options);
    this.evidence.record(host.name, argv, labProcess.child);
    return labProcess;
  }

  /**
   * Gives a public host of a lab that is up a second IPv4 address.
   * @returns the address
   * @throws TurnpikeError ERR_TURNPIKE_LAB
   */
  async addAddress(host: LabHost): Promise<string> {
    const first = host.addresses[4] ?? '';
    const second = first.replace(/\d+$/, (number) => String(Number(number) + 100));
    await runBatch(host.namespace, [`addr add ${second}/32 dev ${host.uplink}`]);
    await runBatch(this.parentOf(host), [`route add ${second}/32 dev ${host.downlink}`]);
    return second;
  }

  /**
   * Makes a node's uplink lose packets at random, in both directions.
   * @param percent - 0 to 100, with at most three decimals
   * @throws TurnpikeError ERR_TURNPIKE_LAB
   */
  async setLoss(node: LabHost | LabNat, percent: number): Promise<void> {
    if (percent > 0) this.#losses.set(node, percent);
    else this.#losses.delete(node);
    const parent = this.parentOf(node);
    const losses = [...this.#losses].filter(([lossy]) => this.parentOf(lossy) === parent);
    // With segmentation offload the rule would get several datagrams as one packet.
    await Promise.all([
      ...this.#nodes.map((each) =>
        run(['ip', '-n', each.namespace, 'link', 'set', each.uplink, 'gso_max_segs', '1']),
      ),
      run(['ip', 'netns', 'exec', parent, 'nft', '-f', '-'], lossRules(losses)),
    ]);
  }

  /**
   * Lets all packets between the nodes on the internet pass a program that can delay them. To be
   * called once, when they are up.
   * @throws TurnpikeError ERR_TURNPIKE_LAB
   */
  async delays(): Promise<Delays> {
    const [first] = this.#nodes.filter((node) => node.kind === 'host' && node.behind === undefined);
    if (first?.kind !== 'host') throw new Error('a lab with a public host');
    const namespace = this.parentOf(first);
    const router = super.spawn({ ...first, namespace }, DELAY_ROUTER);
    this.evidence.record(DELAY_DEVICE, DELAY_ROUTER, router.child);
    const delays = await Delays.of(router);
    const downlinks = this.#nodes
      .filter((node) => this.parentOf(node) === namespace)
      .map(({ downlink }) => downlink);
    const lines = delayLines(downlinks);
    const [noAddress = '', up = ''] = upLines(DELAY_DEVICE);
    await runBatch(namespace, [noAddress, `${up} txqueuelen 10000`]);
    for (const family of ['-4', '-6']) {
      const text = lines.map((line) => `${line}\n`).join('');
      await run(['ip', '-n', namespace, family, '-batch', '-'], text);
    }
    return delays;
  }

  /**
   * Sets a node's uplink down or up. While it is down, the node has no network (ENETUNREACH) and
   * its parent no carrier. To drop packets silently, use `setLoss` with 100.
   * @throws TurnpikeError ERR_TURNPIKE_LAB
   */
  async setLink(node: LabHost | LabNat, state: 'up' | 'down'): Promise<void> {
    // When an interface goes down, the kernel removes its routes and its IPv6 addresses.
    const batch = state === 'up' ? nodeLines(node) : [`link set dev ${node.uplink} down`];
    await runBatch(node.namespace, batch);
  }

  /**
   * Prepares the links that are up for XDP, with `ethtool`. Frames have complete checksums, as on
   * a cable. Both ends use NAPI, since veth drops frames that are redirected to an end without it.
   * @throws TurnpikeError ERR_TURNPIKE_LAB
   */
  async prepareForXdp(): Promise<void> {
    const links = this.#nodes.flatMap((node) => [
      [node.namespace, node.uplink],
      [this.parentOf(node), node.downlink],
    ]);
    const wired = this.#wires.flatMap(({ ends, interfaces }) => [
      [ends[0].namespace, interfaces[0]],
      [ends[1].namespace, interfaces[1]],
    ]);
    const settings = ['tx', 'off', 'gro', 'on'];
    await Promise.all(
      [...links, ...wired].map(([namespace = '', device = '']) =>
        run(['ip', 'netns', 'exec', namespace, 'ethtool', '-K', device, ...settings]),
      ),
    );
  }
}

async function makeWire({ ends: [a, b], addresses, interfaces }: LabWire): Promise<void> {
  const [first, second] = interfaces;
  const link = `link add name ${first} type veth peer name ${second} netns ${b.namespace}`;
  await runBatch(a.namespace, [link]);
  const address = (device: string, ip: string) => [
    ...upLines(device),
    `addr replace ${ip}/30 dev ${device}`,
  ];
  await Promise.all([
    runBatch(a.namespace, address(first, addresses[0])),
    runBatch(b.namespace, address(second, addresses[1])),
  ]);
}

function runBatch(namespace: string, lines: readonly string[]): Promise<void> {
  return run(['ip', '-n', namespace, '-batch', '-'], lines.map((line) => `${line}\n`).join(''));
}

/**
 * Returns rules that replace the loss of all links of one forwarding namespace in one transaction.
 * @param losses - each lossy link's node and the percent it loses; none removes all loss
 * @returns text for `nft -f`
 */
function lossRules(losses: readonly (readonly [LabHost | LabNat, number])[]): string {
  const rules = losses.flatMap(([{ downlink }, percent]) => {
    const share = Math.round(percent * 1_000);
    const drop =
      share < 100_000 ? `numgen random mod 100000 < ${share} counter drop` : 'counter drop';
    return [`    iifname "${downlink}" ${drop}`, `    oifname "${downlink}" ${drop}`];
  });
  return `
table inet loss
delete table inet loss
table inet loss {
  chain forward {
    type filter hook forward priority filter - 10
${rules.join('\n')}
  }
}
`;
}
