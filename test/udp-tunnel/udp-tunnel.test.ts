import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { type Clock, systemClock } from '../../src/clock.js';
import { FOREIGN_FRAMES_MAX } from '../../src/stream/path.js';
import { UDP_FLOW_IDLE_MS, UDP_FLOWS_MAX } from '../../src/udp-tunnel/flows.js';
import { decodeFrame, encodeFrame, FRAMES_VERSION } from '../../src/udp-tunnel/frame.js';
import { UdpTunnel } from '../../src/udp-tunnel/udp-tunnel.js';
import { fakeLink } from '../cli/peer/fake-link.js';
import { ownLoopback } from '../setup/own-loopback.js';

const ANY = { address: '127.0.0.1', port: 0 } as const;

/** Turns of the event loop, in which two tunnels have exchanged their hellos and first pings. */
const TURNS_OF_HELLOS = 20;

async function openMode(
  t: Test,
  type: 'listen' | 'forward',
  port = 0,
  clock: Clock = systemClock,
  address: string = ANY.address,
): Promise<UdpTunnel> {
  const warnings: string[] = [];
  const logger = pino({}, { write: (line) => warnings.push(line) });
  const local = { type, address: { address, port } };
  const mode = await UdpTunnel.open({ local, clock, logger });
  t.teardown(() => mode.close());
  return mode;
}

async function openSocket(t: Test): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return socket;
}

/** Connects two tunnels by a path without faults, and waits for their hellos. */
async function connect(a: UdpTunnel, b: UdpTunnel): Promise<void> {
  const link = (to: UdpTunnel) =>
    fakeLink({ send: (payload) => setImmediate(() => to.receive(Uint8Array.from(payload))) });
  a.attach(link(b));
  b.attach(link(a));
  for (let turns = 0; turns < TURNS_OF_HELLOS; turns++) await new Promise(setImmediate);
}

function portOf(mode: UdpTunnel): number {
  const { port } = mode.localAddress ?? { port: 0 };
  return port;
}

async function receivedBy(socket: Socket): Promise<string> {
  const [data] = await once(socket, 'message');
  return String(data);
}

t.test('datagrams go through a listener and a forwarder, and back', async (t) => {
  const [application, service] = [await openSocket(t), await openSocket(t)];
  const a = await openMode(t, 'listen');
  const b = await openMode(t, 'forward', service.address().port);
  await connect(a, b);
  const port = portOf(a);
  application.send('question', port, '127.0.0.1');
  const [question, from] = await once(service, 'message');
  t.equal(String(question), 'question');
  service.send('answer', from.port, from.address);
  t.equal(await receivedBy(application), 'answer');
  t.match(a.traffic(), { bytesOut: 8, bytesIn: 6, dropped: {} });
  t.type(a.traffic().rttMs, 'number', 'the ping at the start was answered');
});

t.test('each application gets the answers to what it sent, and no other', async (t) => {
  const service = await openSocket(t);
  service.on('message', (data, { address, port }) =>
    setTimeout(() => service.send(`for ${data}`, port, address), Math.random() * 20),
  );
  const a = await openMode(t, 'listen');
  const b = await openMode(t, 'forward', service.address().port);
  await connect(a, b);
  const applications = await Promise.all(Array.from({ length: 20 }, () => openSocket(t)));
  const heard = applications.map((socket) => {
    const texts: string[] = [];
    socket.on('message', (data) => texts.push(String(data)));
    return texts;
  });
  for (let round = 0; round < 5; round++) {
    for (const [index, socket] of applications.entries()) {
      socket.send(`${index}`, portOf(a), '127.0.0.1');
    }
  }
  while (heard.some(({ length }) => length < 5)) await new Promise(setImmediate);
  for (const [index, texts] of heard.entries()) {
    t.strictSame([...new Set(texts)], [`for ${index}`]);
  }
  t.equal(a.flows, 20);
  t.equal(b.flows, 20);
});

t.test(
  'an idle flow ends at both sides, and a late answer reaches no other application',
  async (t) => {
    const [first, second, service] = [
      await openSocket(t),
      await openSocket(t),
      await openSocket(t),
    ];
    let nowMs = 0;
    const clock = { now: Date.now, monotonic: () => nowMs };
    const a = await openMode(t, 'listen', 0, clock);
    const b = await openMode(t, 'forward', service.address().port, clock);
    await connect(a, b);
    first.send('1', portOf(a), '127.0.0.1');
    const [, fromFirst] = await once(service, 'message');
    nowMs = UDP_FLOW_IDLE_MS - 1;
    service.send('still there', fromFirst.port, fromFirst.address);
    t.equal(await receivedBy(first), 'still there', 'an answer keeps a flow, too');
    nowMs += UDP_FLOW_IDLE_MS;
    a.sweep();
    while (b.flows > 0) await new Promise(setImmediate);
    t.equal(a.flows, 0, 'ended at both sides');
    second.send('2', portOf(a), '127.0.0.1');
    await once(service, 'message');
    const heard: string[] = [];
    second.on('message', (data) => heard.push(String(data)));
    service.send('late', fromFirst.port, fromFirst.address);
    second.send('2', portOf(a), '127.0.0.1');
    const [, fromSecond] = await once(service, 'message');
    t.not(fromSecond.port, fromFirst.port, 'it has a socket of its own');
    service.send('for the second', fromSecond.port, fromSecond.address);
    while (heard.length === 0) await new Promise(setImmediate);
    t.strictSame(heard, ['for the second']);
    nowMs += 2 * UDP_FLOW_IDLE_MS;
    b.sweep();
    t.equal(b.flows, 0, 'ended at the forwarding side without a message');
  },
);

t.test(
  'a service that continues to send does not keep a flow that the listening side has ended',
  async (t) => {
    const [application, service] = [await openSocket(t), await openSocket(t)];
    let nowMs = 0;
    const clock = { now: Date.now, monotonic: () => nowMs };
    const a = await openMode(t, 'listen', 0, clock);
    const b = await openMode(t, 'forward', service.address().port, clock);
    await connect(a, b);
    application.send('1', portOf(a), '127.0.0.1');
    const [, from] = await once(service, 'message');
    for (let n = 0; n < 3; n++) {
      nowMs += UDP_FLOW_IDLE_MS / 2;
      service.send('one way', from.port, from.address);
      t.equal(await receivedBy(application), 'one way');
      for (const mode of [a, b]) mode.sweep();
      t.strictSame([a.flows, b.flows], [1, 1], 'datagrams of the service alone keep the flow');
    }
    // Without a path the datagrams of the service are lost, and the listening side ends the flow.
    for (const mode of [a, b]) mode.detach();
    nowMs += UDP_FLOW_IDLE_MS;
    service.send('lost', from.port, from.address);
    while (b.traffic().dropped['no-path'] === undefined) await new Promise(setImmediate);
    a.sweep();
    await connect(a, b);
    t.strictSame([a.flows, b.flows], [0, 1], 'until a datagram arrives');
    service.send('late', from.port, from.address);
    while (b.flows > 0) await new Promise(setImmediate);
    t.match(a.traffic().dropped, { 'application-unknown': 1 });
  },
);

t.test('the 257th application waits until another is idle', async (t) => {
  let nowMs = 0;
  const clock = { now: Date.now, monotonic: () => nowMs };
  const service = await openSocket(t);
  const a = await openMode(t, 'listen', 0, clock);
  const b = await openMode(t, 'forward', service.address().port, clock);
  await connect(a, b);
  const applications = await Promise.all(Array.from({ length: 257 }, () => openSocket(t)));
  const last = applications.pop();
  for (const socket of applications) {
    const flows = a.flows;
    socket.send('x', portOf(a), '127.0.0.1');
    while (a.flows === flows) await new Promise(setImmediate);
  }
  t.equal(a.flows, UDP_FLOWS_MAX);
  last?.send('x', portOf(a), '127.0.0.1');
  while (a.traffic().dropped['flows-full'] === undefined) await new Promise(setImmediate);
  nowMs += UDP_FLOW_IDLE_MS;
  const arrived = once(service, 'message', { signal: AbortSignal.timeout(10_000) });
  last?.send('y', portOf(a), '127.0.0.1');
  t.ok(await arrived);
  t.equal(a.flows, 1);
});

t.test('a restarted listening side gets no answers to earlier datagrams', async (t) => {
  const [before, after, service] = [await openSocket(t), await openSocket(t), await openSocket(t)];
  const old = await openMode(t, 'listen');
  const b = await openMode(t, 'forward', service.address().port);
  await connect(old, b);
  before.send('1', portOf(old), '127.0.0.1');
  const [, fromBefore] = await once(service, 'message');
  old.detach();
  b.detach();
  const anew = await openMode(t, 'listen');
  await connect(anew, b);
  after.send('2', portOf(anew), '127.0.0.1');
  const [, fromAfter] = await once(service, 'message');
  t.not(fromBefore.port, fromAfter.port, 'another flow with the same number');
  const heard: string[] = [];
  after.on('message', (data) => heard.push(String(data)));
  service.send('to the one before', fromBefore.port, fromBefore.address);
  service.send('to the one after', fromAfter.port, fromAfter.address);
  t.equal(await receivedBy(after), 'to the one after');
  t.strictSame(heard, ['to the one after']);
});

t.test('reordered frames reach the right applications', async (t) => {
  const [first, second, service] = [await openSocket(t), await openSocket(t), await openSocket(t)];
  service.on('message', (data, { address, port }) => service.send(data, port, address));
  const a = await openMode(t, 'listen');
  const b = await openMode(t, 'forward', service.address().port);
  const shuffled = (to: UdpTunnel) =>
    fakeLink({
      send: (payload) => {
        const copy = Uint8Array.from(payload);
        setTimeout(() => to.receive(copy), Math.random() * 30);
      },
    });
  a.attach(shuffled(b));
  b.attach(shuffled(a));
  const heard = { first: new Set<string>(), second: new Set<string>() };
  first.on('message', (data) => heard.first.add(String(data)));
  second.on('message', (data) => heard.second.add(String(data)));
  while (heard.first.size < 10 || heard.second.size < 10) {
    for (let count = 0; count < 10; count++) {
      first.send(`first ${count}`, portOf(a), '127.0.0.1');
      second.send(`second ${count}`, portOf(a), '127.0.0.1');
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  t.ok([...heard.first].every((text) => text.startsWith('first')));
  t.ok([...heard.second].every((text) => text.startsWith('second')));
});

t.test('a tunnel with an incompatible other side ends with the reason', async (t) => {
  const foreign = async (payload: Uint8Array, message: RegExp, type: 'listen' | 'forward') => {
    const mode = await openMode(t, type);
    const sent: Uint8Array[] = [];
    mode.attach(fakeLink({ send: (bytes) => sent.push(bytes) }));
    for (let count = 0; count < FOREIGN_FRAMES_MAX; count++) mode.receive(payload);
    t.ok(
      sent.some(([first]) => first === 0x20),
      'a hello, by which the other side ends too',
    );
    await t.rejects(mode.finished, { code: 'ERR_TURNPIKE_CONFIG', message });
  };
  const hello = (version: number, end: 'listen' | 'forward') =>
    encodeFrame({ type: 'hello', version, end, ready: false, instance: 7, echo: 0 });
  await Promise.all([
    foreign(new Uint8Array(66).fill(0x01), /carries a byte stream, this one UDP/, 'listen'),
    foreign(Uint8Array.of(0x11, 0, 0, 0, 1, 0, 0, 0, 1), /older `turnpike peer`/, 'listen'),
    foreign(
      hello(2, 'forward'),
      /both sides were given --udp-forward: give one --udp-listen/,
      'forward',
    ),
    foreign(hello(2, 'listen'), /both sides were given --udp-listen/, 'listen'),
    foreign(hello(3, 'listen'), /version 3 of UDP mode, this one version 2/, 'forward'),
  ]);
});

t.test('an address in use rejects with ERR_TURNPIKE_BIND', async (t) => {
  const socket = await openSocket(t);
  await t.rejects(openMode(t, 'listen', socket.address().port), {
    code: 'ERR_TURNPIKE_BIND',
    errno: 'EADDRINUSE',
    address: `127.0.0.1:${socket.address().port}`,
  });
});

t.test('dropped datagrams and frames are counted by reason', async (t) => {
  const gone = await openSocket(t);
  const [a, b] = [await openMode(t, 'listen'), await openMode(t, 'forward', gone.address().port)];
  const application = await openSocket(t);
  const send = (bytes: number) => application.send(Buffer.alloc(bytes), portOf(a), '127.0.0.1');
  const dropped = async (mode: UdpTunnel, name: string) => {
    while (mode.traffic().dropped[name] === undefined) await new Promise(setImmediate);
    t.equal(mode.traffic().dropped[name], 1, name);
  };
  send(1);
  await dropped(a, 'no-path');
  await connect(a, b);
  send(1_420);
  await dropped(a, 'oversized');
  b.receive(Uint8Array.of(0x01, 2, 3));
  await dropped(b, 'unknown-frame');
  const data = { type: 'data', sequence: 1, flow: 9, payload: Uint8Array.of(1) } as const;
  a.receive(encodeFrame(data));
  await dropped(a, 'application-unknown');
  const listener = await openMode(t, 'listen');
  listener.receive(encodeFrame(data));
  await dropped(listener, 'before-hello');
});

t.test('datagrams that the application refuses do not end the tunnel', async (t) => {
  const address = ownLoopback();
  const port = 4_000;
  const mode = await openMode(t, 'forward', port, systemClock, address);
  let sequence = 0;
  mode.receive(
    encodeFrame({
      ...{ type: 'hello', version: FRAMES_VERSION, end: 'listen', ready: false },
      ...{ instance: 1, echo: 0 },
    }),
  );
  const deliver = () =>
    mode.receive(
      encodeFrame({ type: 'data', sequence: ++sequence, flow: 1, payload: Buffer.from('x') }),
    );
  while (mode.traffic().dropped['application-refused'] === undefined) {
    deliver();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const service = createSocket('udp4').bind(port, address);
  await once(service, 'listening');
  t.teardown(() => service.close());
  const arrived = once(service, 'message');
  deliver();
  deliver();
  t.equal(String((await arrived)[0]), 'x');
});

t.test('the receiving side counts lost frames', async (t) => {
  const [a, b] = [await openMode(t, 'listen'), await openMode(t, 'forward', 9)];
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
  while (a.traffic().bytesOut === 0) {
    application.send('x', portOf(a), '127.0.0.1');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const first = a.traffic().bytesOut;
  for (let sent = first + 1; sent <= 100; sent++) {
    application.send('x', portOf(a), '127.0.0.1');
    while (a.traffic().bytesOut < sent) await new Promise(setImmediate);
  }
  a.detach();
  const { expectedIn, receivedIn } = b.traffic();
  t.equal(expectedIn - receivedIn, 25);
});
