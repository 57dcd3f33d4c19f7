import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import type { TransportAddress } from '../../src/address.js';
import { pooledRandom } from '../../src/random-pool.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { askMappedAddress } from '../../src/turn-server/mapped-address.js';
import { mappedTo, type Respond, stunResponder } from './stun-responder.js';

const PORTS = { min: 61_000, max: 65_535 };
const OUTSIDE = '198.41.0.4';

/** Waits for a server that answers late or not at all. */
const [SOON, LATE] = [20, 20_000];

async function ask(t: Test, respond: Respond, waitsMs: readonly number[] = [LATE]) {
  const server = await stunResponder(t, respond);
  return askMappedAddress({
    ...{ server, from: '127.0.0.1', ports: PORTS, random: pooledRandom(), waitsMs },
  });
}

/** Returns the address of a port that no socket has. */
async function closedPort(): Promise<TransportAddress> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { address, port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return { address, port };
}

t.test('a server tells the mapped address, asked from a relay port', async (t) => {
  const { local, mapped } = await ask(t, (request, from) => {
    t.equal(request.method, Method.Binding);
    return [mappedTo(request, { address: OUTSIDE, port: from.port })];
  });
  t.equal(mapped.address, OUTSIDE);
  t.equal(mapped.port, local.port);
  t.equal(local.address, '127.0.0.1');
  t.ok(local.port >= PORTS.min && local.port <= PORTS.max);
});

t.test('lost requests are repeated with the same transaction', async (t) => {
  const seen = new Set<string>();
  const respond: Respond = (request, from, count) => {
    seen.add(Buffer.from(request.transactionId).toString('hex'));
    return count < 2 ? [] : [mappedTo(request, { address: OUTSIDE, port: from.port })];
  };
  t.equal((await ask(t, respond, [SOON, SOON, LATE])).mapped.address, OUTSIDE);
  t.equal(seen.size, 1);
});

t.test('other messages are no answer', async (t) => {
  const { mapped } = await ask(t, (request, from) => [
    mappedTo({ transactionId: new Uint8Array(12) }, { address: '192.0.2.1', port: 1 }),
    new Uint8Array(20),
    new MessageWriter('indication', Method.Binding, request.transactionId).finish(),
    new MessageWriter('success', Method.Refresh, request.transactionId).finish(),
    request.bytes,
    mappedTo(request, { address: OUTSIDE, port: from.port }),
  ]);
  t.equal(mapped.address, OUTSIDE);
});

t.test('an answer that names no address of a host is an error with what it is', async (t) => {
  const empty: Respond = (request) => [
    new MessageWriter('success', Method.Binding, request.transactionId).finish(),
  ];
  const refusing: Respond = (request) => [
    new MessageWriter('error', Method.Binding, request.transactionId).errorCode(420).finish(),
  ];
  const at =
    (address: string): Respond =>
    (request) => [mappedTo(request, { address, port: 1 })];
  const table: [Respond, RegExp][] = [
    [empty, /without a mapped address of its family/],
    [refusing, /answers with error 420/],
    [at('2001:db8::1'), /without a mapped address of its family/],
    [at('0.0.0.0'), /0\.0\.0\.0, which no single host has/],
    [at('224.0.0.1'), /224\.0\.0\.1, which no single host has/],
    [at('255.255.255.255'), /which no single host has/],
  ];
  for (const [respond, message] of table) {
    await t.rejects(ask(t, respond), { code: 'ERR_TURNPIKE_STUN_SERVER', message });
  }
});

t.test('a server that does not answer is an error after the last wait', async (t) => {
  let asked = 0;
  const silent: Respond = () => {
    asked += 1;
    return [];
  };
  const failing = ask(t, silent, [SOON, SOON, SOON]);
  const message = /^the STUN server 127\.0\.0\.1:\d+ does not answer, asked from 127\.0\.0\.1$/;
  await t.rejects(failing, { code: 'ERR_TURNPIKE_STUN_SERVER', message });
  t.ok(asked <= 3);
});

t.test('a server of another protocol is told from one that does not answer', async (t) => {
  const junk: Respond = (request) => [new Uint8Array(40), request.bytes];
  await t.rejects(ask(t, junk, [SOON, LATE / 20]), {
    code: 'ERR_TURNPIKE_STUN_SERVER',
    message: /sends [1-9]\d* datagrams, none of which is a response to the request, asked from/,
  });
});

t.test('an answer from another address than the one asked is none', async (t) => {
  const other = createSocket('udp4').bind(0, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  const elsewhere: Respond = (request, from) => {
    other.send(mappedTo(request, from), from.port, from.address);
    return [];
  };
  const message = /does not answer, asked from/;
  await t.rejects(ask(t, elsewhere, [SOON, SOON]), { message });
});

t.test('a closed port, and an address of another host, are errors at once', async (t) => {
  const server = await closedPort();
  const question = { server, from: '127.0.0.1', ports: PORTS, random: pooledRandom() };
  await t.rejects(askMappedAddress({ ...question, waitsMs: [LATE] }), {
    code: 'ERR_TURNPIKE_STUN_SERVER',
    errno: 'ECONNREFUSED',
  });
  await t.rejects(askMappedAddress({ ...question, from: '192.0.2.77' }), {
    ...{ code: 'ERR_TURNPIKE_BIND', errno: 'EADDRNOTAVAIL' },
  });
});

t.test('it is asked from another port if those of the range are taken', async (t) => {
  const taken = createSocket('udp4').bind(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const { port } = taken.address();
  const server = await stunResponder(t, (request, from) => [mappedTo(request, from)]);
  const ports = { min: port, max: port };
  const { local, mapped } = await askMappedAddress({
    ...{ server, from: '127.0.0.1', ports, random: pooledRandom(), waitsMs: [LATE] },
  });
  t.not(local.port, port);
  t.strictSame(mapped, local);
});
