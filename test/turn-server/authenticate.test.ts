import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import {
  type AllocationEvent,
  type Authenticate,
  TurnServer,
  type TurnServerOptions,
} from '../../src/index.js';
import { Method } from '../../src/stun/methods.js';
import { ROOT } from '../house/source-files.js';
import { RELAY_PORTS, TurnSocket, type TurnUser, UdpSocket } from './turn-socket.js';

const REALM = 'example.net';

t.setTimeout(120_000);

async function serverOf(t: Test, options: Partial<TurnServerOptions>): Promise<TurnServer> {
  const server = await TurnServer.open({
    listen: '127.0.0.1:0',
    relayAddresses: '127.0.0.1',
    relayPorts: RELAY_PORTS,
    allowPeers: '127.0.0.0/8',
    workers: 1,
    realm: REALM,
    ...options,
  });
  t.teardown(() => server.close());
  return server;
}

async function clientOf(t: Test, server: TurnServer, user: TurnUser): Promise<TurnSocket> {
  const [at] = server.listen;
  if (at === undefined) throw new Error('the server listens nowhere');
  const client = await TurnSocket.open(at, user);
  t.teardown(() => client.close());
  return client;
}

/** Databases in memory that have as much of the clients' interfaces as the examples use. */
const FAKES = {
  pg: `
    const rows = new Map();
    class Pool {
      async query(text, [username, md5_key, sha256_key, quota]) {
        if (text.startsWith('INSERT')) rows.set(username, { md5_key, sha256_key, quota });
        return { rows: [rows.get(username)].filter((row) => row !== undefined) };
      }
    }
    export default { Pool };`,
  ioredis: `
    const hashes = new Map();
    const subscribers = [];
    export class Redis {
      #handlers = [];
      async hset(key, hash) { hashes.set(key, hash); }
      async hgetall(key) { return hashes.get(key) ?? {}; }
      async del(key) { hashes.delete(key); }
      duplicate() { return new Redis(); }
      on(_event, handler) { this.#handlers.push(handler); }
      async subscribe(channel) { subscribers.push({ channel, handlers: this.#handlers }); }
      async publish(channel, text) {
        const told = subscribers.filter((each) => each.channel === channel);
        for (const { handlers } of told) for (const handler of handlers) handler(channel, text);
      }
    }`,
};

/** Loads a module of docs/turn.md beside the fakes. */
async function example(t: Test, name: string) {
  const page = readFileSync(join(ROOT, 'docs', 'turn.md'), 'utf8');
  const [, source] = new RegExp(`\`\`\`js\\n// ${name}\\n([^]*?)\`\`\``).exec(page) ?? [];
  if (source === undefined) throw new Error(`docs/turn.md has no ${name}`);
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-users-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [fake, text] of Object.entries(FAKES)) {
    const at = join(folder, 'node_modules', fake);
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, 'package.json'), JSON.stringify({ type: 'module', main: 'index.js' }));
    writeFileSync(join(at, 'index.js'), text);
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(join(folder, name), source);
  const load = (path: string) => import(pathToFileURL(join(folder, path)).href);
  return { module: await load(name), load };
}

t.test('the SQL example of docs/turn.md serves users with both algorithms', async (t) => {
  const { module } = await example(t, 'users-in-sql.mjs');
  await module.addUser('alice', REALM, 'secret', 1);
  const server = await serverOf(t, { authenticate: module.authenticate });
  for (const integrity of ['sha1', 'sha256'] as const) {
    const user = { username: 'alice', password: 'secret', integrity };
    const client = await clientOf(t, server, user);
    await client.allocate();
    const other = await clientOf(t, server, user);
    t.equal(
      (await other.request(Method.Allocate, (writer) => writer.requestedTransport(17))).errorCode()
        ?.code,
      486,
      'the quota of the table',
    );
    const peer = await UdpSocket.at('127.0.0.2');
    t.teardown(() => peer.close());
    t.equal(await client.bind(0x4000, peer.address), undefined);
    client.channelData(0x4000, 'hello');
    t.equal((await peer.next()).data.toString(), 'hello');
    t.equal(await client.refresh(0), undefined);
  }
  for (const user of [
    { username: 'alice', password: 'wrong' },
    { username: 'mallory', password: 'secret' },
  ]) {
    await t.rejects((await clientOf(t, server, user)).allocate(), /401/);
  }
});

t.test('the Redis example of docs/turn.md ends users that are removed', async (t) => {
  const { module, load } = await example(t, 'users-in-redis.mjs');
  const { Redis } = await load('node_modules/ioredis/index.js');
  const redis = new Redis();
  await redis.hset('turn:user:alice', { password: 'secret', account: 'acme' });
  const events: AllocationEvent[] = [];
  const server = await serverOf(t, {
    authenticate: module.authenticate,
    onEvent: (event) => events.push(event),
  });
  await module.endRemovedUsers(server);
  const user = { username: 'alice', password: 'secret' };
  const client = await clientOf(t, server, user);
  await client.allocate();
  t.match(events, [{ type: 'allocated', username: 'alice', user: 'acme' }]);
  await redis.del('turn:user:alice');
  t.equal(await client.refresh(600), undefined, 'she is as before');
  await redis.publish('turn:removed', 'alice');
  t.match(events.at(-1), { type: 'ended', reason: 'user-removed', user: 'acme' });
  t.equal(server.allocations, 0);
  t.equal(server.endUser('acme'), 0);
  await t.rejects((await clientOf(t, server, user)).allocate(), /401/);
});

t.test('while the hook hangs, other users are served, and it may recover', async (t) => {
  let hangs = true;
  let calls = 0;
  const authenticate: Authenticate = () => {
    calls += 1;
    return hangs ? new Promise<never>(() => {}) : { password: 'hidden' };
  };
  const server = await serverOf(t, {
    users: 'alice:secret',
    authenticate,
    authenticateTimeoutMs: 100,
  });
  const bobs = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      clientOf(t, server, { username: `bob${index}`, password: 'hidden' }),
    ),
  );
  const waiting = Promise.all(bobs.map((bob) => bob.allocate()));
  const alice = await clientOf(t, server, { username: 'alice', password: 'secret' });
  await alice.allocate();
  const peer = await UdpSocket.at('127.0.0.2');
  t.teardown(() => peer.close());
  t.equal(await alice.permit(peer.address), undefined);
  alice.indicate('served', peer.address);
  t.equal((await peer.next()).data.toString(), 'served');
  while (calls < 20) await new Promise(setImmediate);
  t.equal(server.allocations, 1);
  t.ok(server.health().ready);
  hangs = false;
  t.equal((await waiting).length, 20, 'requests that are sent again succeed');
  const metrics = await server.metrics();
  t.match(metrics, /^turnpike_turn_authenticate_calls_total\{result="known"\} 20$/m);
  t.match(metrics, /^turnpike_turn_authenticate_calls_total\{result="timed_out"\} [1-9]/m);
  t.match(metrics, /^turnpike_turn_faults_total 0$/m);
});

t.test('a server closes while the hook hangs', async (t) => {
  let signal: AbortSignal | undefined;
  const server = await serverOf(t, {
    authenticate: (request) => {
      signal = request.signal;
      return new Promise<never>(() => {});
    },
  });
  const client = await clientOf(t, server, { username: 'bob', password: 'hidden' });
  const allocating = client.allocate().catch((error: Error) => error);
  while (signal === undefined) await new Promise(setImmediate);
  await server.close();
  t.equal(signal.aborted, true);
  client.close();
  t.ok(await allocating);
});
