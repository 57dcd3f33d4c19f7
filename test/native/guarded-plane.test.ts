import t, { type Test } from 'tap';
import { guarded } from '../../src/native/guarded-plane.js';
import { openDataPlane } from '../../src/native/index.js';
import { listenerHandle } from '../../src/native/transport-handle.js';
import type { DataPlane, RemoteRelayEntry } from '../../src/native/types.js';

const KEY = new Uint8Array(16).fill(7);

t.test('putRemoteRelay copies its arguments before they wait in a full queue', async (t) => {
  let taken: RemoteRelayEntry | undefined;
  const plane = guarded({
    putRemoteRelay: (_: number, entry: RemoteRelayEntry) => {
      taken = entry;
    },
  } as unknown as DataPlane);
  const given = {
    sources: [{ address: '127.0.0.1', port: 5_000 }],
    ...{ socket: 0, destination: { address: '127.0.0.1', port: 5_000 } },
    sendKeys: [{ epoch: 1, key: KEY.slice() }],
    receiveKeys: [{ epoch: 2, key: KEY.slice() }],
    ...{ recordsMax: 8, lanesClosed: [0] },
    paths: [
      { socket: 0, remote: { address: '127.0.0.1', port: 5_000 }, heard: 'unknown' as const },
    ],
  };
  plane.putRemoteRelay(0, given);
  const before = structuredClone(taken);
  for (const keys of [given.sendKeys, given.receiveKeys]) {
    for (const each of keys) Object.assign(each, { epoch: 9, key: each.key.fill(0) });
    keys.length = 0;
  }
  for (const list of [given.sources, given.paths, given.lanesClosed]) list.length = 0;
  given.destination.port = 1;
  t.strictSame(taken, before);
  t.strictSame(before?.sendKeys, [{ epoch: 1, key: KEY }]);
});

function open(t: Test, clientAddresses: string | string[]) {
  const plane = openDataPlane({
    ...{ clientAddresses, trunkAddresses: '127.0.0.1:0', workers: 1, onBatch: () => {} },
  });
  t.teardown(() => plane.close());
  return plane;
}

const data = new Uint8Array(20);
const to = (remote: string, more = {}) => ({
  handle: listenerHandle('client', 0),
  remote,
  ...more,
});

t.test('a send with one invalid datagram sends none', async (t) => {
  const plane = open(t, '127.0.0.1:0');
  const sound = { side: 'client', tuple: to('127.0.0.1:9'), data } as const;
  const all = [
    [{ ...sound, data: new Uint8Array(65_528) }, 'ERR_TURNPIKE_ARGUMENT'],
    [{ ...sound, tuple: to('[::1]:9') }, 'ERR_TURNPIKE_ADDRESS'],
    [{ ...sound, tuple: to('0.0.0.0:9') }, 'ERR_TURNPIKE_ADDRESS'],
    [{ ...sound, tuple: to('127.0.0.1:0') }, 'ERR_TURNPIKE_ADDRESS'],
    [
      { ...sound, tuple: to('127.0.0.1:9', { handle: listenerHandle('client', 1) }) },
      'ERR_TURNPIKE_ADDRESS',
    ],
    [{ ...sound, tuple: to('127.0.0.1:9', { local: '127.0.0.1' }) }, 'ERR_TURNPIKE_ADDRESS'],
    [{ ...sound, tuple: to('127.0.0.1:9', { local: 'x' }) }, 'ERR_TURNPIKE_ADDRESS'],
  ] as const;
  for (const [refused, code] of all) {
    t.throws(() => plane.send([sound, refused]), { code });
    t.throws(() => plane.send([refused]), { code });
  }
  plane.send([sound, { ...sound, tuple: to('127.0.0.1:9', { local: '::' }) }]);
  const sent = () => Number(plane.counters().control_sent);
  for (let tries = 0; tries < 500 && sent() < 2; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  t.equal(sent(), 2, 'only the two of the valid call');
});

t.test('a wildcard socket takes a local address of its family', async (t) => {
  const plane = open(t, ['0.0.0.0:0', '[::]:0']);
  const side = 'client';
  plane.send([
    { side, tuple: to('127.0.0.1:9', { local: '127.0.0.1' }), data },
    { side, tuple: { ...to('[::1]:9', { local: '::1' }), handle: listenerHandle(side, 1) }, data },
  ]);
  const across = { side, tuple: to('127.0.0.1:9', { local: '::1' }), data } as const;
  t.throws(() => plane.send([across]), { code: 'ERR_TURNPIKE_ADDRESS' });
});
