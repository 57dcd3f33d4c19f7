import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { parseAddress } from '../../src/address.js';
import { PAYLOAD_BYTES_MAX } from '../../src/client/peer-options.js';
import { PAYLOAD_BYTES_RECOMMENDED } from '../../src/stun/channel-data.js';
import { openSystem } from './loopback-system.js';

t.setTimeout(120_000);

t.test('peers at two relays', async (t) => {
  const system = await openSystem(t);
  await Promise.all([system.openRelay('fra-1'), system.openRelay('nyc-1')]);

  t.test('a megabyte each way arrives unchanged, and both peers end with 0', async (t) => {
    const key = ['--room-key-file', system.secretFile('key')];
    const [inputA, inputB] = [randomBytes(1_000_000), randomBytes(1_000_000)];
    const [a, b] = [system.peer('megabyte', ...key), system.peer('megabyte', ...key)];
    a.child.stdin?.end(inputA);
    b.child.stdin?.end(inputB);
    const [endA, endB] = await Promise.all([a.ended, b.ended]);
    t.equal(endA.exitCode, 0, a.logText);
    t.equal(endB.exitCode, 0, b.logText);
    t.ok(endB.stdout.equals(inputA), 'from A to B');
    t.ok(endA.stdout.equals(inputB), 'from B to A');
    const path = await a.logged({ event: 'connected' });
    t.match(path, {
      connectionId: /^[0-9a-f]{32}$/,
      relay: /^(fra|nyc)-1$/,
      natAddress: /^127\.0\.0\.1:\d+$/,
    });
    t.equal((await b.logged({ event: 'connected' })).natAddress, path.peerNatAddress);
    t.match(await a.logged({ event: 'finished' }), { bytesIn: 1_000_000, bytesOut: 1_000_000 });
  });

  t.test('UDP datagrams are forwarded both ways, and an oversized one is counted', async (t) => {
    const [application, service] = [await udpSocket(t), await udpSocket(t)];
    service.on('message', (data, { port, address }) => service.send(data, port, address));
    const forwardTo = `127.0.0.1:${service.address().port}`;
    const a = system.peer('udp', '--udp-listen', '127.0.0.1:0', '--status-seconds', '1');
    const b = system.peer('udp', '--udp-forward', forwardTo);
    const { local } = await a.logged({ event: 'udp' });
    const { port } = parseAddress(String(local));
    await Promise.all([a.logged({ event: 'connected' }), b.logged({ event: 'connected' })]);
    t.match(a.logText, /encrypting them is the application's part/);
    for (const length of [0, 1, 1_200, PAYLOAD_BYTES_RECOMMENDED - 7]) {
      const sent = randomBytes(length);
      t.ok((await echoed(application, port, sent)).equals(sent), `${length} bytes`);
    }
    const statusBefore = a.log.length;
    application.send(Buffer.alloc(PAYLOAD_BYTES_MAX), port, '127.0.0.1');
    while (!a.log.slice(statusBefore).some(({ event }) => event === 'status')) await sleep(50);
    const again = randomBytes(100);
    t.ok((await echoed(application, port, again)).equals(again), 'after an oversized datagram');
    a.child.kill('SIGTERM');
    t.equal((await a.ended).exitCode, 0);
    const finished = await a.logged({ event: 'finished' });
    t.match(finished.dropped, { oversized: 1 });
    await b.logged({ event: 'reconnecting' });
    b.child.kill('SIGTERM');
    t.equal((await b.ended).exitCode, 0, 'also while it reconnects');
  });
});

t.test(
  'datagrams of two applications are kept apart, also after a restart of the forwarding side',
  async (t) => {
    const system = await openSystem(t);
    await Promise.all([system.openRelay('fra-1'), system.openRelay('nyc-1')]);
    const [first, second, service] = [await udpSocket(t), await udpSocket(t), await udpSocket(t)];
    service.on('message', (data, { port, address }) => service.send(data, port, address));
    const a = system.peer('two', '--udp-listen', '127.0.0.1:0');
    const { local } = await a.logged({ event: 'udp' });
    const { port } = parseAddress(String(local));
    let b = system.peer('two', '--udp-forward', `127.0.0.1:${service.address().port}`);
    await Promise.all([a.logged({ event: 'connected' }), b.logged({ event: 'connected' })]);
    const [forFirst, forSecond] = [randomBytes(100), randomBytes(100)];
    const strays: Buffer[] = [];
    first.on('message', (data) => data.equals(forFirst) || strays.push(data));
    second.on('message', (data) => data.equals(forSecond) || strays.push(data));
    await Promise.all([echoed(first, port, forFirst), echoed(second, port, forSecond)]);
    b.child.kill('SIGKILL');
    b = system.peer('two', '--udp-forward', `127.0.0.1:${service.address().port}`);
    await b.logged({ event: 'connected' });
    await Promise.all([echoed(first, port, forFirst), echoed(second, port, forSecond)]);
    t.strictSame(strays, [], 'each application gets only its own datagrams');
  },
);

t.test('both peers fail if one is in stream mode and the other in UDP mode', async (t) => {
  const system = await openSystem(t);
  await Promise.all([system.openRelay('fra-1'), system.openRelay('nyc-1')]);
  const stream = system.peer('mixed', '--room-key-file', system.secretFile('key'));
  const udp = system.peer('mixed', '--udp-listen', '127.0.0.1:0');
  const ends = await Promise.all([stream.ended, udp.ended]);
  t.strictSame(
    ends.map(({ exitCode }) => exitCode),
    [2, 2],
  );
  t.match(stream.logText, /the other side carries UDP, this one a byte stream/);
  t.match(udp.logText, /the other side carries a byte stream, this one UDP/);
});

t.test('both peers fail with the reason if their room keys differ', async (t) => {
  const system = await openSystem(t);
  await Promise.all([system.openRelay('fra-1'), system.openRelay('nyc-1')]);
  const peers = ['key', 'other'].map((name) =>
    system.peer('keys', '--room-key-file', system.secretFile(name)),
  );
  const ends = await Promise.all(peers.map(({ ended }) => ended));
  t.strictSame(
    ends.map(({ exitCode }) => exitCode),
    [4, 4],
  );
  for (const { logText } of peers) t.match(logText, /another room key/);
});

t.test(
  'the loss of a relay loses no byte, and an interrupt of one peer fails the other',
  async (t) => {
    const system = await openSystem(t);
    const relays = await Promise.all(
      ['a-1', 'b-1', 'c-1', 'd-1'].map((id) => system.openRelay(id)),
    );
    const key = ['--room-key-file', system.secretFile('key')];
    const input = randomBytes(300_000);
    const [a, b] = [system.peer('drain', ...key), system.peer('drain', ...key)];
    a.child.stdin?.write(input.subarray(0, 100_000));
    const { relay: id } = await a.logged({ event: 'connected' });
    while (b.outputBytes === 0) await sleep(10);
    a.child.stdin?.write(input.subarray(100_000, 200_000));
    await relays.find((relay) => relay.id === id)?.close();
    a.child.stdin?.write(input.subarray(200_000));
    while (b.outputBytes < input.length) await sleep(10);
    t.match(await a.logged({ event: 'reconnecting' }), { level: 40 });
    a.child.kill('SIGINT');
    const [endA, endB] = await Promise.all([a.ended, b.ended]);
    t.equal(endA.exitCode, 130, a.logText);
    t.equal(endB.exitCode, 1, b.logText);
    t.ok(endB.stdout.equals(input));
    t.match(await b.logged({ level: 60 }), { code: 'ERR_TURNPIKE_CLOSED', msg: /interrupted/ });
  },
);

async function udpSocket(t: Test): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return socket;
}

/** Sends until the same bytes return, since UDP, and a new path, may lose datagrams. */
async function echoed(socket: Socket, port: number, sent: Buffer): Promise<Buffer> {
  const received: Buffer[] = [];
  const onMessage = (data: Buffer) => received.push(data);
  socket.on('message', onMessage);
  while (!received.some((data) => data.equals(sent))) {
    socket.send(sent, port, '127.0.0.1');
    await sleep(50);
  }
  socket.off('message', onMessage);
  return sent;
}
