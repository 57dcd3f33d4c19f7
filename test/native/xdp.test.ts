import t from 'tap';
import { openDataPlane } from '../../src/native/index.js';

const base = {
  clientAddresses: [{ address: '127.0.0.1', port: 0 }],
  trunkAddresses: [{ address: '127.0.0.1', port: 0 }],
  workers: 1,
  onBatch: () => {},
};

t.test('without the option xdp its status is off, without a reason', async (t) => {
  const plane = openDataPlane(base);
  t.strictSame(plane.xdp, {
    mode: 'off',
    interfaces: [],
    attached: [],
    leftOut: [],
    passedBy: [],
    farEnds: [],
  });
  await plane.close();
});

t.test('where XDP is asked for no relayed port is steered, and the status says why', async (t) => {
  const relayedAddresses = [{ address: '127.0.0.1' }];
  const xdp = { interfaces: ['no-such-device'] };
  const table = [
    [
      { xdp, relayedAddresses },
      { mode: 'off', reason: 'XDP is asked for' },
    ],
    [{ xdp, relayedAddresses, steering: 'off' }, { mode: 'off' }],
    [{ xdp }, { mode: 'off' }],
  ] as const;
  for (const [options, status] of table) {
    const plane = openDataPlane({ ...base, ...options });
    t.strictSame(plane.steering, status);
    await plane.close();
  }
});

t.test('a plane opens without XDP and with the reason if XDP cannot be used', async (t) => {
  const interfaces = ['no-such-device'];
  const plane = openDataPlane({ ...base, xdp: { interfaces, generic: true } });
  const { reason, ...status } = plane.xdp;
  const none = { attached: [], leftOut: [], passedBy: [], farEnds: [] };
  t.strictSame(status, { mode: 'off', interfaces, ...none });
  // The rights are checked before the device.
  t.match(reason, /^(there is no network device no-such-device|XDP needs the rights .*)$/);
  t.equal(plane.counters().client_rx_packets, 0n);
  await plane.close();
});
