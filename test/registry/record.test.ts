import t from 'tap';
import { canonicalRecord, claimedAddresses } from '../../src/registry/record.js';
import { relayRecord } from '../directory/fixtures.js';

t.test('addresses become canonical and are listed once', async (t) => {
  const given = {
    ...relayRecord('fra-1', 1),
    surprise: true,
    serviceAddresses: [
      { address: '::ffff:192.0.2.1', port: 3478 },
      { address: '192.0.2.1', port: 3478 },
      { address: '2001:DB8:0:0::1', port: 3478 },
    ],
  };
  const result = canonicalRecord(given);
  t.ok(result.ok);
  if (!result.ok) return;
  t.same(result.record.serviceAddresses, [
    { address: '192.0.2.1', port: 3478 },
    { address: '2001:db8::1', port: 3478 },
  ]);
  t.notOk('surprise' in result.record, 'members that a record does not have are dropped');
});

t.test('addresses that no host can have are refused', async (t) => {
  const bad = [
    '0.0.0.0',
    '::',
    '224.0.0.1',
    '255.255.255.255',
    'ff02::1',
    '240.0.0.1',
    '0.1.2.3',
    'fe80::1%eth0',
  ];
  const worse = ['example.org', '1.2.3', '::ffff:0.0.0.0', '::ffff:224.0.0.1', ''];
  for (const address of [...bad, ...worse]) {
    for (const kind of ['serviceAddresses', 'trunkAddresses', 'trunkSources'] as const) {
      const record = relayRecord('fra-1', 1, { [kind]: [{ address, port: 1 }] });
      const result = canonicalRecord(record);
      t.match(result, { ok: false, reason: kind }, `${kind} ${address}`);
    }
  }
});

t.test('claimedAddresses has service and trunk addresses with their kind', async (t) => {
  const record = relayRecord('fra-1', 1, {
    trunkSources: [{ address: '2001:db8::1', port: 9 }],
  });
  t.same(claimedAddresses(record), [
    'service 10.0.0.1:3478',
    'trunk 10.0.0.1:3480',
    'trunk [2001:db8::1]:9',
  ]);
});
