import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { formatAddress } from '../../src/address.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { bindingRequest, Remote, TestPlane, V4, V6 } from './planes.js';

const openDescriptors = () => readdirSync('/proc/self/fd').length;
const indexUrl = new URL('../../src/native/index.ts', import.meta.url).href;

/** A program with an open plane; `rest` follows. */
const program = (rest: string) => `
  import { openDataPlane } from ${JSON.stringify(indexUrl)};
  const plane = openDataPlane({
    clientAddresses: [{ address: '127.0.0.1', port: 0 }], trunkAddresses: [], workers: 2,
    onBatch: ({ datagrams }) => plane.send(datagrams),
  });
  ${rest}
`;

function runProgram(rest: string) {
  const args = ['--import=tsx', '--input-type=module', '-e', program(rest)];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
  });
  return { status, signal, stdout, stderr };
}

t.test('opens and closes 50 times and leaves no descriptor', async (t) => {
  // The first load of the addon and of the event loop's own descriptors are not ours to count.
  await new TestPlane().plane.close();
  const before = openDescriptors();
  for (let i = 0; i < 50; i++) await new TestPlane({ clientAddresses: [V4, V6] }).plane.close();
  t.equal(openDescriptors(), before);
});

t.test('closes while traffic runs', async (t) => {
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
    await relay.plane.close();
  }
  remote.close();
  t.pass('nothing crashed');
});

t.test('close is idempotent, and every call after it says so', async (t) => {
  const { plane } = new TestPlane();
  const closing = plane.close();
  t.equal(plane.close(), closing);
  const tuple = { socket: 0, remote: { address: '127.0.0.1', port: 9 } };
  const flow = { worker: 0, tuple, channel: 0x4000 };
  const peer = {
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
    () => plane.putSession(0, { slot: 0, tuple, channel: 0x4000 }),
    () => plane.removeSession(0),
    () => plane.putTrunkPeer(0, peer),
    () => plane.removeTrunkPeer(0),
    () => plane.probe(0, 1),
    () => plane.send([{ side: 'client', tuple, data: Buffer.from('x') }]),
  ];
  for (const call of calls) t.throws(call, { code: 'ERR_TURNPIKE_CLOSED' });
  await closing;
  for (const call of calls) t.throws(call, { code: 'ERR_TURNPIKE_CLOSED' });
  t.equal(plane.counters().client_rx_packets, 0n, 'counters stay readable');
});

t.test('a port in use is an error with errno and address, and leaks nothing', async (t) => {
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

t.test('an open plane keeps the process, a closed one lets it go', async (t) => {
  const kept = runProgram(`setTimeout(() => plane.close().then(() => console.log('end')), 50);`);
  t.match(kept, { status: 0, stdout: 'end\n' });
  t.match(runProgram('await plane.close();'), { status: 0 });
});

t.test('the process may end with a plane open', async (t) => {
  t.match(runProgram('process.exit(3);'), { status: 3, signal: null });
  t.match(runProgram(`setImmediate(() => { throw new Error('of the host'); });`), {
    status: 1,
    signal: null,
    stderr: /of the host/,
  });
});

t.test('several worker threads, ended with close and without', async (t) => {
  const source = new URL('echo-thread.mjs', import.meta.url);
  const remote = await Remote.open();
  const threads = Array.from({ length: 3 }, () => new Worker(source));
  const addresses = await Promise.all(
    threads.map(async (thread) => (await once(thread, 'message'))[0]),
  );
  for (const address of addresses) {
    remote.send(address, bindingRequest());
    t.same(await remote.receive(), Buffer.from(bindingRequest()));
    for (let i = 0; i < 100; i++) remote.send(address, encodeChannelData(0x4000, Buffer.from('x')));
  }
  const [closed, ...terminated] = threads;
  closed?.postMessage('close');
  await Promise.all(terminated.map((thread) => thread.terminate()));
  t.same(await once(closed as Worker, 'exit'), [0]);
  remote.close();
});
