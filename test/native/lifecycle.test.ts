import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { formatAddress } from '../../src/address.js';
import { listenerHandle } from '../../src/native/transport-handle.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { openDescriptors } from '../setup/open-descriptors.js';
import { bindingRequest, Remote, TestPlane, V4, V6 } from './planes.js';

const echoUrl = new URL('echo-plane.mjs', import.meta.url);

/** Runs a program that opens `plane` and then executes `rest`. */
function runProgram(rest: string) {
  const open = `import { openEcho } from ${JSON.stringify(echoUrl.href)};
    const plane = openEcho();`;
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `${open} ${rest}`],
    { encoding: 'utf8' },
  );
  return { status, signal, stdout, stderr };
}

t.test('no descriptor is left after 50 opens and closes', async (t) => {
  // The first plane opens descriptors of the addon and the event loop that stay.
  await new TestPlane().plane.close();
  const before = openDescriptors();
  for (let i = 0; i < 50; i++) await new TestPlane({ clientAddresses: [V4, V6] }).plane.close();
  t.equal(openDescriptors(), before);
});

t.test('a plane can be closed under traffic', async (t) => {
  const remote = await Remote.open();
  for (let round = 0; round < 10; round++) {
    const relay = new TestPlane();
    const { tuple, worker } = await relay.meet(remote);
    const flow = { worker, tuple, channel: 0x4000 };
    relay.plane.putClientFlow(flow, { type: 'client', tuple, channel: 0x4001 });
    for (let i = 0; i < 300; i++) {
      remote.send(relay.clientAddress(), bindingRequest());
      remote.send(relay.clientAddress(), encodeChannelData(0x4000, Buffer.from('x')));
    }
    await new Promise(setImmediate);
    const taken = () => relay.count('client_rx_packets');
    await relay.plane.close();
    const atClose = taken();
    t.ok(atClose > 0, `${atClose} packets before`);
    remote.send(relay.clientAddress(), bindingRequest());
    await new Promise(setImmediate);
    t.equal(taken(), atClose, 'nothing is received after close');
  }
  remote.close();
});

t.test('close is idempotent, and calls after it throw ERR_TURNPIKE_CLOSED', async (t) => {
  const { plane } = new TestPlane();
  const closing = plane.close();
  t.equal(plane.close(), closing);
  const tuple = { handle: listenerHandle('client', 0), remote: { address: '127.0.0.1', port: 9 } };
  const flow = { worker: 0, tuple, channel: 0x4000 };
  const entry = {
    sources: [],
    socket: 0,
    destination: tuple.remote,
    sendKeys: [],
    receiveKeys: [],
    recordsMax: 1,
  };
  const calls = [
    () => plane.putClientFlow(flow, { type: 'client', tuple, channel: 0x4000 }),
    () => plane.removeClientFlow(flow),
    () => plane.putSession(0, { relayIndex: 0, tuple, channel: 0x4000 }),
    () => plane.removeSession(0),
    () => plane.putRemoteRelay(0, entry),
    () => plane.removeRemoteRelay(0),
    () => plane.probe(0, 1),
    () => plane.send([{ side: 'client', tuple, data: Buffer.from('x') }]),
  ];
  for (const call of calls) t.throws(call, { code: 'ERR_TURNPIKE_CLOSED' });
  await closing;
  for (const call of calls) t.throws(call, { code: 'ERR_TURNPIKE_CLOSED' });
  t.equal(plane.counters().client_rx_packets, 0n, 'the counters can still be read');
});

t.test('a port in use throws with errno and address, and leaves no descriptor', async (t) => {
  const first = new TestPlane();
  const before = openDescriptors();
  for (const workers of [1, 3]) {
    const address = first.clientAddress();
    t.throws(() => new TestPlane({ workers, clientAddresses: [V4, address] }), {
      code: 'ERR_TURNPIKE_BIND',
      errno: 'EADDRINUSE',
      address: formatAddress(address),
    });
  }
  t.throws(() => new TestPlane({ clientAddresses: [{ address: '192.0.2.1', port: 0 }] }), {
    code: 'ERR_TURNPIKE_BIND',
    errno: 'EADDRNOTAVAIL',
    address: '192.0.2.1:0',
  });
  t.equal(openDescriptors(), before);
  const [address] = [first.clientAddress()];
  await first.plane.close();
  const again = new TestPlane({ clientAddresses: [address] });
  t.same(again.clientAddress(), address, 'the port is free after close');
  await again.plane.close();
});

t.test('an open plane keeps the process alive, and a closed one does not', async (t) => {
  const kept = runProgram(`setTimeout(() => plane.close().then(() => console.log('end')), 50);`);
  t.match(kept, { status: 0, stdout: 'end\n' });
  t.match(runProgram('await plane.close();'), { status: 0 });
});

t.test('a process can exit with an open plane', async (t) => {
  t.match(runProgram('process.exit(3);'), { status: 3, signal: null });
  t.match(runProgram(`setImmediate(() => { throw new Error('of the host'); });`), {
    status: 1,
    signal: null,
    stderr: /of the host/,
  });
});

/** Starts worker threads, each with a plane under traffic. */
async function startThreads(remote: Remote, count: number): Promise<Worker[]> {
  const threads = Array.from({ length: count }, () => new Worker(echoUrl));
  const messages = await Promise.all(threads.map((thread) => once(thread, 'message')));
  for (const [port] of messages) {
    const address = { address: '127.0.0.1', port };
    remote.send(address, bindingRequest());
    assert.deepEqual(await remote.receive(), Buffer.from(bindingRequest()));
    for (let i = 0; i < 100; i++) remote.send(address, encodeChannelData(0x4000, Buffer.from('x')));
  }
  return threads;
}

t.test(
  'worker threads with planes can close, be terminated, and be terminated while closing',
  async (t) => {
    const remote = await Remote.open();
    for (let round = 0; round < 5; round++) {
      const threads = await startThreads(remote, 3);
      const exits = threads.map(async (thread) => (await once(thread, 'exit'))[0]);
      const [closed, terminated, both] = threads;
      closed?.postMessage('close');
      both?.postMessage('close');
      terminated?.terminate();
      if (round % 2 === 0) await new Promise(setImmediate);
      both?.terminate();
      t.equal((await Promise.all(exits))[0], 0);
    }
    remote.close();
  },
);
