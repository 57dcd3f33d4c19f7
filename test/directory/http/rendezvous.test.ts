import { once } from 'node:events';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { Directory, type DirectoryOptions } from '../../../src/directory/index.js';
import { RegistrationClient } from '../../../src/relay/registration-client.js';
import {
  API_KEY,
  API_KEYS,
  CLUSTER_SECRET,
  IDLE,
  keyOf,
  OPERATOR_KEY,
  OTHER_API_KEY,
  relayRecord,
} from '../fixtures.js';

type Message = Record<string, unknown> & { type: string };

/** A WebSocket client of the rendezvous that keeps the messages it receives. */
class TestPeer {
  readonly socket: WebSocket;
  readonly messages: Message[] = [];
  closed: { code: number; reason: string } | undefined;
  #changed: (() => void)[] = [];

  constructor(directory: Directory, key = API_KEY, headers: Record<string, string> = {}) {
    const url = `${directory.url.replace('http', 'ws')}/v1/rendezvous`;
    this.socket = new WebSocket(url, { headers: { authorization: `Bearer ${key}`, ...headers } });
    this.socket.on('message', (data) => {
      this.messages.push(JSON.parse(String(data)));
      this.#notify();
    });
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) };
      this.#notify();
    });
    this.socket.on('error', () => this.#notify());
  }

  static async open(
    test: Test,
    directory: Directory,
    key = API_KEY,
    headers: Record<string, string> = {},
  ): Promise<TestPeer> {
    const peer = new TestPeer(directory, key, headers);
    test.teardown(() => peer.socket.terminate());
    await once(peer.socket, 'open');
    return peer;
  }

  say(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  /** Returns the next message of a type, and discards earlier ones. */
  async next(type: string): Promise<Message> {
    for (;;) {
      const index = this.messages.findIndex((message) => message.type === type);
      if (index >= 0) return this.messages.splice(0, index + 1).at(-1) as Message;
      if (this.closed !== undefined) throw new Error(`closed: ${JSON.stringify(this.closed)}`);
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }

  async untilClosed(): Promise<{ code: number; reason: string }> {
    while (this.closed === undefined) {
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
    return this.closed;
  }

  #notify(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}

async function openDirectory(
  test: Test,
  options: Partial<DirectoryOptions> = {},
): Promise<Directory> {
  const directory = await Directory.open({
    listen: { address: '127.0.0.1', port: 0 },
    clusterSecret: CLUSTER_SECRET,
    apiKeys: API_KEYS,
    ...options,
  });
  test.teardown(() => directory.close());
  return directory;
}

/** Registers two relays and waits until both are listed. */
async function addRelays(test: Test, directory: Directory): Promise<void> {
  for (const [index, id] of ['fra-1', 'nyc-1'].entries()) {
    const client = new RegistrationClient({
      directoryUrl: directory.url,
      id,
      registrationKey: keyOf(id),
      record: () => relayRecord(id, index + 1),
      load: () => IDLE,
      draining: () => false,
      onRegistry: () => {},
      onStart: () => {},
      onSuperseded: () => {},
    });
    client.start();
    test.teardown(() => client.stop());
  }
  for (;;) {
    const headers = { authorization: `Bearer ${API_KEY}` };
    const response = await fetch(`${directory.url}/v1/relays`, { headers });
    const { relays } = (await response.json()) as { relays: unknown[] };
    if (relays.length === 2) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

t.test('two peers get a connection, exchange addresses, and get another connection', async (t) => {
  const directory = await openDirectory(t);
  await addRelays(t, directory);
  const a = await TestPeer.open(t, directory);
  a.say({ type: 'join', room: 'lunch', peer: { address: '::ffff:203.0.113.7' } });
  await a.next('waiting');
  const b = await TestPeer.open(t, directory);
  b.say({ type: 'join', room: 'lunch' });
  const [forA, forB] = await Promise.all([a.next('connection'), b.next('connection')]);
  t.equal(forA.connectionId, forB.connectionId);
  t.same([forA.role, forB.role], [0, 1]);
  t.match(forA, { realm: 'turnpike', relay: { port: 3478 }, username: /\/0$/, password: /=$/ });
  t.match(forB, { username: /\/1$/ });
  t.not(forA.password, forB.password, 'each peer has its own credential');
  t.match(forA.peerRelay, { port: 3478 });

  a.say({
    type: 'address',
    connectionId: forA.connectionId,
    address: '::ffff:203.0.113.7',
    port: 40_112,
  });
  t.same(await b.next('address'), {
    type: 'address',
    connectionId: forA.connectionId,
    address: '203.0.113.7',
    port: 40_112,
  });
  b.say({ type: 'address', connectionId: forA.connectionId, address: '2001:DB8::0:1', port: 7 });
  t.match(await a.next('address'), { address: '2001:db8::1', port: 7 });

  a.say({ type: 'join', room: 'lunch' });
  await a.next('waiting');
  await b.next('peer-ready');
  b.say({ type: 'join', room: 'lunch' });
  const [again, alike] = await Promise.all([a.next('connection'), b.next('connection')]);
  t.equal(again.connectionId, alike.connectionId);
  t.not(again.connectionId, forA.connectionId);
});

t.test(
  'a peer that avoids its relay gets another connection, and so does the other peer',
  async (t) => {
    const directory = await openDirectory(t);
    await addRelays(t, directory);
    const [a, b] = [await TestPeer.open(t, directory), await TestPeer.open(t, directory)];
    a.say({ type: 'join', room: 'lunch', peer: { families: [4] } });
    b.say({ type: 'join', room: 'lunch' });
    const first = await a.next('connection');
    await b.next('connection');
    const { id } = first.relay as { id: string };
    a.say({ type: 'join', room: 'lunch', peer: { families: [4], avoid: [id] } });
    const [second, others] = [await a.next('connection'), await b.next('connection')];
    t.not((second.relay as { id: string }).id, id);
    t.equal(others.connectionId, second.connectionId, 'without a message of the other peer');
    t.not(second.connectionId, first.connectionId);
    a.say({ type: 'join', room: 'lunch', peer: { families: [4], family: 6 } });
    t.match(await a.next('error'), { code: 'bad-message', message: /\/peer\/family/ });
  },
);

t.test('rooms of different tenants are separate', async (t) => {
  const directory = await openDirectory(t);
  const a = await TestPeer.open(t, directory);
  const b = await TestPeer.open(t, directory, OTHER_API_KEY);
  a.say({ type: 'join', room: 'lunch' });
  b.say({ type: 'join', room: 'lunch' });
  await Promise.all([a.next('waiting'), b.next('waiting')]);
  const metrics = await directory.metrics();
  t.match(metrics, 'turnpike_directory_rendezvous_rooms 2');
  t.match(metrics, 'turnpike_directory_rendezvous_sockets 2');
});

t.test('without a relay both peers get the error no-relay', async (t) => {
  const directory = await openDirectory(t);
  const a = await TestPeer.open(t, directory);
  const b = await TestPeer.open(t, directory);
  a.say({ type: 'join', room: 'lunch' });
  b.say({ type: 'join', room: 'lunch' });
  t.match(await a.next('error'), { code: 'no-relay', retryAfterSeconds: Number });
  t.match(await b.next('error'), { code: 'no-relay', retryAfterSeconds: Number });
});

t.test('a wrong API key gets 401 and a plain request 426, without a WebSocket', async (t) => {
  const directory = await openDirectory(t);
  const refused = new TestPeer(directory, 'wrong');
  const [, response] = await once(refused.socket, 'unexpected-response');
  t.equal(response.statusCode, 401);
  t.match(response.headers['content-type'], 'application/problem+json');
  refused.socket.terminate();
  const headers = { authorization: `Bearer ${API_KEY}` };
  const plain = await fetch(`${directory.url}/v1/rendezvous`, { headers });
  t.equal(plain.status, 426);
  t.match(await plain.json(), { code: 'upgrade-required' });
});

t.test('a bad message closes only the socket that it came from', async (t) => {
  const directory = await openDirectory(t);
  const good = await TestPeer.open(t, directory);
  good.say({ type: 'join', room: 'lunch' });
  await good.next('waiting');
  const connectionId = '0'.repeat(32);
  const bad: (string | Buffer)[] = [
    'not json',
    'null',
    '[]',
    '{"type":"shout"}',
    '{"type":"__proto__"}',
    '{"type":"join"}',
    '{"type":"join","room":""}',
    '{"type":"join","room":"a\\u0000b"}',
    `{"type":"join","room":"${'x'.repeat(129)}"}`,
    '{"type":"join","room":"x","__proto__":{"tenant":"acme"}}',
    '{"type":"join","room":"x","member":"short"}',
    '{"type":"join","room":"x","peer":{"address":"example.org"}}',
    '{"type":"join","room":"x","peer":{"latencies":{"__proto__":1}}}',
    `{"type":"address","connectionId":"${connectionId}","address":"192.0.2.1","port":1}`,
    `{"type":"address","connectionId":"${connectionId}","address":"0.0.0.0","port":1}`,
    `{"type":"address","connectionId":"${connectionId}","address":"ff02::1","port":1}`,
    `{"type":"address","connectionId":"${connectionId}","address":"192.0.2.1","port":0}`,
    `{"type":"address","connectionId":"${connectionId}","address":"a\\u0000","port":9}`,
    Buffer.from('{"type":"join","room":"x"}'),
  ];
  for (const message of bad) {
    const peer = await TestPeer.open(t, directory);
    peer.socket.send(message);
    t.match(await peer.next('error'), { code: 'bad-message' }, String(message).slice(0, 60));
    t.same(await peer.untilClosed(), { code: 1008, reason: 'bad-message' });
  }
  const large = await TestPeer.open(t, directory);
  large.socket.send('x'.repeat(4_097));
  t.match(await large.untilClosed(), { code: 1009 });
  const fast = await TestPeer.open(t, directory);
  for (let count = 0; count < 30; count += 1) fast.say({ type: 'join', room: 'fast' });
  t.match(await fast.next('error'), { code: 'rate-limited' });
  t.equal(good.closed, undefined);
});

t.test('peers get shutting-down and 1001 when the directory closes', async (t) => {
  const directory = await openDirectory(t);
  const a = await TestPeer.open(t, directory);
  a.say({ type: 'join', room: 'lunch' });
  await a.next('waiting');
  const closed = directory.close();
  t.match(await a.next('error'), { code: 'shutting-down', retryAfterSeconds: Number });
  t.match(await a.untilClosed(), { code: 1001, reason: 'shutting-down' });
  await closed;
  await directory.close();
});

t.test('close does not wait for a peer that does not answer the Close frame', async (t) => {
  const directory = await openDirectory(t);
  const deaf = await TestPeer.open(t, directory);
  deaf.say({ type: 'join', room: 'lunch' });
  await deaf.next('waiting');
  deaf.socket.pause();
  await directory.close();
  t.pass('closed');
});

t.test('close does not wait for an unfinished handshake', async (t) => {
  const directory = await openDirectory(t);
  const socket = connect(directory.address.port, '127.0.0.1');
  // A close in the middle of a request may be a reset.
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write('GET /v1/rendezvous HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n');
  const closed = new Promise((resolve) => socket.resume().on('close', resolve));
  await directory.close();
  await closed;
  t.pass('closed');
});

t.test('peers are placed by where their sockets come from, and told the selection', async (t) => {
  const options = { trustedProxies: ['127.0.0.1'], operatorKeys: [OPERATOR_KEY] };
  const directory = await openDirectory(t, options);
  await addRelays(t, directory);
  /** Has two peers meet, with these X-Forwarded-For headers; returns what they are asked by. */
  const meet = async (room: string, sources: readonly string[], peer?: object) => {
    const messages: Message[] = [];
    const peers = await Promise.all(
      sources.map((source) =>
        TestPeer.open(t, directory, API_KEY, source === '' ? {} : { 'x-forwarded-for': source }),
      ),
    );
    for (const each of peers) each.say({ type: 'join', room, ...(peer && { peer }) });
    for (const each of peers) messages.push(await each.next('connection'));
    const [first, second] = messages;
    const { snapshot, seed, connectionId } = first as Message;
    t.type(snapshot, 'number');
    t.type(seed, 'number');
    t.match(second, { snapshot, seed, connectionId });
    const response = await fetch(`${directory.url}/v1/explanations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ connectionId }),
    });
    const { asked } = (await response.json()) as { asked: { hints: object; network?: object }[] };
    return asked;
  };
  const seen = await meet('a', ['203.0.113.7', '9.9.9.9, 2001:db8::7, 127.0.0.1']);
  const hints = seen.map((each) => each.hints);
  t.strictSame(
    new Set(hints.map((each) => JSON.stringify(each))),
    new Set(['{"source":"203.0.113.7"}', '{"source":"2001:db8::7"}']),
    'the last address that is no proxy',
  );
  for (const { network } of seen) t.match(network, { network: String });
  for (const forged of ['', 'fe80::1%eth0', 'x', '127.0.0.9']) {
    const asked = await meet(`b ${forged}`, [forged, forged]);
    t.strictSame(asked, [{ hints: {} }, { hints: {} }], `nothing is known by "${forged}"`);
  }
  const told = await meet('c', ['203.0.113.7', '203.0.113.8'], { address: '198.51.100.1' });
  for (const each of told) t.match(each.hints, { address: '198.51.100.1' });
});

t.test('X-Forwarded-For of an untrusted source is not read', async (t) => {
  const directory = await openDirectory(t, { operatorKeys: [OPERATOR_KEY] });
  await addRelays(t, directory);
  const open = () => TestPeer.open(t, directory, API_KEY, { 'x-forwarded-for': '203.0.113.7' });
  const [first, second] = [await open(), await open()];
  for (const each of [first, second]) each.say({ type: 'join', room: 'lunch' });
  const { connectionId } = await first.next('connection');
  const response = await fetch(`${directory.url}/v1/explanations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ connectionId }),
  });
  t.match(await response.json(), { asked: [{ hints: { source: undefined } }, {}] });
});
