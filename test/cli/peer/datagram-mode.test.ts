import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { decodeFrame, encodeFrame } from '../../../src/cli/peer/datagram-frame.js';
import { DatagramMode } from '../../../src/cli/peer/datagram-mode.js';
import { systemClock } from '../../../src/units.js';
import { fakeLink } from './fake-link.js';

const ANY = { address: '127.0.0.1', port: 0 } as const;

async function openMode(t: Test, type: 'listen' | 'forward', port = 0): Promise<DatagramMode> {
  const warnings: string[] = [];
  const logger = pino({}, { write: (line) => warnings.push(line) });
  const local = { type, address: { ...ANY, port } };
  const mode = await DatagramMode.open({ local, clock: systemClock, logger });
  t.teardown(() => mode.close());
  return mode;
}

async function openSocket(t: Test): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return socket;
}

/** Joins two modes by a path without faults. */
function connect(a: DatagramMode, b: DatagramMode): void {
  const link = (to: DatagramMode) =>
    fakeLink({ send: (payload) => setImmediate(() => to.receive(Uint8Array.from(payload))) });
  a.attach(link(b));
  b.attach(link(a));
}

async function receivedBy(socket: Socket): Promise<string> {
  const [data] = await once(socket, 'message');
  return String(data);
}

t.test('datagrams go through a listener and a forwarder, and back', async (t) => {
  const [application, service] = [await openSocket(t), await openSocket(t)];
  const a = await openMode(t, 'listen');
  const b = await openMode(t, 'forward', service.address().port);
  connect(a, b);
  const port = a.localAddress.port;
  application.send('question', port, '127.0.0.1');
  const [question, from] = await once(service, 'message');
  t.equal(String(question), 'question');
  service.send('answer', from.port, from.address);
  t.equal(await receivedBy(application), 'answer');
  t.match(a.traffic(), { bytesOut: 8, bytesIn: 6, dropped: {} });
  t.type(a.traffic().rttMs, 'number', 'the ping at the start was answered');
});

t.test('a listener answers whoever sent last', async (t) => {
  const [first, second, service] = [await openSocket(t), await openSocket(t), await openSocket(t)];
  const a = await openMode(t, 'listen');
  const b = await openMode(t, 'forward', service.address().port);
  connect(a, b);
  const port = a.localAddress.port;
  first.send('1', port, '127.0.0.1');
  await once(service, 'message');
  second.send('2', port, '127.0.0.1');
  const [, from] = await once(service, 'message');
  service.send('to the second', from.port, from.address);
  t.equal(await receivedBy(second), 'to the second');
});

t.test('an address that is taken', async (t) => {
  const socket = await openSocket(t);
  await t.rejects(openMode(t, 'listen', socket.address().port), {
    code: 'ERR_TURNPIKE_BIND',
    errno: 'EADDRINUSE',
    address: `127.0.0.1:${socket.address().port}`,
  });
});

t.test('bad input is counted and never fatal', async (t) => {
  const gone = await openSocket(t);
  const [a, b] = [await openMode(t, 'listen'), await openMode(t, 'forward', gone.address().port)];
  const application = await openSocket(t);
  const send = (bytes: number) =>
    application.send(Buffer.alloc(bytes), a.localAddress.port, '127.0.0.1');
  const dropped = async (mode: DatagramMode, name: string) => {
    while (mode.traffic().dropped[name] === undefined) await new Promise(setImmediate);
    t.equal(mode.traffic().dropped[name], 1, name);
  };
  send(1);
  await dropped(a, 'no-path');
  connect(a, b);
  send(1_420);
  await dropped(a, 'oversized');
  b.receive(Uint8Array.of(0x01, 2, 3));
  await dropped(b, 'unknown-frame');
  const listener = await openMode(t, 'listen');
  listener.receive(encodeFrame({ type: 'data', sequence: 1, payload: Uint8Array.of(1) }));
  await dropped(listener, 'application-unknown');
});

t.test('an application that does not listen yet is no failure', async (t) => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  const mode = await openMode(t, 'forward', port);
  let sequence = 0;
  const deliver = () =>
    mode.receive(encodeFrame({ type: 'data', sequence: ++sequence, payload: Buffer.from('x') }));
  while (mode.traffic().dropped['application-refused'] === undefined) {
    deliver();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const service = createSocket('udp4').bind(port, '127.0.0.1');
  await once(service, 'listening');
  t.teardown(() => service.close());
  const arrived = once(service, 'message');
  deliver();
  deliver();
  t.equal(String((await arrived)[0]), 'x');
});

t.test('loss is seen on both sides of the path', async (t) => {
  const [a, b] = [await openMode(t, 'listen'), await openMode(t, 'listen')];
  let count = 0;
  const toA = fakeLink({ send: (payload) => a.receive(Uint8Array.from(payload)) });
  const toB = fakeLink({
    send: (payload) => {
      const isData = decodeFrame(payload)?.type === 'data';
      if (!isData || count++ % 4 !== 0) b.receive(Uint8Array.from(payload));
    },
  });
  b.attach(toA);
  a.attach(toB);
  const application = await openSocket(t);
  for (let sent = 1; sent <= 100; sent++) {
    application.send('x', a.localAddress.port, '127.0.0.1');
    while (a.traffic().bytesOut < sent) await new Promise(setImmediate);
  }
  a.detach();
  const { expectedIn, receivedIn } = b.traffic();
  t.equal(expectedIn - receivedIn, 25);
});
