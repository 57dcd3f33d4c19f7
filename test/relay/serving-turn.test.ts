import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { transportAddress } from '../../src/address.js';
import { relaySecret, tenantRoot, tenantSecret } from '../../src/auth/keys.js';
import { mintTurnCredential, Peer, Relay, type RelayOptions } from '../../src/index.js';
import { AttributeType, UDP_PROTOCOL } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { API_KEY, openDirectory } from '../client/support/cluster.js';
import { RELAY_PORTS, TurnSocket, type TurnUser, UdpSocket } from '../turn-server/turn-socket.js';
import { until } from '../until.js';

const CLUSTER_SECRET = Uint8Array.from({ length: 32 }, (_, index) => index);
const ROOT = tenantRoot(CLUSTER_SECRET);
const ALICE: TurnUser = { username: 'alice', password: 'secret' };

t.setTimeout(120_000);

/** Opens a relay at 127.0.0.1, which relays from there to peers at 127.0.0.2. */
async function relayOf(t: Test, options: Partial<RelayOptions> = {}): Promise<Relay> {
  const relay = await Relay.open({
    id: 'west-1',
    region: 'west',
    listen: '127.0.0.1:0',
    trunk: '127.0.0.1:0',
    relaySecret: relaySecret(CLUSTER_SECRET, 'west-1'),
    tenantRoot: ROOT,
    relayAddresses: '127.0.0.1',
    relayPorts: RELAY_PORTS,
    allowPeers: '127.0.0.0/8',
    workers: 2,
    ...options,
  });
  t.teardown(() => relay.close());
  return relay;
}

async function clientOf(t: Test, relay: Relay, user: TurnUser): Promise<TurnSocket> {
  const [at = transportAddress('127.0.0.1', 9)] = relay.serviceAddresses;
  const client = await TurnSocket.open(at, user);
  t.teardown(() => client.close());
  return client;
}

async function socketAt(t: Test, ip: string): Promise<UdpSocket> {
  const socket = await UdpSocket.at(ip);
  t.teardown(() => socket.close());
  return socket;
}

function tenantUser(user?: string): TurnUser {
  return mintTurnCredential({
    tenantSecret: tenantSecret(ROOT, 'default'),
    tenant: 'default',
    user,
    expiresAtSeconds: Math.floor(Date.now() / 1_000) + 600,
  });
}

const codeOf = async (client: TurnSocket) => {
  const answer = await client.request(Method.Allocate, (writer) =>
    writer.requestedTransport(UDP_PROTOCOL),
  );
  return answer.errorCode()?.code;
};

t.test('a pair of peers and a standard client use one relay, on one port', async (t) => {
  const directory = await openDirectory(t);
  const relay = await relayOf(t, { directoryUrl: directory.url, turn: true });
  await until('the relay is registered', () => relay.health().ready);
  const access = { directoryUrl: directory.url, apiKey: API_KEY, room: 'both' };
  const [a, b] = await Promise.all([Peer.join(access), Peer.join(access)]);
  t.teardown(() => Promise.all([a.close(), b.close()]));
  t.equal(relay.legs, 2);

  const client = await clientOf(t, relay, tenantUser('bob'));
  const far = await socketAt(t, '127.0.0.2');
  const relayed = await client.allocate();
  t.equal(relay.turn?.allocations, 1);
  t.equal(await client.permit(far.address), undefined);
  t.equal(await client.bind(0x4000, far.address), undefined);

  const heard: string[] = [];
  b.on('message', (payload) => heard.push(Buffer.from(payload).toString()));
  for (let round = 0; round < 20; round += 1) {
    a.send(Buffer.from(`overlay ${round}`));
    client.channelData(0x4000, `turn ${round}`);
    t.equal((await far.next()).data.toString(), `turn ${round}`);
    far.send(`back ${round}`, relayed);
    t.strictSame(await client.onChannel(), { channel: 0x4000, payload: `back ${round}` });
  }
  await until('all came', () => heard.length === 20);
  t.equal(heard.at(-1), 'overlay 19');

  const metrics = await relay.metrics();
  t.match(metrics, /^turnpike_relay_legs 2$/m);
  t.match(metrics, /^turnpike_turn_allocations 1$/m);
  t.match(metrics, /^turnpike_turn_requests_total\{event="channels_bound"\} 1$/m);
  t.equal(await client.refresh(0), undefined);
  t.equal(relay.turn?.allocations, 0);
  t.equal(relay.legs, 2);
});

t.test('two clients of a relay reach each other by addresses that only a NAT knows', async (t) => {
  const relay = await relayOf(t, { users: 'alice:secret', relayAddresses: '127.0.0.1/192.0.2.9' });
  const [a, b] = [await clientOf(t, relay, ALICE), await clientOf(t, relay, ALICE)];
  const [atA, atB] = [await a.allocate(), await b.allocate()];
  t.equal(atB.address, '192.0.2.9');
  t.equal(await a.permit(atB), undefined);
  t.equal(await b.permit(atA), undefined);
  a.indicate('hello', atB);
  t.strictSame(await b.indicated(), { peer: atA, payload: 'hello' });
});

t.test('the directory gives credentials for it, if it serves tenants', async (t) => {
  for (const turn of [true, false]) {
    const directory = await openDirectory(t);
    const options = { directoryUrl: directory.url, turn, users: 'alice:secret' };
    const relay = await relayOf(t, options);
    const ask = async () => {
      const answer = await fetch(`${directory.url}/v1/ice-servers`, {
        method: 'POST',
        headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({ user: 'bob' }),
      });
      return { status: answer.status, body: JSON.parse(await answer.text()) };
    };
    let last = await ask();
    const isSettled = () => (turn ? last.status === 200 : last.body.reason === 'no-turn');
    while (!isSettled() || !relay.health().ready) {
      await delay(50);
      last = await ask();
    }
    if (!turn) {
      t.equal(last.body.reason, 'no-turn', 'its users are no tenants');
      continue;
    }
    const [{ urls, username, credential: password }] = last.body.iceServers;
    t.strictSame(urls, relay.turn?.urls);
    t.equal(await codeOf(await clientOf(t, relay, { username, password })), undefined);
  }
});

t.test('TURN is served only where a source of credentials is given', async (t) => {
  const relay = await relayOf(t);
  t.equal(relay.turn, undefined);
  t.equal(await codeOf(await clientOf(t, relay, ALICE)), 401);
  t.equal(await codeOf(await clientOf(t, relay, tenantUser())), 401);
  t.notMatch(await relay.metrics(), /^turnpike_turn_allocations /m);
  t.throws(() => relay.update({ users: ['alice:secret'] }), {
    code: 'ERR_TURNPIKE_CONFIG',
    message: /is a setting of TURN/,
  });
});

t.test('each source of credentials serves its own users alone', async (t) => {
  const [users, tenants] = [
    await relayOf(t, { users: 'alice:secret' }),
    await relayOf(t, { turn: true }),
  ];
  t.equal(await codeOf(await clientOf(t, users, ALICE)), undefined);
  t.equal(await codeOf(await clientOf(t, users, tenantUser('bob'))), 401);
  t.equal(await codeOf(await clientOf(t, tenants, ALICE)), 401);
  t.equal(await codeOf(await clientOf(t, tenants, tenantUser('bob'))), undefined);
  t.equal(await codeOf(await clientOf(t, tenants, tenantUser())), undefined);
});

t.test("a tenant's users have quotas of their own", async (t) => {
  const relay = await relayOf(t, { turn: true, userQuota: 1 });
  t.equal(await codeOf(await clientOf(t, relay, tenantUser('bob'))), undefined);
  t.equal(await codeOf(await clientOf(t, relay, tenantUser('bob'))), 486);
  t.equal(await codeOf(await clientOf(t, relay, tenantUser('carol'))), undefined);
});

t.test('services of this relay and of every registered one are out of reach', async (t) => {
  const other = await relayOf(t, {
    ...{ id: 'east-1', region: 'east', listen: '127.0.0.3:0', trunk: '127.0.0.3:0' },
    relaySecret: relaySecret(CLUSTER_SECRET, 'east-1'),
  });
  const relay = await relayOf(t, { users: 'alice:secret' });
  const client = await clientOf(t, relay, ALICE);
  const [service] = other.serviceAddresses;
  const [trunk] = other.trunkAddresses;
  if (service === undefined || trunk === undefined) throw new Error('the relay has no address');
  const [near, second] = [await socketAt(t, '127.0.0.3'), await socketAt(t, '127.0.0.3')];
  await client.allocate();
  t.equal(await client.bind(0x4000, near.address), undefined, 'a peer as any other');

  relay.update({ relays: [other.record] });
  const own = [...relay.serviceAddresses, ...relay.trunkAddresses];
  for (const [index, peer] of [service, trunk, second.address, ...own].entries()) {
    t.equal(await client.bind(0x4001 + index, peer), 403);
    t.equal(await client.permit(peer), undefined, 'a permission has no port');
    client.indicate('to a service', peer);
  }
  client.channelData(0x4000, 'on a channel that has ended');
  const far = await socketAt(t, '127.0.0.2');
  t.equal(await client.permit(far.address), undefined);
  client.indicate('after them', far.address);
  t.equal((await far.next()).data.toString(), 'after them');
  t.strictSame([...near.waiting, ...second.waiting], []);
  t.match(await other.metrics(), /^turnpike_relay_client_messages_total\{kind="malformed"\} 0$/m);

  relay.update({ relays: [] });
  t.equal(await client.bind(0x4100, second.address), undefined, 'it is no relay any more');
});

t.test('users change while it runs, and a user who is gone loses allocations', async (t) => {
  const relay = await relayOf(t, { users: ['alice:secret', 'bob:secret'] });
  const [alice, bob] = [
    await clientOf(t, relay, ALICE),
    await clientOf(t, relay, { username: 'bob', password: 'secret' }),
  ];
  await alice.allocate();
  await bob.allocate();
  relay.update({ users: ['alice:secret'], challengesBurst: 100 });
  t.equal(relay.turn?.allocations, 1);
  t.equal(await alice.refresh(600), undefined);
  t.equal(await bob.refresh(600), 401);
  const none = { users: [], challengesBurst: 200 };
  t.throws(() => relay.update(none), { code: 'ERR_TURNPIKE_CONFIG' }, 'nobody would be left');
});

t.test('it drains until allocations end, and sends new clients elsewhere', async (t) => {
  const relay = await relayOf(t, { turn: true, alternateServers: '127.0.0.9:3478' });
  const client = await clientOf(t, relay, tenantUser('bob'));
  await client.allocate();
  let isDrained = false;
  const draining = relay.drain(60).then(() => {
    isDrained = true;
  });
  t.equal(relay.health().ready, false);
  const fresh = await clientOf(t, relay, tenantUser('carol'));
  const answer = await fresh.request(Method.Allocate, (writer) =>
    writer.requestedTransport(UDP_PROTOCOL),
  );
  t.equal(answer.errorCode()?.code, 300);
  t.equal(answer.address(AttributeType.AlternateServer)?.address, '127.0.0.9');
  t.notOk(isDrained);
  t.equal(await client.refresh(0), undefined);
  await draining;
  t.equal(relay.turn?.allocations, 0);
});

t.test('a full TURN does not make the relay unready', async (t) => {
  const relay = await relayOf(t, { turn: true, allocationsMax: 1 });
  await (await clientOf(t, relay, tenantUser('bob'))).allocate();
  t.equal(await codeOf(await clientOf(t, relay, tenantUser('carol'))), 508);
  const { ready, reasons } = relay.health();
  t.ok(ready);
  t.match(reasons, [{ code: 'turn-full' }]);
});

t.test('users of `authenticate` are served beside tenants, until they are ended', async (t) => {
  const asked: string[] = [];
  const passwords = new Map([['alice', 'secret']]);
  const relay = await relayOf(t, {
    turn: true,
    authenticate: async ({ username, realm }) => {
      asked.push(`${username} of ${realm}`);
      if (username === 'hangs') return new Promise(() => {});
      const password = passwords.get(username ?? '');
      return password === undefined ? undefined : { password, user: 'acme' };
    },
    authenticateTimeoutMs: 100,
  });
  const [one, two] = [await clientOf(t, relay, ALICE), await clientOf(t, relay, ALICE)];
  await one.allocate();
  await two.allocate();
  await (await clientOf(t, relay, tenantUser('bob'))).allocate();
  t.same(asked, ['alice of turnpike'], 'who is not of a tenant');
  const stranger = await clientOf(t, relay, { username: 'mallory', password: 'secret' });
  t.equal(await codeOf(stranger), 401);
  const hanging = await clientOf(t, relay, { username: 'hangs', password: 'secret' });
  void codeOf(hanging).catch(() => {});
  let metrics = '';
  await until('a call is given up', async () => {
    metrics = await relay.metrics();
    return /^turnpike_turn_authenticate_calls_total\{result="timed_out"\} [1-9]/m.test(metrics);
  });
  t.match(metrics, /^turnpike_turn_authenticate_calls_total\{result="known"\} 1$/m);
  t.match(metrics, /^turnpike_relay_bounds_met_total\{bound="turn-authenticate-calls"\} 0$/m);
  passwords.clear();
  t.equal(relay.endUser('acme'), 2);
  t.equal(relay.turn?.allocations, 1);
  t.equal(await codeOf(one), 401);
});

t.test('`authenticate` alone makes a relay serve TURN', async (t) => {
  const relay = await relayOf(t, { authenticate: () => ({ password: 'secret' }) });
  await (await clientOf(t, relay, ALICE)).allocate();
  t.equal(relay.endUser('alice'), 1);
  const plain = await relayOf(t);
  t.equal(plain.endUser('alice'), 0);
});
