import t from 'tap';
import type { TransportAddress } from '../../src/address.js';
import { openDataPlane } from '../../src/native/index.js';
import { listenerHandle, type TransportHandle } from '../../src/native/transport-handle.js';
import type { ClientAction, RemoteRelayEntry } from '../../src/native/types.js';
import { KEY, Remote, TestPlane, until, V4 } from './planes.js';

const remote = { address: '127.0.0.1', port: 9 };
const tuple = { handle: listenerHandle('client', 0), remote };
const channel = 0x4000;
const toClient: ClientAction = { type: 'client', tuple, channel };
const relay: RemoteRelayEntry = {
  sources: [remote],
  socket: 0,
  destination: remote,
  sendKeys: [{ epoch: 1, key: KEY }],
  receiveKeys: [{ epoch: 1, key: KEY }],
  recordsMax: 1,
};

t.test('an option out of bounds is refused by its name', async (t) => {
  const options = { clientAddresses: [V4], trunkAddresses: [], onBatch: () => {} };
  for (const [name, value] of Object.entries({
    clientAddresses: [],
    trunkAddresses: Array.from({ length: 17 }, () => V4),
    workers: 17,
    clientFlowsMax: 0,
    sessionsMax: 0.5,
    remoteRelaysMax: -1,
    puntQueueBytes: 100,
    socketBufferBytes: Number.NaN,
    trunkMtuBytes: 10,
    onBatch: 'no function',
  })) {
    t.throws(() => openDataPlane({ ...options, [name]: value } as never), {
      code: 'ERR_TURNPIKE_CONFIG',
      message: new RegExp(name),
    });
  }
  const nowhere = { address: 'localhost', port: 0 };
  t.throws(() => openDataPlane({ ...options, clientAddresses: [nowhere] }), {
    code: 'ERR_TURNPIKE_ADDRESS',
  });
});

t.test('arguments out of range are refused', async (t) => {
  const { plane } = new TestPlane({ sessionsMax: 48, remoteRelaysMax: 4 });
  plane.putRemoteRelay(1, relay);
  const flow = { worker: 0, tuple, channel };
  const refused: [call: () => void, says: string][] = [
    [() => plane.putClientFlow({ ...flow, worker: 2 }, toClient), 'worker'],
    [() => plane.putClientFlow({ ...flow, worker: -1 }, toClient), 'worker'],
    [() => plane.putClientFlow({ ...flow, worker: 2 ** 32 - 1 }, toClient), 'worker'],
    [() => plane.putClientFlow({ ...flow, channel: 0x3fff }, toClient), 'channel'],
    [() => plane.putClientFlow({ ...flow, channel: 0x8000 }, toClient), 'channel'],
    [() => plane.putClientFlow({ ...flow, channel: 0x1_4000 }, toClient), 'channel'],
    [() => plane.putClientFlow(flow, { ...toClient, channel: 0 }), 'channel'],
    [
      () => plane.putClientFlow(flow, { type: 'trunk', relayIndex: 4, sessionIndex: 1 }),
      'relayIndex',
    ],
    [
      () => plane.putClientFlow(flow, { type: 'trunk', relayIndex: 1, sessionIndex: 2 ** 32 }),
      'sessionIndex',
    ],
    [() => plane.putSession(1, { relayIndex: 4, tuple, channel }), 'relayIndex'],
    [() => plane.putSession(1, { relayIndex: 1, tuple, channel: 1 }), 'channel'],
    [() => plane.putSession(1.5, { relayIndex: 1, tuple, channel }), 'sessionIndex'],
    [() => plane.putSession(64 + 48, { relayIndex: 1, tuple, channel }), 'sessionsMax'],
    [() => plane.removeSession(50), 'sessionsMax'],
    ...[0, -1, 1.5, 1_000_000_001, Number.NaN, Number.POSITIVE_INFINITY].flatMap(
      (seconds): [() => void, string][] => [
        [() => plane.putClientFlow(flow, toClient, seconds), 'lifetimeSeconds'],
        [() => plane.refreshClientFlow(flow, seconds), 'lifetimeSeconds'],
        [() => plane.putSession(1, { relayIndex: 1, tuple, channel }, seconds), 'lifetimeSeconds'],
        [() => plane.refreshSession(1, seconds), 'lifetimeSeconds'],
      ],
    ),
    [() => plane.refreshClientFlow({ ...flow, worker: 2 }, 1), 'worker'],
    [() => plane.refreshClientFlow({ ...flow, channel: 0x3fff }, 1), 'channel'],
    [() => plane.refreshSession(50, 1), 'sessionsMax'],
    [() => plane.probe(4, 1), 'relayIndex'],
    [() => plane.probe(1, -1), 'number'],
    [() => plane.remoteRelayTraffic(4), 'relayIndex'],
    [() => plane.putRemoteRelay(2, { ...relay, sources: Array(65).fill(remote) }), 'sources'],
    [
      () => plane.putRemoteRelay(2, { ...relay, receiveKeys: Array(4).fill(relay.sendKeys[0]) }),
      'receiveKeys',
    ],
    [
      () => plane.putRemoteRelay(2, { ...relay, sendKeys: [{ epoch: 1, key: KEY.subarray(1) }] }),
      'key',
    ],
    [() => plane.putRemoteRelay(2, { ...relay, sendKeys: [{ epoch: 65_536, key: KEY }] }), 'epoch'],
    [() => plane.putRemoteRelay(2, { ...relay, recordsMax: 0 }), 'recordsMax'],
    [() => plane.send([{ side: 'client', tuple, data: new Uint8Array(65_536) }]), 'data'],
    [() => plane.send([{ side: 'client', tuple, data: 'text' as never }]), 'data'],
  ];
  for (const [call, says] of refused) {
    const error = { code: 'ERR_TURNPIKE_ARGUMENT', message: new RegExp(says) };
    t.throws(call, error, String(call));
  }
  const empty = { code: 'ERR_TURNPIKE_UNKNOWN_RELAY', message: /there is no relay of that index/ };
  t.throws(
    () => plane.putClientFlow(flow, { type: 'trunk', relayIndex: 2, sessionIndex: 1 }),
    empty,
  );
  t.throws(() => plane.putSession(1, { relayIndex: 2, tuple, channel }), empty);
  t.throws(() => plane.probe(2, 1), empty);
  await plane.close();
});

t.test('a CPU that does not exist is refused', async (t) => {
  const options = { clientAddresses: [V4], onBatch: () => {} };
  t.throws(() => openDataPlane({ ...options, cpus: [1_023] }), {
    code: 'ERR_TURNPIKE_CONFIG',
    message: /cpus.*1023/,
  });
});

t.test('addresses that the socket cannot send to are refused', async (t) => {
  const { plane } = new TestPlane();
  plane.putRemoteRelay(1, relay);
  const bad: [string, TransportAddress, object?][] = [
    ['another family', { address: '::1', port: 9 }],
    ['port 0', { address: '127.0.0.1', port: 0 }],
    ['port 65536', { address: '127.0.0.1', port: 65_536 }],
    ['the wildcard', { address: '0.0.0.0', port: 9 }],
    ['a name', { address: 'localhost', port: 9 }],
    ['a zone', { address: 'fe80::1%eth0', port: 9 }],
    ['no such socket', remote, { handle: listenerHandle('client', 1) }],
    ['no handle', remote, { handle: -1 as TransportHandle }],
    ['a source where the socket has one', remote, { local: '127.0.0.1' }],
  ];
  for (const [name, address, rest] of bad) {
    const wrong = { ...tuple, remote: address, ...rest };
    const code = { code: 'ERR_TURNPIKE_ADDRESS' };
    t.throws(() => plane.send([{ side: 'client', tuple: wrong, data: KEY }]), code, name);
    t.throws(() => plane.putSession(1, { relayIndex: 1, tuple: wrong, channel }), code, name);
    t.throws(() => plane.putClientFlow({ worker: 0, tuple: wrong, channel }, toClient), code, name);
  }
  await plane.close();
});

t.test('each table holds exactly as many entries as its option says', async (t) => {
  const { plane } = new TestPlane({ clientFlowsMax: 3, sessionsMax: 3, remoteRelaysMax: 2 });
  const flow = (port: number) => ({
    worker: 1,
    tuple: { handle: listenerHandle('client', 0), remote: { ...remote, port } },
    channel,
  });
  const full = { code: 'ERR_TURNPIKE_LIMIT' };
  const beyond = { code: 'ERR_TURNPIKE_ARGUMENT' };
  for (const port of [1, 2, 3, 3, 1]) plane.putClientFlow(flow(port), toClient);
  t.throws(() => plane.putClientFlow(flow(4), toClient), full);
  plane.putClientFlow({ ...flow(4), worker: 0 }, toClient);
  plane.removeClientFlow(flow(2));
  plane.removeClientFlow(flow(2));
  plane.putClientFlow(flow(4), toClient);
  t.throws(() => plane.putRemoteRelay(2, relay), beyond);
  t.throws(() => plane.removeRemoteRelay(2), beyond);
  t.throws(() => plane.probe(2, 0), beyond);
  t.throws(() => plane.remoteRelayTraffic(2), beyond);
  plane.putRemoteRelay(1, relay);
  plane.putSession(1, { relayIndex: 1, tuple, channel });
  t.throws(() => plane.putSession(3, { relayIndex: 1, tuple, channel }), beyond);
  t.throws(() => plane.removeSession(3), beyond);
  await plane.close();
});

t.test('each of 40,000 commands in one turn is either executed or refused', async (t) => {
  const relay = new TestPlane();
  const a = await Remote.open();
  let put = 0;
  for (let port = 1; port <= 40_000; port++) {
    const flow = {
      worker: 0,
      tuple: { handle: listenerHandle('client', 0), remote: { ...remote, port } },
      channel,
    };
    try {
      relay.plane.putClientFlow(flow, toClient);
      put++;
    } catch (error) {
      t.match(error, { code: 'ERR_TURNPIKE_QUEUE_FULL' });
      await relay.settle(a);
    }
  }
  await relay.settle(a);
  t.equal(relay.count('commands_applied'), put);
  a.close();
  await relay.plane.close();
});

t.test('40,000 removals in one turn are all executed, and do not block a put', async (t) => {
  const relay = new TestPlane();
  const a = await Remote.open();
  const flow = (port: number) => ({
    worker: 0,
    tuple: { handle: listenerHandle('client', 0), remote: { ...remote, port } },
    channel,
  });
  for (let first = 1; first <= 40_000; first += 10_000) {
    for (let port = first; port < first + 10_000; port++) {
      relay.plane.putClientFlow(flow(port), toClient);
    }
    await relay.settle(a);
  }
  for (let port = 1; port <= 40_000; port++) relay.plane.removeClientFlow(flow(port));
  relay.plane.putClientFlow(flow(40_001), toClient);
  const others = 1;
  await until(() => relay.count('commands_applied') >= 80_000 + others);
  t.equal(relay.count('commands_applied'), 80_000 + others);
  relay.plane.putClientFlow(flow(1), toClient);
  a.close();
  await relay.plane.close();
});
