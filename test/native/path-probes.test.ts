import t from 'tap';
import { familyOf, type TransportAddress } from '../../src/address.js';
import { utcDay } from '../../src/auth/keys.js';
import { listenerHandle } from '../../src/native/transport-handle.js';
import type { RemoteRelayEntry } from '../../src/native/types.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { decodeTrunkDatagram, type TrunkDatagram } from '../../src/trunk/datagram.js';
import { encodeTrunkDatagram } from '../trunk/encode-datagram.js';
import { KEY, Remote, TestPlane, until, V4, V6 } from './planes.js';

const RELAY_INDEX = 3;
const CHANNEL = 0x4000;
const today = () => utcDay(Date.now());

function relayAt(
  destination: TransportAddress,
  more: Partial<RemoteRelayEntry> = {},
): RemoteRelayEntry {
  const keys = [{ epoch: today(), key: KEY }];
  return {
    sources: [destination],
    socket: 0,
    destination,
    sendKeys: keys,
    receiveKeys: keys,
    recordsMax: 8,
    ...more,
  };
}

/** Receives and decodes a trunk datagram at a socket that stands in for a relay. */
async function arrived(remote: Remote) {
  const { data, source } = await remote.receiveFrom();
  const decoded = decodeTrunkDatagram(data);
  if (!decoded.ok) throw new Error(decoded.fault);
  return { datagram: decoded.datagram, bytes: data.length, source };
}

let sequence = 1n;
const encode = (body: object, lane = 112) =>
  encodeTrunkDatagram(
    { lane, epoch: today(), sequence: ++sequence, ...body } as TrunkDatagram,
    KEY,
  );

for (const address of [V4, V6]) {
  t.test(`IPv${familyOf(address)}: a padded probe gets a reply on its path`, async (t) => {
    const left = new TestPlane({ trunkAddresses: [address] });
    const right = new TestPlane({ trunkAddresses: [address] });
    left.joinPlane(RELAY_INDEX, right);
    const from = left.trunkAddress();
    const lanes = left.plane.trunkLanePorts[0]?.map((port) => ({ ...from, port })) ?? [];
    right.plane.putRemoteRelay(
      RELAY_INDEX,
      relayAt(from, {
        sources: [from, ...lanes],
        paths: [{ socket: 0, remote: from, heard: 'unanswered' }],
      }),
    );
    const witness = await Remote.open();
    await right.settle(witness);
    witness.close();
    const remote = right.trunkAddress();
    const tuple = { handle: listenerHandle('trunk', 0), remote };
    left.plane.probe(RELAY_INDEX, 1, { tuple, bytes: 36 });
    left.plane.probe(RELAY_INDEX, 2, { tuple, bytes: 1_452 });
    left.plane.probe(RELAY_INDEX, 3, { tuple, bytes: 9_000, worker: 0 });
    left.plane.probe(RELAY_INDEX, 4, { tuple, bytes: 36, worker: 1 });
    left.plane.probe(RELAY_INDEX, 5, { tuple });
    await until(() => left.events.length === 5);
    const replies = left.events.filter(({ type }) => type === 'path-probe-reply');
    t.same(
      replies.map((reply) => 'relayIndex' in reply && reply.relayIndex),
      [RELAY_INDEX, RELAY_INDEX, RELAY_INDEX, RELAY_INDEX],
    );
    for (const number of [1, 2, 3, 4]) {
      const reply = replies.find((each) => 'number' in each && each.number === number);
      t.match(reply, { socket: 0, remote, heard: 'unanswered' }, `probe ${number}`);
    }
    left.plane.probe(RELAY_INDEX, 6, { tuple, bytes: 36 });
    await until(() => left.events.length === 6);
    const received = new Map(
      left.events.flatMap((event) =>
        event.type === 'path-probe-reply' ? [[event.number, event.received]] : [],
      ),
    );
    // Only probes without padding from the trunk port are counted, and only by their own path.
    t.same(
      [1, 2, 3, 4, 6].map((number) => received.get(number)),
      [1, undefined, undefined, undefined, 2],
    );
    t.ok(left.events.some((event) => event.type === 'probe-reply' && event.number === 5));
    t.equal(right.count('trunk_probe'), 6);
    await left.plane.close();
    await right.plane.close();
  });
}

t.test('a probe is sent unfragmented from the given worker’s port, or not sent', async (t) => {
  const test = new TestPlane();
  const relay = await Remote.open();
  const tuple = { handle: listenerHandle('trunk', 0), remote: relay.address };
  const path = { socket: 0, remote: relay.address, heard: 'answered' as const };
  test.plane.putRemoteRelay(RELAY_INDEX, relayAt(relay.address, { paths: [path] }));
  const ports = test.plane.trunkLanePorts[0] ?? [];
  test.plane.probe(RELAY_INDEX, 7, { tuple, bytes: 1_200, worker: 1 });
  const lane = await arrived(relay);
  t.equal(lane.source.port, ports[1]);
  t.match(lane, { bytes: 1_200, datagram: { type: 'path-probe', number: 7, heard: 'answered' } });
  t.equal(lane.datagram.lane, 113, 'the probe lane of worker 1');
  test.plane.probe(RELAY_INDEX, 8, { tuple, bytes: 36 });
  t.equal((await arrived(relay)).source.port, test.trunkAddress().port);
  // Loopback's MTU is 65,536.
  test.plane.probe(RELAY_INDEX, 9, { tuple, bytes: 65_527 });
  await until(() => test.count('probes_too_long') === 1);
  await until(() => test.count('probes_sent') === 2);
  t.equal(test.count('send_errors'), 0);
  for (const bad of [
    { tuple, bytes: 35 },
    { tuple, bytes: 65_528 },
    { tuple, bytes: 36.5 },
    { tuple, bytes: 36, worker: 2 },
    { tuple, worker: -1 },
  ]) {
    t.throws(() => test.plane.probe(RELAY_INDEX, 1, bad), { code: 'ERR_TURNPIKE_ARGUMENT' });
  }
  const elsewhere = { handle: listenerHandle('trunk', 0), remote: { address: '::1', port: 9 } };
  t.throws(() => test.plane.probe(RELAY_INDEX, 1, { tuple: elsewhere, bytes: 36 }), {
    code: 'ERR_TURNPIKE_ADDRESS',
  });
  relay.close();
  await test.plane.close();
});

t.test(
  'data has the lane and source port of the remote relay’s lane set and closed lanes',
  async (t) => {
    const plane = new TestPlane();
    const relay = await Remote.open();
    const peer = await Remote.open();
    const put = (more: Partial<RemoteRelayEntry>) =>
      plane.plane.putRemoteRelay(RELAY_INDEX, relayAt(relay.address, more));
    put({});
    const { tuple, worker } = await plane.meet(peer);
    const flow = { worker, tuple, channel: CHANNEL };
    plane.plane.putClientFlow(flow, { type: 'trunk', relayIndex: RELAY_INDEX, sessionIndex: 1 });
    await plane.settle(peer);
    const send = async () => {
      await plane.settle(peer);
      peer.send(plane.clientAddress(), encodeChannelData(CHANNEL, Buffer.from('x')));
      return arrived(relay);
    };
    const lanePort = plane.plane.trunkLanePorts[0]?.[worker];
    const first = await send();
    t.same([first.datagram.lane, first.source.port], [worker, lanePort]);
    put({ laneSet: 6, lanesClosed: [worker] });
    const moved = await send();
    t.same([moved.datagram.lane, moved.source.port], [96 + worker, plane.trunkAddress().port]);
    t.equal(moved.datagram.sequence, first.datagram.sequence + 1n, 'one sequence for all lanes');
    put({ lanesClosed: [1 - worker] });
    t.equal((await send()).source.port, lanePort, 'another worker’s closed lane has no effect');

    for (const bad of [
      { laneSet: 7 },
      { laneSet: -1 },
      { lanesClosed: [2] },
      { bundleBytesMax: 507 },
      { bundleBytesMax: 65_528 },
      { paths: Array(17).fill({ socket: 0, remote: relay.address, heard: 'answered' }) },
    ]) {
      t.throws(() => put(bad), { code: 'ERR_TURNPIKE_ARGUMENT' }, JSON.stringify(bad));
    }
    relay.close();
    peer.close();
    await plane.plane.close();
  },
);

t.test(
  'trunk datagrams from an unregistered port of a relay are punted at a limited rate',
  async (t) => {
    const plane = new TestPlane({ workers: 1 });
    const relay = await Remote.open();
    const stranger = await Remote.open();
    const probe = encode({
      type: 'path-probe',
      timestampNs: 1n,
      number: 1,
      heard: 'unknown',
      probeBytes: 36,
    });
    stranger.send(plane.trunkAddress(), probe);
    await until(() => plane.count('trunk_unknown_source') === 1);
    t.same(plane.punted, [], 'not without a relay at that address');

    plane.plane.putRemoteRelay(RELAY_INDEX, relayAt(relay.address));
    await plane.settle(relay);
    for (let i = 0; i < 100; i++) stranger.send(plane.trunkAddress(), probe);
    await until(() => plane.count('trunk_unknown_source') === 101);
    await until(() => plane.punted.length > 0);
    // The datagrams may arrive in two seconds, each of which has its budget.
    t.ok(plane.punted.length <= 20, `${plane.punted.length} of 100`);
    t.match(plane.punted[0], { side: 'trunk', tuple: { remote: stranger.address } });
    t.same(Buffer.from(plane.punted[0]?.data ?? []), Buffer.from(probe));

    plane.plane.removeRemoteRelay(RELAY_INDEX);
    await plane.settle(relay);
    const before = plane.punted.length;
    stranger.send(plane.trunkAddress(), probe);
    await until(() => plane.count('trunk_unknown_source') === 102);
    t.equal(plane.punted.length, before, 'not after the removal of the relay');
    relay.close();
    stranger.close();
    await plane.plane.close();
  },
);

t.test('a lane port takes only replies to probes', async (t) => {
  const plane = new TestPlane();
  const relay = await Remote.open();
  plane.plane.putRemoteRelay(RELAY_INDEX, relayAt(relay.address));
  await plane.settle(relay);
  const to = { ...plane.trunkAddress(), port: plane.plane.trunkLanePorts[0]?.[0] ?? 0 };
  const data = { type: 'data', records: [{ sessionIndex: 1, sessionSequence: 0, payload: KEY }] };
  relay.send(to, encode(data, 0));
  relay.send(to, Buffer.from('junk'));
  relay.send(
    to,
    encode({
      type: 'path-probe-reply',
      timestampNs: 1n,
      number: 1,
      heard: 'answered',
      probeBytes: 36,
    }),
  );
  await until(() => plane.count('trunk_probe_stale') === 1);
  t.equal(plane.count('trunk_data'), 0);
  t.equal(plane.count('trunk_rx_packets'), 1);
  t.equal(plane.count('receive_dropped'), 0);
  relay.close();
  await plane.plane.close();
});
