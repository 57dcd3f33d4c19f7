import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  Directory,
  formatAddress,
  parseAddress,
  Relay,
  type RelayOptions,
  relaySecret,
  type TransportAddress,
  tenantRoot,
} from '../../src/index.js';
import { MAIN_PROGRAM } from '../cli/main-program.js';
import { ROOT } from '../house/source-files.js';
import { ownLoopback } from '../setup/own-loopback.js';
import { RELAY_PORTS } from '../turn-server/turn-socket.js';

const CLUSTER_SECRET = Uint8Array.from({ length: 32 }, (_, index) => 255 - index);
const API_KEYS = [
  { key: 'api-key-of-tenant-default', tenant: 'default' },
  { key: 'api-key-of-tenant-acme', tenant: 'acme' },
];
const LISTED_MS = 15_000;
/** Maximum legs of f-1. */
const FEW_LEGS = 8;

/** Name and password of a user of TURN at g-1. */
const TURN_USER = ['alice', 'secret'] as const;

/** The data of a running system that the Python peer gets. */
export interface SystemDescription {
  readonly directoryUrl: string;
  readonly apiKeys: Record<string, string>;
  readonly clusterSecret: string;
  readonly relays: Record<string, Record<'service' | 'trunk', readonly TransportAddress[]>>;
  readonly turnUser: readonly [string, string];
  /** The lowest and the highest port of relayed addresses. */
  readonly relayPorts: readonly number[];
}

/** A relay in a process of its own, as an operator runs it, so that it can be killed. */
class RelayProcess {
  service: readonly TransportAddress[] = [{ address: ownLoopback(), port: 0 }];
  trunk: readonly TransportAddress[] = [{ address: ownLoopback(), port: 0 }];
  #child: ChildProcess | undefined;

  constructor(
    readonly id: string,
    readonly directoryUrl: string,
    readonly secretFile: string,
  ) {}

  /** Starts the relay, on its earlier ports if it had any; resolves when it listens. */
  async start(): Promise<void> {
    const options = {
      id: this.id,
      region: this.id.slice(0, 1),
      listen: this.service.map(formatAddress).join(),
      trunk: this.trunk.map(formatAddress).join(),
      directory: this.directoryUrl,
      'cluster-secret-file': this.secretFile,
      workers: '1',
    };
    const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const child = spawn(process.execPath, [...MAIN_PROGRAM, 'relay', ...flags], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    process.once('exit', () => child.kill('SIGKILL'));
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line);
      const event = line.startsWith('{') ? JSON.parse(line) : {};
      if (event.event === 'listening') {
        this.service = event.listen.map(parseAddress);
        this.trunk = event.trunk.map(parseAddress);
        child.stderr.resume();
        return;
      }
    }
    throw new Error(`relay ${this.id} did not start:\n${said.join('\n')}`);
  }

  /** Sends SIGKILL; resolves when the process has ended. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}

/**
 * A directory and seven relays on loopback; c-1 runs in a process of its own, f-1 is small, g-1
 * serves TURN.
 */
export class System {
  readonly #directory: Directory;
  readonly #relays: readonly Relay[];
  readonly #process: RelayProcess;
  readonly #folder: string;

  private constructor(
    directory: Directory,
    relays: readonly Relay[],
    child: RelayProcess,
    folder: string,
  ) {
    this.#directory = directory;
    this.#relays = relays;
    this.#process = child;
    this.#folder = folder;
  }

  /** Opens the directory and the relays; resolves when the directory lists every relay. */
  static async open(): Promise<System> {
    const folder = await mkdtemp(join(tmpdir(), 'turnpike-interop-'));
    const secretFile = join(folder, 'cluster.secret');
    const secret = `${Buffer.from(CLUSTER_SECRET).toString('base64')}\n`;
    await writeFile(secretFile, secret, { mode: 0o600 });
    const directory = await Directory.open({
      listen: { address: '127.0.0.1', port: 0 },
      clusterSecret: CLUSTER_SECRET,
      apiKeys: API_KEYS,
    });
    const both = ['127.0.0.1:0', '[::1]:0'];
    const child = new RelayProcess('c-1', directory.url, secretFile);
    const started = child.start();
    const relays = await Promise.all([
      openRelay(directory, 'a-1', both, both),
      openRelay(directory, 'b-1', both, both),
      openRelay(directory, 'd-1', ['127.0.0.1:0'], ['[::1]:0']),
      openRelay(directory, 'e-1', ['127.0.0.1:0'], ['127.0.0.1:0']),
      openRelay(directory, 'f-1', ['127.0.0.1:0'], ['127.0.0.1:0'], { legsMax: FEW_LEGS }),
      openRelay(directory, 'g-1', ['127.0.0.1:0'], ['127.0.0.1:0'], {
        users: [TURN_USER.join(':')],
        relayAddresses: '127.0.0.1',
        relayPorts: RELAY_PORTS,
        allowPeers: '127.0.0.0/8',
      }),
    ]);
    await started;
    const system = new System(directory, relays, child, folder);
    await system.#allListed();
    return system;
  }

  async #allListed(): Promise<void> {
    const headers = { authorization: `Bearer ${API_KEYS[0]?.key}` };
    const until = Date.now() + LISTED_MS;
    let listed = 0;
    while (listed < this.#relays.length + 1) {
      if (Date.now() > until) throw new Error(`only ${listed} relays are listed`);
      const answer = await fetch(`${this.#directory.url}/v1/relays`, { headers });
      const { relays } = (await answer.json()) as { relays: readonly unknown[] };
      listed = relays.length;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  describe(): SystemDescription {
    const relays = Object.fromEntries(
      this.#relays.map((relay) => [
        relay.id,
        { service: relay.serviceAddresses, trunk: relay.trunkAddresses },
      ]),
    );
    const child = this.#process;
    return {
      directoryUrl: this.#directory.url,
      apiKeys: Object.fromEntries(API_KEYS.map(({ key, tenant }) => [tenant, key])),
      clusterSecret: Buffer.from(CLUSTER_SECRET).toString('hex'),
      relays: { ...relays, [child.id]: { service: child.service, trunk: child.trunk } },
      turnUser: TURN_USER,
      relayPorts: RELAY_PORTS.split('-').map(Number),
    };
  }

  /** Performs an action of a scenario: `kill` or `start` of c-1, `drain` or `close` of another. */
  async perform(what: string, id: string): Promise<void> {
    const relay = this.#relays.find((one) => one.id === id);
    if (what === 'kill') await this.#process.kill();
    else if (what === 'start') await this.#process.start();
    else if (what === 'drain') relay?.drain();
    else if (what === 'close') await relay?.close();
    else throw new Error(`unknown action: ${what} ${id}`);
  }

  async close(): Promise<void> {
    await this.#process.kill();
    await Promise.all(this.#relays.map((relay) => relay.close()));
    await this.#directory.close();
    await rm(this.#folder, { recursive: true });
  }
}

function openRelay(
  directory: Directory,
  id: string,
  listen: readonly string[],
  trunk: readonly string[],
  options: Partial<RelayOptions> = {},
): Promise<Relay> {
  return Relay.open({
    id,
    region: id.slice(0, 1),
    listen,
    trunk,
    relaySecret: relaySecret(CLUSTER_SECRET, id),
    tenantRoot: tenantRoot(CLUSTER_SECRET),
    directoryUrl: directory.url,
    workers: 2,
    ...options,
  });
}
