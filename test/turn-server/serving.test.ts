import { createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { ClientAuthenticator, type Signature } from '../../src/auth/client-authenticator.js';
import type { AllocationEvent, TurnServer } from '../../src/index.js';
import { AttributeType, UDP_PROTOCOL } from '../../src/stun/attribute-types.js';
import { decodeMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { RELAY_ADDRESSES_MAX } from '../../src/turn-server/option-specs.js';
import { until } from '../until.js';
import { openServer } from './open-server.js';
import { type Content, TurnSocket, type TurnUser, UdpSocket } from './turn-socket.js';

const ALICE: TurnUser = { username: 'alice', password: 'secret' };

t.setTimeout(120_000);

const NO_IPV6 = existsSync('/proc/net/if_inet6') ? false : 'this host has no IPv6';

async function clientOf(t: Test, server: TurnServer, user = ALICE): Promise<TurnSocket> {
  const [at] = server.listen;
  if (at === undefined) throw new Error('the server listens nowhere');
  const client = await TurnSocket.open(at, user);
  t.teardown(() => client.close());
  return client;
}

async function peerAt(t: Test, ip: string): Promise<UdpSocket> {
  const peer = await UdpSocket.at(ip);
  t.teardown(() => peer.close());
  return peer;
}

t.test('a server relays from as many addresses as its options allow', async (t) => {
  const relayAddresses = Array.from({ length: RELAY_ADDRESSES_MAX }, (_, i) => `127.0.1.${i + 1}`);
  const server = await openServer(t, { relayAddresses });
  t.equal(server.relayAddresses.length, RELAY_ADDRESSES_MAX);
  const [a, b] = [await clientOf(t, server), await clientOf(t, server)];
  const [atA, atB] = [await a.allocate(), await b.allocate()];
  t.equal(await a.permit(atB), undefined);
  t.equal(await b.permit(atA), undefined);
  a.indicate('hello', atB);
  t.strictSame(await b.indicated(), { peer: atA, payload: 'hello' });
});

t.test('two clients reach each other by addresses that only a NAT outside knows', async (t) => {
  const server = await openServer(t, { relayAddresses: '127.0.0.1/192.0.2.10' });
  const clients = [await clientOf(t, server), await clientOf(t, server)] as const;
  const [a, b] = clients;
  const relayed = [await a.allocate(), await b.allocate()] as const;
  for (const { address } of relayed) t.equal(address, '192.0.2.10');
  t.equal(await a.permit(relayed[1]), undefined);
  t.equal(await b.permit(relayed[0]), undefined);
  a.indicate('hello', relayed[1]);
  t.strictSame(await b.indicated(), { peer: relayed[0], payload: 'hello' });
  t.equal(await b.bind(0x4001, relayed[0]), undefined);
  t.equal(await a.bind(0x4002, relayed[1]), undefined);
  b.channelData(0x4001, 'back');
  t.strictSame(await a.onChannel(), { channel: 0x4002, payload: 'back' });
});

for (const integrity of ['sha1', 'sha256'] as const) {
  t.test(`a client with ${integrity} has data carried both ways in every form`, async (t) => {
    const server = await openServer(t);
    const client = await clientOf(t, server, { ...ALICE, integrity });
    const peer = await peerAt(t, '127.0.0.2');
    const relayed = await client.allocate();
    t.equal(relayed.address, '127.0.0.1');
    t.ok(relayed.port >= 61_000, 'in the range of relayed ports');
    t.equal(server.allocations, 1);

    peer.send('too early', relayed);
    client.indicate('not permitted', peer.address);
    t.equal(await client.permit(peer.address), undefined);
    client.indicate('by indication', peer.address);
    const sent = await peer.next();
    t.strictSame([sent.data.toString(), sent.from], ['by indication', relayed]);
    peer.send('back', relayed);
    t.strictSame(await client.indicated(), { peer: peer.address, payload: 'back' });

    for (const channel of [0x4000, 0x7fff]) {
      const other = await peerAt(t, '127.0.0.3');
      t.equal(await client.bind(channel, other.address), undefined);
      client.channelData(channel, 'odd length');
      const data = await other.next();
      t.strictSame([data.data.toString(), data.from], ['odd length', relayed]);
      other.send('on a channel', relayed);
      t.strictSame(await client.onChannel(), { channel, payload: 'on a channel' });
    }
    t.strictSame([...peer.waiting, ...client.waiting], [], 'nothing else arrived');

    t.equal(await client.refresh(0), undefined);
    t.equal(server.allocations, 0);
    client.indicate('too late', peer.address);
    client.channelData(0x4000, 'too late');
    peer.send('too late', relayed);
    t.equal(await client.permit(peer.address), 437);
    await delay(50);
    t.strictSame([...peer.waiting, ...client.waiting], []);
    await once(createSocket('udp4').bind(relayed.port, '127.0.0.1').unref(), 'listening');
  });
}

t.test('two clients of one server reach each other by their relayed addresses', async (t) => {
  const server = await openServer(t);
  const [a, b] = [await clientOf(t, server), await clientOf(t, server)];
  const [atA, atB] = [await a.allocate(), await b.allocate()];
  t.equal(await a.permit(atB), undefined);
  t.equal(await b.bind(0x4001, atA), undefined);
  a.indicate('ping', atB);
  t.strictSame(await b.onChannel(), { channel: 0x4001, payload: 'ping' });
  b.channelData(0x4001, 'pong');
  t.strictSame(await a.indicated(), { peer: atB, payload: 'pong' });
});

t.test('services at the relay address itself are out of reach in every form', async (t) => {
  const server = await openServer(t);
  const client = await clientOf(t, server);
  const service = await peerAt(t, '127.0.0.1');
  const other = await peerAt(t, '127.0.0.2');
  await client.allocate();
  t.equal(await client.permit(service.address), undefined, 'a permission has no port');
  t.equal(await client.bind(0x4000, service.address), 403);
  client.indicate('to a service', service.address);
  t.equal(await client.permit(other.address), undefined);
  client.indicate('after it', other.address);
  t.equal((await other.next()).data.toString(), 'after it');
  t.strictSame(service.waiting, []);
});

t.test('a draining server names another one, which an update may change', async (t) => {
  const server = await openServer(t, { alternateServers: '127.0.0.9:3478' });
  const kept = await clientOf(t, server);
  await kept.allocate();
  server.update({ alternateServers: ['127.0.0.8:3478'] });
  t.throws(() => server.update({ alternateServers: server.listen }), {
    code: 'ERR_TURNPIKE_CONFIG',
    message: /is this server itself/,
  });
  await server.drain();
  const fresh = await clientOf(t, server);
  const answer = await fresh.request(Method.Allocate, (writer) =>
    writer.requestedTransport(UDP_PROTOCOL),
  );
  t.equal(answer.errorCode()?.code, 300);
  t.strictSame(answer.address(AttributeType.AlternateServer), {
    address: '127.0.0.8',
    port: 3_478,
  });
  t.equal(await kept.refresh(600), undefined, 'an allocation stays');
  t.match(await server.metrics(), /^turnpike_turn_redirected_total 1$/m);
});

t.test('peers that are not allowed get 403, in both ways to name them', async (t) => {
  const server = await openServer(t, { allowPeers: [], denyPeers: ['198.51.100.0/24'] });
  const client = await clientOf(t, server);
  await client.allocate();
  const refused = ['127.0.0.2', '10.0.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1'];
  for (const ip of [...refused, '0.0.0.0', '224.0.0.1', '198.51.100.7']) {
    const peer = { address: ip, port: 80 };
    t.equal(await client.permit(peer), 403, ip);
    t.equal(await client.bind(0x4000, peer), 403, ip);
  }
  t.equal(await client.permit({ address: '198.41.0.4', port: 80 }), undefined);
  server.update({ allowPrivatePeers: true });
  t.equal(await client.permit({ address: '10.0.0.1', port: 80 }), undefined);
  t.equal(await client.permit({ address: '127.0.0.2', port: 80 }), 403);
});

t.test('users, MD5 keys and time-limited credentials are known; others get 401', async (t) => {
  const key = '0x2e8ba5c1ae6d26ea2e2fb16aa24b0d4a';
  const server = await openServer(t, {
    realm: 'example.org',
    users: ['alice:secret', `carl:${key}`],
    authSecrets: ['old secret', 'new secret'],
  });
  const code = async (user: TurnUser) => {
    const client = await clientOf(t, server, user);
    const content: Content = (writer) => writer.requestedTransport(17);
    return (await client.request(Method.Allocate, content)).errorCode()?.code;
  };
  const minted = (secret: string, seconds: number): TurnUser => {
    const username = `${Math.floor(Date.now() / 1_000) + seconds}:dave`;
    const password = createHmac('sha1', secret).update(username).digest('base64');
    return { username, password };
  };
  t.equal(await code(ALICE), undefined);
  t.equal(await code({ username: 'alice', password: 'wrong' }), 401);
  t.equal(await code({ username: 'bob', password: 'secret' }), 401);
  t.equal(await code(minted('old secret', 60)), undefined);
  t.equal(await code(minted('new secret', 90)), undefined);
  t.equal(await code(minted('another', 120)), 401);
  t.equal(await code(minted('new secret', -60)), 401, 'expired');
  t.equal(await code({ username: 'carl', password: 'wrong' }), 401);
  t.match(await server.metrics(), /^turnpike_turn_allocations 3$/m);
});

t.test(
  'an update ends the allocations of removed users and the permissions of denied peers',
  async (t) => {
    const events: AllocationEvent[] = [];
    const server = await openServer(t, {
      users: ['alice:secret', 'bob:hidden', 'carl:old'],
      onEvent: (event) => events.push(event),
    });
    const [alice, bob, carl] = [
      await clientOf(t, server),
      await clientOf(t, server, { username: 'bob', password: 'hidden' }),
      await clientOf(t, server, { username: 'carl', password: 'old' }),
    ];
    const peers = [await peerAt(t, '127.0.0.2'), await peerAt(t, '127.0.0.3')] as const;
    const relayed = await bob.allocate();
    for (const client of [alice, carl]) await client.allocate();
    for (const peer of peers) await bob.permit(peer.address);
    await bob.bind(0x4000, peers[0].address);

    server.update({ users: ['bob:hidden', 'carl:new'], denyPeers: '127.0.0.2' });
    t.equal(server.allocations, 1, 'of bob alone: carl has another password');
    const ended = events.filter(({ type }) => type === 'ended');
    t.match(ended, [{ username: 'alice', reason: 'user-removed' }, { username: 'carl' }]);
    await t.rejects((await clientOf(t, server)).allocate(), /401/);
    bob.channelData(0x4000, 'to a denied peer');
    bob.indicate('to a denied peer', peers[0].address);
    peers[0].send('from a denied peer', relayed);
    bob.indicate('to the other', peers[1].address);
    t.equal((await peers[1].next()).data.toString(), 'to the other');
    peers[1].send('from the other', relayed);
    t.match(await bob.indicated(), { payload: 'from the other' });
    t.strictSame([...peers[0].waiting, ...bob.waiting], []);

    server.update({ userQuota: 1 });
    const second = await clientOf(t, server, { username: 'bob', password: 'hidden' });
    await t.rejects(second.allocate(), /486/);
    server.update({ userQuota: 0 });
    await second.allocate();
  },
);

t.test('behind a one-to-one NAT clients see the advertised address', async (t) => {
  const server = await openServer(t, { relayAddresses: '127.0.0.1/198.41.0.4' });
  const client = await clientOf(t, server);
  const peer = await peerAt(t, '127.0.0.2');
  const relayed = await client.allocate();
  t.equal(relayed.address, '198.41.0.4');
  t.match(server.urls, [/^turn:198\.41\.0\.4:\d+\?transport=udp$/]);
  t.equal(await client.permit(peer.address), undefined);
  client.indicate('out', peer.address);
  const { from } = await peer.next();
  t.strictSame(from, { address: '127.0.0.1', port: relayed.port });
});

t.test('what a hook throws does not reach the client', async (t) => {
  const server = await openServer(t, {
    onEvent: () => {
      throw new Error('of the hook');
    },
  });
  await (await clientOf(t, server)).allocate();
  t.match(await server.metrics(), /^turnpike_turn_faults_total 1$/m);
});

t.test('allocations and quotas have bounds, and readiness says when it is full', async (t) => {
  const server = await openServer(t, { allocationsMax: 2, users: ['alice:secret', 'bob:b'] });
  const quota = await openServer(t, { userQuota: 1 });
  const alice = await clientOf(t, server);
  await alice.allocate();
  await (await clientOf(t, server)).allocate();
  t.match(server.health(), { ready: false, reasons: [{ code: 'full' }] });
  await t.rejects((await clientOf(t, server)).allocate(), /508/);
  t.equal(await alice.refresh(0), undefined);
  t.match(server.health(), { ready: true });
  await (await clientOf(t, quota)).allocate();
  await t.rejects((await clientOf(t, quota)).allocate(), /486/);
});

t.test('a draining server serves what is there, and waits for its end', async (t) => {
  const server = await openServer(t);
  const client = await clientOf(t, server);
  const peer = await peerAt(t, '127.0.0.2');
  const relayed = await client.allocate();
  await client.permit(peer.address);
  const begin = performance.now();
  await server.drain(0.1);
  t.ok(performance.now() - begin >= 100);
  t.equal(server.allocations, 1, 'not ended by the time alone');
  await t.rejects((await clientOf(t, server)).allocate(), /508/);
  const drained = server.drain(60);
  peer.send('still served', relayed);
  t.match(await client.indicated(), { payload: 'still served' });
  t.equal(await client.refresh(0), undefined);
  await drained;
  t.equal(server.allocations, 0);
});

t.test('no client reaches the server itself by a relay address', async (t) => {
  // The port for clients is in the range of relayed ports, which are permitted.
  const server = await openServer(t, { listen: '127.0.0.1:0', relayPorts: '1024-65535' });
  const [at = { address: '', port: 0 }] = server.listen;
  const client = await clientOf(t, server);
  await client.allocate();
  t.equal(await client.bind(0x4000, at), 403);
  t.equal(await client.permit(at), undefined);
  client.indicate('to the server itself', at);
  await until(() => server.counters().relayed_port_closed === 1n);
  t.equal(server.counters().relayed_tx_packets, 0n);
});

t.test('nobody allocates through a relayed address of the server itself', async (t) => {
  // The address for clients is no relay address, and is permitted.
  const allowPeers = ['127.0.0.0/8', '127.0.0.5'];
  const server = await openServer(t, { listen: '127.0.0.5:0', allowPeers });
  const [at = { address: '', port: 0 }] = server.listen;
  const outer = await clientOf(t, server);
  await outer.allocate();
  t.equal(await outer.bind(0x4000, at), undefined);
  const authenticator = new ClientAuthenticator(ALICE);
  let after: Signature | undefined;
  const answer = async () => {
    const writer = new MessageWriter('request', Method.Allocate, randomBytes(12));
    const signature = authenticator.sign(writer.requestedTransport(UDP_PROTOCOL), after);
    outer.channelData(0x4000, Buffer.from(writer.finish()));
    const { data } = await outer.next();
    const decoded = decodeMessage(data.subarray(4));
    if (!decoded.ok) throw new Error(decoded.reason);
    authenticator.check(decoded.message, signature);
    after = signature;
    return decoded.message.errorCode()?.code;
  };
  t.equal(await answer(), 401, 'the server is reached');
  t.equal(await answer(), 403);
  t.equal(server.allocations, 1);
});

t.test('close frees every port and descriptor, whatever is allocated', async (t) => {
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const before = descriptors();
  const server = await openServer(t);
  const clients = await Promise.all(Array.from({ length: 40 }, () => clientOf(t, server)));
  const relayed = await Promise.all(clients.map((each) => each.allocate()));
  t.equal(new Set(relayed.map(({ port }) => port)).size, 40);
  await server.close();
  for (const client of clients) client.close();
  await delay(50);
  t.equal(descriptors(), before);
  for (const { port } of relayed) {
    const socket = createSocket('udp4').bind(port, '127.0.0.1');
    await once(socket, 'listening');
    socket.close();
  }
});

t.test('IPv6 is relayed, and a host without that family says 440', { skip: NO_IPV6 }, async (t) => {
  const both = await openServer(t, {
    listen: '[::1]:0',
    relayAddresses: ['127.0.0.1', '::1'],
    allowPeers: ['::1', '127.0.0.0/8'],
  });
  const asks6: Content = (writer) =>
    writer.bytes(AttributeType.RequestedAddressFamily, Uint8Array.of(2, 0, 0, 0));
  const client = await clientOf(t, both);
  t.equal((await client.allocate(asks6)).address, '::1');
  t.equal((await (await clientOf(t, both)).allocate()).address, '127.0.0.1', 'IPv4 by default');
  t.equal(await client.permit({ address: '127.0.0.2', port: 1 }), 443);
  const only4 = await clientOf(t, await openServer(t));
  await t.rejects(only4.allocate(asks6), /440/);
});
