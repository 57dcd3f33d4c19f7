import t from 'tap';
import {
  isTransportHandle,
  listenerHandle,
  listenerOf,
  type TransportHandle,
  transportOf,
} from '../../src/native/transport-handle.js';
import { bindingRequest, Remote, TestPlane, V4 } from './planes.js';

const SIDES = ['client', 'trunk'] as const;

t.test('handles of listeners differ, are safe integers, and give side and index', async (t) => {
  const all = new Set<number>();
  for (const side of SIDES) {
    for (let index = 0; index < 16; index++) {
      const handle = listenerHandle(side, index);
      all.add(handle);
      t.ok(Number.isSafeInteger(handle));
      t.ok(isTransportHandle(handle));
      t.equal(transportOf(handle), 'udp');
      t.same(listenerOf(handle), { side, index });
    }
  }
  t.equal(all.size, 32);
});

t.test('an invalid index of a listener throws', async (t) => {
  for (const index of [-1, 16, 0.5, Number.NaN]) {
    t.throws(() => listenerHandle('client', index), { code: 'ERR_TURNPIKE_ADDRESS' });
  }
});

t.test('a number that is not a listener’s handle gives undefined', async (t) => {
  const first = listenerHandle('client', 0);
  for (const number of [0, first - 1, first + 32, first + 2 ** 16, 2 ** 48]) {
    t.equal(listenerOf(number as TransportHandle), undefined);
  }
  for (const given of [0, 1, -1, 2 ** 48, 0.5, '1', undefined]) t.notOk(isTransportHandle(given));
});

t.test('a datagram is answered from the listener that received it', async (t) => {
  const plane = new TestPlane({ clientAddresses: [V4, V4] });
  t.teardown(() => plane.plane.close());
  const remote = await Remote.open();
  t.teardown(() => remote.close());
  for (const index of [1, 0]) {
    const { tuple } = await plane.meet(remote, index);
    t.equal(tuple.handle, listenerHandle('client', index));
    plane.plane.send([{ side: 'client', tuple, data: bindingRequest() }]);
    t.same((await remote.receiveFrom()).source, plane.clientAddress(index));
  }
});

t.test('send refuses a handle of another worker, generation or side', async (t) => {
  const { plane } = new TestPlane();
  t.teardown(() => plane.close());
  const data = bindingRequest();
  const remote = { address: '127.0.0.1', port: 9 };
  const listener = listenerHandle('client', 0);
  const others = [listener - 2 ** 40, listener + 2 ** 16, listenerHandle('trunk', 0)];
  for (const handle of others as TransportHandle[]) {
    const datagram = { side: 'client', tuple: { handle, remote }, data } as const;
    t.throws(() => plane.send([datagram]), { code: 'ERR_TURNPIKE_ADDRESS' });
  }
  t.equal(plane.counters().control_sent, 0n);
});
