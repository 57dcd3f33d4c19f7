import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { sameAddress, type TransportAddress } from '../../src/address.js';
import { STRANGERS_PER_TURN_MAX } from '../../src/native/drain.js';
import { DATA_PLANE_LIMITS } from '../../src/native/interface.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { ownLoopback } from '../setup/own-loopback.js';
import { bindingRequest, Remote, TestPlane, until, V4 } from './planes.js';

/** Sends datagrams from another process, and blocks this one's event loop meanwhile. */
function floodWhileBlocked(options: {
  port: number;
  datagram: Uint8Array;
  count: number;
  from?: TransportAddress;
}): void {
  const program = `
    const { port, hex, count, from } = JSON.parse(process.argv[1]);
    const socket = require('node:dgram').createSocket('udp4');
    const data = Buffer.from(hex, 'hex');
    socket.bind(from.port, from.address, async () => {
      for (let i = 0; i < count; i++) await new Promise((sent) => socket.send(data, port, sent));
      socket.close();
    });
  `;
  const { port, datagram, count, from = V4 } = options;
  const input = { port, count, from, hex: Buffer.from(datagram).toString('hex') };
  spawnSync(process.execPath, ['-e', program, JSON.stringify(input)]);
}

/** Begins as no protocol does. */
const JUNK = Buffer.of(0xff, 1, 2, 3);

/**
 * Waits until the only worker has read everything in its client socket's buffer. The kernel may
 * have dropped a part of a flood, but the rest is read in order.
 */
async function readAll(relay: TestPlane): Promise<void> {
  const remote = await Remote.open();
  const before = relay.count('client_unknown_protocol');
  await until(() => {
    remote.send(relay.clientAddress(), JUNK);
    return relay.count('client_unknown_protocol') > before;
  });
  remote.close();
}

t.test('each drop is counted by its reason', async (t) => {
  const relay = new TestPlane();
  const remote = await Remote.open();
  const stranger = relay.trunkAddress();
  const stun = (type: number) => {
    const message = bindingRequest().slice();
    message[0] = type >> 8;
    message[1] = type & 0xff;
    return message;
  };
  const cases = [
    ['client_unknown_protocol', relay.clientAddress(), JUNK],
    ['client_unknown_protocol', relay.clientAddress(), Buffer.alloc(0)],
    ['stun_malformed', relay.clientAddress(), stun(0x0001).subarray(0, 19)],
    ['client_stun_response', relay.clientAddress(), stun(0x0101)],
    ['client_stun_response', relay.clientAddress(), stun(0x0111)],
    ['channel_data_malformed', relay.clientAddress(), Buffer.from('400000ff', 'hex')],
    ['channel_unknown', relay.clientAddress(), encodeChannelData(0x4000, Buffer.from('x'))],
    ['trunk_unknown_protocol', stranger, Buffer.from('@junk')],
    ['trunk_malformed', stranger, Buffer.from('11', 'hex')],
    ['trunk_unknown_type', stranger, Buffer.from(`1f${'00'.repeat(27)}`, 'hex')],
    ['trunk_unknown_source', stranger, Buffer.from(`11${'00'.repeat(27)}`, 'hex')],
  ] as const;
  for (const [name, to, data] of cases) {
    const before = relay.count(name);
    remote.send(to, data);
    await until(() => relay.count(name) === before + 1);
    t.pass(name);
  }
  t.same(relay.punted, [], 'nothing is punted');
  t.equal(remote.waiting, 0, 'nothing is answered');
  remote.close();
  await relay.plane.close();
});

/** Returns the number of strangers' datagrams that were dropped instead of punted. */
function strangersDropped(relay: TestPlane): number {
  return relay.count('stranger_queue_full') + relay.count('stranger_over_share');
}

t.test('a full punt queue drops the newest datagrams, and the others arrive', async (t) => {
  const relay = new TestPlane({ workers: 1, puntQueueBytes: 16_384 });
  const count = 2_000;
  const { port } = relay.clientAddress();
  floodWhileBlocked({ port, datagram: bindingRequest(), count });
  await readAll(relay);
  const queued = relay.count('client_punted');
  t.ok(queued > 0 && strangersDropped(relay) > 0, 'some datagrams are queued and some dropped');
  await until(() => relay.punted.length === queued);
  const remote = await Remote.open();
  await relay.meet(remote);
  t.pass('the queue is usable again');
  remote.close();
  await relay.plane.close();
});

t.test('strangers cannot fill the queue that relays use', async (t) => {
  const relay = new TestPlane({ workers: 1, puntQueueBytes: 16_384 });
  const other = await Remote.open();
  relay.join(1, other.address);
  const datagram = bindingRequest();
  floodWhileBlocked({ port: relay.clientAddress().port, datagram, count: 1_000 });
  floodWhileBlocked({ port: relay.trunkAddress().port, datagram, count: 1_000 });
  // They are sent before the event loop drains the queue.
  for (let i = 0; i < 10; i++) other.send(relay.trunkAddress(), datagram);
  const fromRelay = () =>
    relay.punted.filter(({ tuple }) => sameAddress(tuple.remote, other.address)).length;
  await until(() => fromRelay() === 10);
  t.ok(strangersDropped(relay) > 0);
  t.equal(relay.count('punt_queue_full') + relay.count('punt_over_share'), 0);
  other.close();
  await relay.plane.close();
});

t.test('a known client’s datagrams do not wait behind strangers’', async (t) => {
  for (const workers of [1, 2]) {
    const relay = new TestPlane({ workers, puntQueueBytes: 16_384 });
    const peer = await Remote.open();
    const met = await relay.meet(peer);
    relay.plane.putKnownClient(met.worker, met.tuple);
    await relay.settle(peer);
    relay.punted.length = 0;
    const { port } = relay.clientAddress();
    floodWhileBlocked({ port, datagram: bindingRequest(), count: 1_000 });
    await readAll(relay);
    const before = relay.punted.length;
    t.equal(relay.punted.filter(({ known }) => known).length, 0, 'the flood is from strangers');
    for (let i = 0; i < 10; i++) peer.send(relay.clientAddress(), bindingRequest());
    const ofPeer = () => relay.punted.filter(({ known }) => known);
    await until(() => ofPeer().length === 10);
    t.ok(ofPeer().every(({ tuple }) => sameAddress(tuple.remote, peer.address)));
    t.ok(strangersDropped(relay) > 0 && before >= 0);
    relay.plane.removeKnownClient(met.worker, met.tuple);
    await relay.settle(peer);
    relay.punted.length = 0;
    await relay.meet(peer);
    t.notOk(relay.punted[0]?.known, 'a stranger again');
    peer.close();
    await relay.plane.close();
  }
});

t.test('a known client that floods does not use the share of another known client', async (t) => {
  const relay = new TestPlane({ workers: 1, puntQueueBytes: 65_536 });
  const flooding = await Remote.open({ address: ownLoopback(), port: 0 });
  const other = await Remote.open();
  for (const remote of [flooding, other]) {
    const { worker, tuple } = await relay.meet(remote);
    relay.plane.putKnownClient(worker, tuple);
    await relay.settle(remote);
  }
  relay.punted.length = 0;
  const from = flooding.address;
  flooding.close();
  const to = relay.clientAddress().port;
  floodWhileBlocked({ port: to, datagram: bindingRequest(), count: 2_000, from });
  for (let i = 0; i < 10; i++) other.send(relay.clientAddress(), bindingRequest());
  const ofOther = () =>
    relay.punted.filter(({ known, tuple }) => known && sameAddress(tuple.remote, other.address));
  await until(() => ofOther().length === 10);
  t.ok(relay.count('punt_over_share') > 0);
  t.equal(relay.count('punt_queue_full'), 0);
  other.close();
  await relay.plane.close();
});

t.test('known clients’ datagrams come first in a batch', async (t) => {
  const relay = new TestPlane({ workers: 1 });
  const peer = await Remote.open();
  const met = await relay.meet(peer);
  relay.plane.putKnownClient(met.worker, met.tuple);
  await relay.settle(peer);
  relay.punted.length = 0;
  const datagram = bindingRequest();
  floodWhileBlocked({ port: relay.clientAddress().port, datagram, count: 500 });
  peer.send(relay.clientAddress(), datagram);
  // The socket sends in the next tick. Then this thread blocks while the worker reads.
  await new Promise<void>((resolve) => process.nextTick(() => process.nextTick(resolve)));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  await until(() => relay.punted.some(({ known }) => known));
  const position = relay.punted.findIndex(({ known }) => known);
  t.ok(position <= 3 * STRANGERS_PER_TURN_MAX, `after ${position} of 500 strangers`);
  peer.close();
  await relay.plane.close();
});

t.test('workersSilentMs is 0 for a worker that has answered the last question', async (t) => {
  const relay = new TestPlane({ workers: 2 });
  t.same(relay.plane.workersSilentMs(), [0, 0]);
  await until(() => relay.count('commands_applied') === 2);
  t.same(relay.plane.workersSilentMs(), [0, 0]);
  await until(() => relay.count('commands_applied') === 4);
  await relay.plane.close();
  t.same(relay.plane.workersSilentMs(), [], 'empty after close');
});

t.test('a backlog is punted in batches of at most STRANGERS_PER_TURN_MAX', async (t) => {
  const batches: number[] = [];
  const relay = new TestPlane({ workers: 1 });
  const { punted } = relay;
  const push = punted.push.bind(punted);
  punted.push = (...datagrams) => {
    batches.push(datagrams.length);
    return push(...datagrams);
  };
  const count = 1_500;
  floodWhileBlocked({ port: relay.clientAddress().port, datagram: bindingRequest(), count });
  await readAll(relay);
  await until(() => punted.length === relay.count('client_punted'));
  t.ok(punted.length > STRANGERS_PER_TURN_MAX, 'more than one batch');
  t.ok(batches.every((length) => length <= STRANGERS_PER_TURN_MAX));
  await relay.plane.close();
});

t.test('a datagram of puntBytesMax is punted, and a longer one dropped', async (t) => {
  const relay = new TestPlane();
  const remote = await Remote.open();
  const ofSize = (bytes: number) => {
    const message = Buffer.alloc(bytes);
    message.set(bindingRequest());
    message.writeUInt16BE(bytes - 20, 2);
    return message;
  };
  remote.send(relay.clientAddress(), ofSize(DATA_PLANE_LIMITS.puntBytesMax + 4));
  await until(() => relay.count('punt_oversize') === 1);
  remote.send(relay.clientAddress(), ofSize(DATA_PLANE_LIMITS.puntBytesMax));
  await until(() => relay.punted.length === 1);
  t.same(Buffer.from(relay.punted[0]?.data ?? []), ofSize(DATA_PLANE_LIMITS.puntBytesMax));
  remote.close();
  await relay.plane.close();
});

t.test(
  'after random datagrams to its ports the plane still punts, and it has sent nothing',
  async (t) => {
    const relay = new TestPlane();
    const remote = await Remote.open();
    relay.join(1, remote.address);
    const firstBytes = [0x00, 0x01, 0x10, 0x11, 0x12, 0x13, 0x1f, 0x40, 0x4f, 0xff];
    for (let round = 0; round < 3_000; round++) {
      const data = randomBytes(round % 97);
      if (data.length > 0) data[0] = firstBytes[round % firstBytes.length] ?? 0;
      remote.send(round % 2 === 0 ? relay.clientAddress() : relay.trunkAddress(), data);
      if (round % 50 === 0) await new Promise(setImmediate);
    }
    const { worker } = await relay.meet(remote);
    t.ok(worker >= 0, 'still punts');
    t.equal(relay.count('client_tx_packets') + relay.count('trunk_tx_packets'), 0);
    remote.close();
    await relay.plane.close();
  },
);
