import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { Directory } from '../../src/directory/index.js';
import type { Registry, RelayRecord } from '../../src/registry/types.js';
import { RegistrationClient } from '../../src/relay/registration-client.js';
import {
  API_KEY,
  API_KEYS,
  CLUSTER_SECRET,
  IDLE,
  keyOf,
  relayRecord,
} from '../directory/fixtures.js';
import { ownLoopback } from '../setup/own-loopback.js';
import { answeringDirectory, clientOf } from './answering-directory.js';

/** A relay's registration client; records the calls of its handlers and its log lines. */
class Registered {
  readonly registries: Registry[] = [];
  readonly starts: number[] = [];
  superseded = 0;
  readonly logs: { level: number; event?: string; msg: string; reason?: string }[] = [];
  draining = false;
  record: RelayRecord;
  readonly client: RegistrationClient;
  #changed: (() => void)[] = [];

  constructor(
    directoryUrl: string,
    id: string,
    host: number,
    { key = keyOf(id), ...changes }: Partial<RelayRecord> & { key?: Uint8Array } = {},
  ) {
    this.record = relayRecord(id, host, changes);
    this.client = new RegistrationClient({
      directoryUrl,
      id,
      registrationKey: key,
      record: () => this.record,
      load: () => IDLE,
      draining: () => this.draining,
      onRegistry: (registry) => {
        this.registries.push(registry);
        this.#notify();
      },
      onStart: (lowest) => {
        this.starts.push(lowest);
        this.record = { ...this.record, start: lowest };
      },
      onSuperseded: () => {
        this.superseded += 1;
        this.#notify();
      },
      logger: pino({ level: 'info' }, { write: (line: string) => this.#logged(line) }),
    });
    this.client.start();
  }

  get known(): string[] {
    return this.registries.at(-1)?.relays.map(({ id }) => id) ?? [];
  }

  /** Waits until the condition is true; checks it after each event. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  /** Log lines of one event. */
  events(event: string) {
    return this.logs.filter((line) => line.event === event);
  }

  #logged(line: string): void {
    this.logs.push(JSON.parse(line));
    this.#notify();
  }

  #notify(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}

async function openDirectory(test: Test, port = 0): Promise<Directory> {
  const listen = { address: ownLoopback(), port };
  const options = { listen, clusterSecret: CLUSTER_SECRET, apiKeys: API_KEYS };
  const directory = await Directory.open(options);
  test.teardown(() => directory.close());
  return directory;
}

/** Returns the ids of the relays that the directory offers to peers. */
async function listed(directory: Directory): Promise<string[]> {
  const headers = { authorization: `Bearer ${API_KEY}` };
  const response = await fetch(`${directory.url}/v1/relays`, { headers });
  const { relays } = (await response.json()) as { relays: { id: string }[] };
  return relays.map(({ id }) => id);
}

async function untilListed(directory: Directory, ids: string[]): Promise<void> {
  while ((await listed(directory)).sort().join() !== ids.join()) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

t.test('relays register, receive the registry and are listed', async (t) => {
  const directory = await openDirectory(t);
  const fra = new Registered(directory.url, 'fra-1', 1);
  await fra.client.registered;
  t.equal(fra.client.state, 'registered');
  const said = { level: 30, event: 'registered', id: 'fra-1', directory: directory.url };
  t.match(fra.events('registered'), [said]);
  await untilListed(directory, ['fra-1']);
  const nyc = new Registered(directory.url, 'nyc-1', 2);
  await nyc.client.registered;
  await nyc.until(() => nyc.known.join() === 'fra-1,nyc-1');
  fra.client.beatSoon();
  await fra.until(() => fra.known.join() === 'fra-1,nyc-1');
  t.match(fra.registries.at(-1)?.relays[1], nyc.record);
  await untilListed(directory, ['fra-1', 'nyc-1']);

  await t.test('a draining relay is not listed, and a closed one is deregistered', async (t) => {
    fra.draining = true;
    fra.client.beatSoon();
    await untilListed(directory, ['nyc-1']);
    await fra.client.stop();
    t.equal(fra.client.state, 'stopped');
    const health = await fetch(`${directory.url}/healthz`);
    t.match(await health.json(), { status: 'ok', relays: 1 });
    nyc.client.beatSoon();
  });
  t.equal(nyc.events('registered').length, 1, 'logged once, whatever beats and registries follow');
  await nyc.client.stop();
  await nyc.client.stop();
  t.same(await listed(directory), []);
});

t.test('relays register again with a directory that was restarted', async (t) => {
  const first = await openDirectory(t);
  const fra = new Registered(first.url, 'fra-1', 1);
  const nyc = new Registered(first.url, 'nyc-1', 2);
  t.teardown(() => Promise.all([fra.client.stop(), nyc.client.stop()]));
  await Promise.all([fra.client.registered, nyc.client.registered]);
  fra.client.beatSoon();
  nyc.client.beatSoon();
  await fra.until(() => fra.known.length === 2);
  await nyc.until(() => nyc.known.length === 2);
  await first.close();
  fra.client.beatSoon();
  nyc.client.beatSoon();
  const second = await openDirectory(t, first.address.port);
  await untilListed(second, ['fra-1', 'nyc-1']);
  t.ok(
    [...fra.registries, ...nyc.registries].every(({ relays }) => relays.length > 0),
    'no registry is empty',
  );
  await fra.until(() => fra.events('registered').length > 1);
  t.equal(fra.events('registered').length, 2, 'logged once more');
  t.same(
    fra.known,
    ['fra-1', 'nyc-1'],
    'relays that the restarted directory did not list yet are kept',
  );
});

t.test(
  'a start below the one that the directory has is raised, and supersedes the older process',
  async (t) => {
    const directory = await openDirectory(t);
    const older = new Registered(directory.url, 'fra-1', 1, { start: 1_800 });
    await older.client.registered;
    const newer = new Registered(directory.url, 'fra-1', 1, { start: 1_700 });
    t.teardown(() => newer.client.stop());
    await newer.client.registered;
    t.same(newer.starts, [1_801]);
    older.client.beatSoon();
    await older.until(() => older.superseded > 0);
    t.equal(older.client.state, 'superseded');
    await older.client.stop();
    const health = await fetch(`${directory.url}/healthz`);
    t.match(
      await health.json(),
      { relays: 1 },
      'the older process does not deregister the newer one',
    );
  },
);

t.test('a relay with a wrong secret logs the refusal and continues to register', async (t) => {
  const directory = await openDirectory(t);
  const fra = new Registered(directory.url, 'fra-1', 1, { key: keyOf('nyc-1') });
  await fra.until(() => fra.logs.length > 0);
  t.match(fra.logs, [
    {
      level: 40,
      msg: /^directory refuses this relay's signature: check the relay secret or cluster secret/,
      reason: /^answer 401 \(wrong-signature\)/,
    },
  ]);
  t.equal(fra.client.state, 'registering');
  const refused = t.rejects(fra.client.registered, { code: 'ERR_TURNPIKE_CLOSED' });
  await fra.client.stop();
  await refused;
  t.same(
    [fra.registries, fra.starts, fra.superseded],
    [[], [], 0],
    'the unsigned response is ignored',
  );
});

t.test('an unreachable directory is logged once', async (t) => {
  const fra = new Registered('http://127.0.0.1:1', 'fra-1', 1);
  await fra.until(() => fra.logs.length > 0);
  fra.client.beatSoon();
  await fra.client.stop();
  t.match(fra.logs, [{ level: 40, msg: 'directory unreachable', reason: 'ECONNREFUSED' }]);
});

t.test('an invalid directory URL throws', async (t) => {
  t.throws(() => new Registered('fra.example:8080', 'fra-1', 1), { code: 'ERR_TURNPIKE_CONFIG' });
});

t.test(
  'unreachable relays are reported, and appointed checks are passed to the handler',
  async (t) => {
    const directory = await openDirectory(t);
    const checks: string[] = [];
    const clients = ['fra-1', 'nyc-1'].map((id, index) => {
      const client = new RegistrationClient({
        directoryUrl: directory.url,
        id,
        registrationKey: keyOf(id),
        record: () => relayRecord(id, index + 1),
        load: () => IDLE,
        draining: () => false,
        reachability: () => ({
          trunk: id === 'fra-1' ? [{ id: 'nyc-1', reason: 'no-answer' }] : [],
          service: [],
        }),
        onRegistry: () => {},
        onChecks: (each) => checks.push(...each.map((check) => `${id}: ${check.id}`)),
        onStart: () => {},
        onSuperseded: () => {},
      });
      client.start();
      t.teardown(() => client.stop());
      return client;
    });
    await Promise.all(clients.map(({ registered }) => registered));
    const apart = async () => (await directory.metrics()).includes('_pairs_apart 1');
    while (!(await apart()) || new Set(checks).size < 2) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    t.same([...new Set(checks)].sort(), ['fra-1: nyc-1', 'nyc-1: fra-1']);
  },
);

t.test('a directory that appoints no checks gets at most 32 entries of each report', async (t) => {
  let check: { check?: [] } = {};
  const { url, beats } = await answeringDirectory(t, () => check);
  const others = Array.from({ length: 500 }, (_, index) => ({
    id: `nyc-${index}`,
    address: '192.0.2.20:3478',
    reason: 'no-answer',
  }));
  const client = clientOf(url, {
    reachability: () => ({
      trunk: others.map(({ id, reason }) => ({ id, reason })),
      service: others,
    }),
  });
  client.start();
  t.teardown(() => client.stop());
  const sizes = () => {
    const { trunk = [], service = [] } = (beats.at(-1)?.reachability ?? {}) as {
      readonly trunk?: unknown[];
      readonly service?: unknown[];
    };
    return [trunk.length, service.length];
  };
  while (beats.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  t.strictSame(sizes(), [32, 32], 'an old directory refuses a long body');
  check = { check: [] };
  while (sizes()[0] === 32) await new Promise((resolve) => setTimeout(resolve, 20));
  t.strictSame(sizes(), [500, 500]);
});

t.test('a relay beats at most about twice a second, however often its state changes', async (t) => {
  const directory = await openDirectory(t);
  const fra = new Registered(directory.url, 'fra-1', 1);
  t.teardown(() => fra.client.stop());
  await fra.client.registered;
  await sleep(2_000);
  const before = await beats(directory);
  const since = performance.now();
  for (let n = 0; n < 40; n += 1) {
    fra.client.beatSoon();
    await sleep(50);
  }
  const count = (await beats(directory)) - before;
  const seconds = (performance.now() - since) / 1_000;
  t.ok(count >= 3 && count <= 4 * seconds, `${count} beats in ${seconds} s`);
});

/** Returns the number of beats that the directory has answered. */
async function beats(directory: Directory): Promise<number> {
  const text = await directory.metrics();
  const row = /requests_total\{route="\/v1\/relays\/:id\/beat",status="200"\} (\d+)/;
  return Number(row.exec(text)?.[1] ?? 0);
}

t.test(
  'a registry that cannot be fetched is logged once and requested again at each beat',
  async (t) => {
    const directory = await openDirectory(t);
    let fetches = 0;
    // A proxy that forwards all requests except those for the registry.
    const proxy = createServer((request, response) => {
      const isFetch = request.method === 'GET';
      if (isFetch) {
        fetches += 1;
        response.writeHead(502).end();
        return;
      }
      const { method, headers, url } = request;
      const onward = httpRequest(`${directory.url}${url}`, { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    t.teardown(() => {
      proxy.closeAllConnections();
      proxy.close();
    });
    const { port } = proxy.address() as AddressInfo;
    const fra = new Registered(`http://127.0.0.1:${port}`, 'fra-1', 1);
    t.teardown(() => fra.client.stop());
    const since = performance.now();
    await fra.client.registered;
    await sleep(4_000);
    const seconds = (performance.now() - since) / 1_000;
    t.ok(fetches >= 2 && fetches <= 1.25 * seconds, `${fetches} fetches in ${seconds} s`);
    t.equal(fra.client.away, undefined, 'the directory answers');
    const said = fra.logs.filter(({ msg }) => msg.includes('cannot be fetched'));
    t.match(said, [{ level: 40, reason: /502/ }]);
    t.equal(said.length, 1);
  },
);
