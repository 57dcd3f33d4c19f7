import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { registrationKey, relayKeyPair, relaySecret, tenantRoot } from '../../src/auth/keys.js';
import { DirectoryClient, Peer } from '../../src/client/index.js';
import { Directory } from '../../src/directory/index.js';
import type { RelayRecord } from '../../src/registry/types.js';
import { Relay } from '../../src/relay/index.js';
import { RegistrationClient } from '../../src/relay/registration-client.js';
import type { Evidence } from '../lab/evidence.js';
import { evidenceOf, setPatience } from '../lab/keep-on-failure.js';
import { until } from '../until.js';

setPatience(t, 180_000);

const CLUSTER_SECRET = new Uint8Array(32).fill(9);
const API_KEY = 'api-key-of-claims';
const CONNECTIONS = 20;
/** Relays by loopback address. The first is the one whose addresses another relay claims. */
const RELAYS = { 'fra-1': '127.0.0.21', 'nyc-1': '127.0.0.22', 'sin-1': '127.0.0.23' } as const;
const THIEF = 'evil-1';

/** A TCP proxy to the directory that can be cut. */
class Link {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  up = true;

  private constructor(port: () => number) {
    this.#server = createServer((near) => {
      if (!this.up) {
        near.destroy();
        return;
      }
      const far = tcpConnect(port(), '127.0.0.1');
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
  }

  static async open(port: () => number): Promise<Link> {
    const link = new Link(port);
    await new Promise<void>((resolve) => link.#server.listen(0, '127.0.0.1', resolve));
    return link;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  }

  cut(): void {
    this.up = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}

interface Line {
  readonly event?: string;
  readonly relay?: string;
  readonly result?: string;
}

/** A directory that can be restarted, and three relays of three regions. */
class Cluster {
  readonly relays = new Map<string, Relay>();
  readonly links = new Map<string, Link>();
  readonly lines: Line[] = [];
  /** Keeps all logs if the test fails. */
  readonly evidence: Evidence;
  #directory: Directory | undefined;

  private constructor(evidence: Evidence) {
    this.evidence = evidence;
  }

  static async open(t: Test): Promise<Cluster> {
    const cluster = new Cluster(evidenceOf(t));
    t.teardown(() => cluster.#close());
    await cluster.startDirectory();
    for (const [id, host] of Object.entries(RELAYS)) {
      const link = await Link.open(() => cluster.directory.address.port);
      cluster.links.set(id, link);
      const relay = await Relay.open({
        id,
        region: id.split('-')[0] ?? '',
        listen: [`${host}:0`],
        trunk: [`${host}:0`],
        relaySecret: relaySecret(CLUSTER_SECRET, id),
        tenantRoot: tenantRoot(CLUSTER_SECRET),
        directoryUrl: link.url,
        workers: 2,
        logger: pino(cluster.evidence.log(id)),
      });
      cluster.relays.set(id, relay);
    }
    await cluster.untilListed(...Object.keys(RELAYS));
    return cluster;
  }

  async startDirectory(): Promise<void> {
    const log = this.evidence.log('directory');
    this.#directory = await Directory.open({
      listen: { address: '127.0.0.1', port: 0 },
      clusterSecret: CLUSTER_SECRET,
      apiKeys: [{ key: API_KEY, tenant: 'default' }],
      logger: pino(
        { level: 'info' },
        {
          write: (line: string) => {
            this.lines.push(JSON.parse(line));
            log.write(line);
          },
        },
      ),
    });
  }

  get directory(): Directory {
    if (this.#directory === undefined) throw new Error('no directory');
    return this.#directory;
  }

  /** Replaces the directory by a new one without any state. */
  async restartDirectory(): Promise<void> {
    for (const link of this.links.values()) link.cut();
    await this.directory.close();
    await this.startDirectory();
  }

  get access() {
    return new DirectoryClient({ directoryUrl: this.directory.url, apiKey: API_KEY });
  }

  async listed(): Promise<string[]> {
    return (await this.access.listRelays()).map(({ id }) => id).sort();
  }

  /** Waits until exactly these relays are listed. */
  async untilListed(...ids: string[]): Promise<void> {
    await until(
      `${ids} are listed`,
      async () => (await this.listed().catch(() => [])).join() === ids.sort().join(),
    );
  }

  async untilLogged(wanted: Line): Promise<void> {
    const matches = (line: Line) =>
      Object.entries(wanted).every(([name, value]) => line[name as keyof Line] === value);
    await until(JSON.stringify(wanted), () => this.lines.some(matches));
  }

  records(ids: readonly string[]): RelayRecord[] {
    return ids.flatMap((id) => this.relays.get(id)?.record ?? []);
  }

  async #close(): Promise<void> {
    for (const link of this.links.values()) link.close();
    for (const relay of this.relays.values()) await relay.close();
    await this.directory.close();
  }
}

/** Registers the addresses of these relays with the valid secret of another relay. */
function thief(t: Test, cluster: Cluster, ...victims: string[]): RegistrationClient {
  const secret = relaySecret(CLUSTER_SECRET, THIEF);
  const own = { address: '127.0.0.66', port: 3480 };
  const records = cluster.records(victims);
  const record = {
    id: THIEF,
    region: 'evil',
    start: Date.now(),
    publicKey: Buffer.from(relayKeyPair(secret).publicKey).toString('base64'),
    serviceAddresses: records.flatMap(({ serviceAddresses }) => serviceAddresses),
    trunkAddresses: [...records.flatMap(({ trunkAddresses }) => trunkAddresses), own],
    trunkSources: [...records.flatMap(({ trunkSources }) => trunkSources), own],
    recordsMax: 1,
  };
  const load = { legs: 0, legsMax: Number.MAX_SAFE_INTEGER, cpu: 0, packetsPerSecond: 0 };
  const client = new RegistrationClient({
    directoryUrl: cluster.directory.url,
    id: THIEF,
    registrationKey: registrationKey(secret),
    record: () => record,
    load: () => load,
    draining: () => false,
    reachability: () => ({ trunk: [], service: [] }),
    claims: () => [],
    onRegistry: () => {},
    onStart: () => {},
    onSuperseded: () => {},
    logger: pino(cluster.evidence.log(THIEF)),
  });
  t.teardown(() => client.stop());
  client.start();
  return client;
}

type Pair = readonly [Peer, Peer];

/** Opens connections with one peer at fra-1. */
async function connections(t: Test, cluster: Cluster): Promise<PromiseSettledResult<Pair>[]> {
  const one = async (): Promise<Pair> => {
    const peers = [{ region: 'fra' }, { region: 'nyc' }] as const;
    const offer = await cluster.access.createConnection({ peers });
    const pair = await Promise.all(offer.grants.map((grant) => Peer.open({ grant })));
    for (const peer of pair) t.teardown(() => peer.close());
    const [a, b] = pair;
    if (a === undefined || b === undefined) throw new Error('two peers');
    await Promise.all([a.connect(b.mappedAddress), b.connect(a.mappedAddress)]);
    return [a, b];
  };
  return Promise.allSettled(Array.from({ length: CONNECTIONS }, one));
}

/** Returns the number of connections that carry data both ways. */
async function working(pairs: readonly Pair[]): Promise<number> {
  const passes = (from: Peer, to: Peer) =>
    new Promise<boolean>((resolve) => {
      const timer = setInterval(() => from.send(Buffer.from('still here')), 100);
      const end = (arrived: boolean) => {
        clearInterval(timer);
        clearTimeout(late);
        to.off('message', came);
        resolve(arrived);
      };
      const came = () => end(true);
      const late = setTimeout(() => end(false), 3_000);
      to.on('message', came);
    });
  const all = pairs.map(async ([a, b]) => {
    if (a.state !== 'established' || b.state !== 'established') return false;
    return (await Promise.all([passes(a, b), passes(b, a)])).every(Boolean);
  });
  return (await Promise.all(all)).filter(Boolean).length;
}

function made(results: readonly PromiseSettledResult<Pair>[]): Pair[] {
  return results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}

t.test(
  'a thief that registers first after a restart of the directory loses the addresses',
  async (t) => {
    const cluster = await Cluster.open(t);
    const before = made(await connections(t, cluster));
    t.equal(await working(before), CONNECTIONS);

    await cluster.restartDirectory();
    const stealing = thief(t, cluster, 'fra-1');
    await stealing.registered;
    for (const id of ['nyc-1', 'sin-1'] as const) (cluster.links.get(id) as Link).up = true;
    await cluster.untilListed(THIEF, 'nyc-1', 'sin-1');
    t.comment('the true relay cannot reach the directory, and the other relays keep its record');
    await delay(8_000);
    t.equal(await working(before), CONNECTIONS, 'connections continue while the thief is listed');

    t.comment('the true relay reaches the directory again and proves its addresses');
    (cluster.links.get('fra-1') as Link).up = true;
    await cluster.untilListed('fra-1', 'nyc-1', 'sin-1');
    await cluster.untilLogged({ event: 'claim-decided', relay: 'fra-1', result: 'proved' });
    t.equal(await working(before), CONNECTIONS, 'earlier connections continue');
    const after = await connections(t, cluster);
    t.equal(await working(made(after)), CONNECTIONS, 'new connections');
    // It learns so from the response to its next beat.
    await until('the thief is not registered', () => stealing.state === 'registering');
  },
);

t.test('a thief cannot register while the true relay is cut off from the directory', async (t) => {
  const cluster = await Cluster.open(t);
  const before = made(await connections(t, cluster));
  const link = cluster.links.get('fra-1') as Link;
  link.cut();
  await cluster.untilLogged({ event: 'relay-expired', relay: 'fra-1' });
  const stealing = thief(t, cluster, 'fra-1');
  await cluster.untilLogged({ event: 'claim-decided', relay: THIEF, result: 'unproved' });
  await delay(3_000);
  t.equal(stealing.everRegistered, false);
  t.same(await cluster.listed(), ['nyc-1', 'sin-1']);
  t.equal(await working(before), CONNECTIONS);

  link.up = true;
  await cluster.untilListed('fra-1', 'nyc-1', 'sin-1');
  const after = made(await connections(t, cluster));
  t.equal(await working([...before, ...after]), 2 * CONNECTIONS);
});

t.test(
  'a thief of all relays’ addresses loses them after a restart of the directory',
  async (t) => {
    const cluster = await Cluster.open(t);
    const before = made(await connections(t, cluster));
    await cluster.restartDirectory();
    await thief(t, cluster, ...Object.keys(RELAYS)).registered;
    for (const link of cluster.links.values()) link.up = true;
    await cluster.untilListed(...Object.keys(RELAYS));
    const after = made(await connections(t, cluster));
    t.equal(await working([...before, ...after]), 2 * CONNECTIONS);
  },
);
