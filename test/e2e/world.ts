import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { AddressFamily, TransportAddress } from '../../src/address.js';
import { formatAddress } from '../../src/address.js';
import { relaySecret, tenantRoot } from '../../src/auth/keys.js';
import {
  type LabHost,
  type LabProcess,
  LoggedProcess,
  type LogLine,
  labSupport,
  type NatBehaviour,
  parseObject,
  readLines,
} from '../../src/lab/index.js';
import { run } from '../../src/lab/tools.js';
import { closeAfter, type KeptTest } from '../lab/keep-on-failure.js';
import { TestLab } from '../lab/test-lab.js';
import { PeerAgent } from './peer-agent.js';
import type { DirectorySettings } from './peer-methods.js';

/** The built command. */
export const TURNPIKE = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const DIRECTORY_PORT = 8443;
const SERVICE_PORT = 3478;
const TRUNK_PORT = 3480;

/** Address of the HTTP endpoint of a relay or the directory, in its own namespace. */
export const RELAY_HTTP = '127.0.0.1:9100';

/** A Node program that prints the body that a URL returns. */
const READ_URL = 'fetch(process.argv[1]).then((answer) => answer.text()).then(console.log)';

/** Timeout of a test file, for a machine that is busy with other tests. */
export const PATIENCE_MS = 180_000;

/** How a relay of the world is set up. */
export interface RelayPlan {
  readonly id: string;
  readonly region: string;
  /** Families of its service addresses; by default both. */
  readonly families?: readonly AddressFamily[];
  /** Families of its trunk addresses; by default those of its service addresses. */
  readonly trunkFamilies?: readonly AddressFamily[];
}

/** The default: two relays in two regions. */
const TWO_RELAYS: readonly RelayPlan[] = [
  { id: 'relay-a', region: 'west' },
  { id: 'relay-b', region: 'east' },
];

/** Returns why end-to-end tests cannot run here, for tap's `skip` option; false if they can. */
export function skipReason(): string | false {
  const support = labSupport();
  if (!support.ok) return support.why;
  return existsSync(TURNPIKE) ? false : 'not built: npm run build';
}

/**
 * A lab with a directory and relays, each a `turnpike` process in its own namespace, and with
 * hosts for peers.
 */
export class World {
  readonly lab: TestLab;
  readonly directoryHost: LabHost;
  /** Further options of a relay's command line, by id; used at each start. */
  readonly relayOptions = new Map<string, readonly string[]>();
  /** Port of the directory's host at which relays register: the directory's, or that of a proxy. */
  registrationPort = DIRECTORY_PORT;
  readonly #secrets: string;
  readonly #apiKey = randomBytes(32).toString('base64');
  readonly #relayHosts = new Map<string, LabHost>();
  readonly #relayPlans = new Map<string, RelayPlan>();
  readonly #running = new Map<string, LabProcess>();
  readonly #logs = new Map<string, LogLine[]>();

  private constructor(lab: TestLab, secrets: string, relays: readonly RelayPlan[]) {
    this.lab = lab;
    this.#secrets = secrets;
    this.directoryHost = lab.host('directory');
    for (const plan of relays) {
      this.#relayPlans.set(plan.id, plan);
      this.#relayHosts.set(plan.id, lab.host(plan.id));
    }
  }

  /**
   * Makes a world whose nodes are declared but not up. Declare hosts for peers, then call `start`.
   * @param t - its end closes the world; if it fails, the evidence is kept
   */
  static async create(t: KeptTest, relays: readonly RelayPlan[] = TWO_RELAYS): Promise<World> {
    const lab = new TestLab();
    closeAfter(t, lab);
    const world = await World.within(lab, relays);
    t.teardown(() => world.close());
    return world;
  }

  /** Makes a world in a lab that the caller closes, and then the world. Its nodes are not up. */
  static async within(lab: TestLab, relays: readonly RelayPlan[] = TWO_RELAYS): Promise<World> {
    const world = new World(lab, await mkdtemp(join(tmpdir(), 'turnpike-test-')), relays);
    world.#writeSecrets();
    world.#keepMetrics();
    return world;
  }

  /** Removes the secrets. */
  async close(): Promise<void> {
    await rm(this.#secrets, { recursive: true, force: true });
  }

  /** Brings up the network, and starts the directory and all relays. */
  async start(): Promise<void> {
    await this.lab.up();
    await this.startDirectory();
    await Promise.all([...this.#relayPlans.keys()].map((id) => this.startRelay(id)));
  }

  /** Starts the directory, and resolves when it listens. */
  async startDirectory(): Promise<void> {
    await this.#run('directory', this.directoryHost, [
      ...['directory', '--listen', `[::]:${DIRECTORY_PORT}`],
      ...['--cluster-secret-file', this.secretFile('cluster')],
      ...['--api-key-file', this.secretFile('api')],
      ...['--operator-key-file', this.secretFile('operator')],
      ...['--http', RELAY_HTTP],
    ]);
  }

  /** Starts a relay, and resolves when it listens. */
  async startRelay(id: string): Promise<void> {
    const host = this.relayHost(id);
    const plan = this.#relayPlans.get(id);
    if (plan === undefined) throw new Error(`no relay ${id}`);
    const families = plan.families ?? host.families;
    const addresses = (flag: string, wanted: readonly AddressFamily[], port: number) =>
      wanted.flatMap((family) => [flag, formatAddress(addressOf(host, family, port))]);
    await this.#run(id, host, [
      ...['relay', '--id', id, '--region', plan.region],
      ...addresses('--listen', families, SERVICE_PORT),
      ...addresses('--trunk', plan.trunkFamilies ?? families, TRUNK_PORT),
      ...['--directory', this.#urlFrom(host, this.registrationPort)],
      ...['--relay-secret-file', this.secretFile(id)],
      ...['--http', RELAY_HTTP],
      ...(this.relayOptions.get(id) ?? []),
    ]);
  }

  /** Returns the host of a relay. */
  relayHost(id: string): LabHost {
    const host = this.#relayHosts.get(id);
    if (host === undefined) throw new Error(`no relay ${id}`);
    return host;
  }

  /** Returns the log lines of the directory or a relay so far. */
  logOf(name: string): readonly LogLine[] {
    return this.#logs.get(name) ?? [];
  }

  /**
   * Drops UDP datagrams to a port of a host until the returned function is called. TCP, and what
   * the host sends, are not affected. The rule is stateless, so that open flows are dropped too.
   */
  async dropUdp(host: LabHost, port: number, family?: AddressFamily): Promise<() => Promise<void>> {
    const nft = (rules: string) =>
      run(['ip', 'netns', 'exec', host.namespace, 'nft', '-f', '-'], rules);
    const only = family === undefined ? '' : `meta nfproto ipv${family} `;
    await nft(`table inet shut${port} {
  chain arriving {
    type filter hook input priority -300; policy accept;
    ${only}udp dport ${port} drop
  }
}
`);
    return () => nft(`delete table inet shut${port}\n`).then(() => {});
  }

  /**
   * Drops UDP datagrams between two relays, in both directions, unless they are between their trunk
   * ports.
   */
  async blockBareUdp(a: string, b: string): Promise<void> {
    const block = async (at: LabHost, { addresses }: LabHost) => {
      // nft 1.0.6 makes one comparison of two neighbouring fields that are not to be equal.
      const rules = `table inet bare {
  chain arriving {
    type filter hook input priority -300; policy accept;
    udp dport ${TRUNK_PORT} accept
    udp sport ${TRUNK_PORT} accept
    ip saddr ${addresses[4]} meta l4proto udp drop
    ip6 saddr ${addresses[6]} meta l4proto udp drop
  }
}
`;
      await run(['ip', 'netns', 'exec', at.namespace, 'nft', '-f', '-'], rules);
    };
    const [first, second] = [this.relayHost(a), this.relayHost(b)];
    await Promise.all([block(first, second), block(second, first)]);
  }

  /** Returns a counter of a relay's data plane. */
  async counter(id: string, name: string): Promise<number> {
    return valueIn(await this.#metricsOf(id), `{name="${name}"}`) ?? 0;
  }

  /** Waits until each of two relays gets answers from the other by the trunk. */
  async untilTrunked(a: string, b: string): Promise<void> {
    const hears = async (at: string, other: string) => {
      const metric = `turnpike_relay_trunk_rtt_seconds{relay="${other}"}`;
      while (valueIn(await this.#metricsOf(at), metric) === undefined) await sleep(100);
    };
    await Promise.all([hears(a, b), hears(b, a)]);
  }

  /**
   * Returns a metric of the directory or a relay; undefined if it has none of that name.
   * @param metric - its name and labels
   */
  async metric(name: string, metric: string): Promise<number | undefined> {
    return valueIn(await this.#metricsOf(name), metric);
  }

  async #metricsOf(name: string): Promise<string> {
    const argv = readUrl(`http://${RELAY_HTTP}/metrics`);
    const { namespace } = name === 'directory' ? this.directoryHost : this.relayHost(name);
    return (await promisify(execFile)('ip', ['netns', 'exec', namespace, ...argv])).stdout;
  }

  /** Ends the directory or a relay with SIGKILL. */
  async kill(name: string): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) throw new Error(`${name} does not run`);
    running.signal('SIGKILL');
    await running.ended;
  }

  /** Starts `turnpike` in a host with these arguments. */
  turnpike(host: LabHost, args: readonly string[]): LabProcess {
    return this.lab.spawn(host, [process.execPath, TURNPIKE, ...args]);
  }

  /** Declares a host behind its own NAT. */
  hostBehindNat(
    name: string,
    behaviour: NatBehaviour,
    families?: readonly AddressFamily[],
  ): LabHost {
    const options = families === undefined ? { behaviour } : { behaviour, families };
    return this.lab.host(name, { behind: this.lab.nat(`nat-${name}`, options) });
  }

  /**
   * Starts a `peer-agent` in each of these hosts, and resolves when the directory lists all relays.
   */
  async peersIn<H extends readonly LabHost[]>(
    hosts: H,
  ): Promise<{ readonly [I in keyof H]: PeerAgent }> {
    const agents = hosts.map((host) => new PeerAgent(this.lab, host, this.accessFrom(host)));
    await agents[0]?.untilServing([...this.#relayPlans.keys()]);
    return agents as unknown as { readonly [I in keyof H]: PeerAgent };
  }

  /** Returns the directory's URL, with an address that the host can reach, and the API key. */
  accessFrom(host: LabHost): DirectorySettings {
    return { directoryUrl: this.#urlFrom(host, DIRECTORY_PORT), apiKey: this.#apiKey };
  }

  #urlFrom(host: LabHost, port: number): string {
    const family = host.families.includes(4) ? 4 : 6;
    return `http://${formatAddress(addressOf(this.directoryHost, family, port))}`;
  }

  /**
   * Returns the path of a secret: `cluster`, `api`, `operator`, `room` (for byte streams) or a
   * relay's id.
   */
  secretFile(name: string): string {
    return join(this.#secrets, name);
  }

  #keepMetrics(): void {
    const ask = (name: string, { namespace }: LabHost, url: string) =>
      this.lab.evidence.ask({ namespace, title: `metrics-${name}`, argv: readUrl(url) });
    ask('directory', this.directoryHost, `http://${RELAY_HTTP}/metrics`);
    for (const [id, host] of this.#relayHosts) ask(id, host, `http://${RELAY_HTTP}/metrics`);
  }

  async #run(name: string, host: LabHost, args: readonly string[]): Promise<void> {
    const process = this.turnpike(host, args);
    const lines = this.#logs.get(name) ?? [];
    this.#logs.set(name, lines);
    readLines(process.child.stderr, (line) => lines.push(parseObject(line) ?? { msg: line }));
    const log = new LoggedProcess(name, process);
    this.#running.set(name, process);
    await Promise.race([log.listening, log.ended]);
  }

  #writeSecrets(): void {
    const cluster = randomBytes(32);
    const write = (name: string, ...lines: Uint8Array[]) => {
      const text = lines.map((line) => `${Buffer.from(line).toString('base64')}\n`).join('');
      writeFileSync(this.secretFile(name), text, { mode: 0o600 });
    };
    write('cluster', cluster);
    write('api', Buffer.from(this.#apiKey, 'base64'));
    write('operator', randomBytes(32));
    write('room', randomBytes(32));
    for (const id of this.#relayPlans.keys()) {
      write(id, relaySecret(cluster, id), tenantRoot(cluster));
    }
  }
}

/** Returns a command that prints the body that a URL returns. */
export function readUrl(url: string): string[] {
  return [process.execPath, '-e', READ_URL, url];
}

/** Returns the value of the metric whose name and labels end so; undefined if it is absent. */
function valueIn(metrics: string, ending: string): number | undefined {
  const line = metrics.split('\n').find((each) => each.includes(`${ending} `));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

function addressOf(host: LabHost, family: AddressFamily, port: number): TransportAddress {
  return { address: host.addresses[family] ?? '', port };
}
