import t from 'tap';
import { allocationsLimit, SPARE_DESCRIPTORS } from '../../src/turn-server/allocations-limit.js';
import { parsePortRange, portCount } from '../../src/turn-server/port-range.js';
import {
  parseRelayAddress,
  unreachableRelayAddresses,
} from '../../src/turn-server/relay-addresses.js';
import { clientAddresses, turnUrl } from '../../src/turn-server/turn-urls.js';

t.test('a relay address is one IP, or the bound and the advertised one', async (t) => {
  const table: [string, { address: string; advertised: string }][] = [
    ['192.0.2.1', { address: '192.0.2.1', advertised: '192.0.2.1' }],
    ['10.0.0.5/192.0.2.1', { address: '10.0.0.5', advertised: '192.0.2.1' }],
    ['2001:DB8:0::1', { address: '2001:db8::1', advertised: '2001:db8::1' }],
    ['fd00::5/2001:db8::1', { address: 'fd00::5', advertised: '2001:db8::1' }],
    ['::ffff:10.0.0.5', { address: '10.0.0.5', advertised: '10.0.0.5' }],
    ['auto', { address: 'auto', advertised: 'auto' }],
    ['10.0.0.5/auto', { address: '10.0.0.5', advertised: 'auto' }],
    ['auto/2001:db8::1', { address: 'auto', advertised: '2001:db8::1' }],
  ];
  for (const [text, address] of table) t.strictSame(parseRelayAddress(text), address, text);
});

t.test('a wildcard, two families, more than two and no addresses are refused', async (t) => {
  const code = 'ERR_TURNPIKE_ADDRESS';
  const wrong = [
    '0.0.0.0',
    '::',
    '224.0.0.1',
    '10.0.0.5/2001:db8::1',
    '10.0.0.5/10.0.0.6/10.0.0.7',
  ];
  for (const text of [
    ...wrong,
    '',
    '/',
    'auto/',
    'auto/auto/auto',
    'AUTO',
    'eth0',
    '10.0.0.5/',
    '/10.0.0.5',
    '10.0.0.5:3478',
  ]) {
    t.throws(() => parseRelayAddress(text), { code, message: /^relay address/ }, text);
  }
});

t.test('an advertised address that the Internet cannot reach is found', async (t) => {
  const unreachable = (text: string) =>
    unreachableRelayAddresses([parseRelayAddress(text)]).length > 0;
  for (const ip of [
    '10.0.0.5',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    'fd00::1',
    '127.0.0.1',
  ]) {
    t.ok(unreachable(ip), ip);
  }
  for (const ip of ['198.41.0.4', '2001:503:ba3e::2:30', '10.0.0.5/198.41.0.4']) {
    t.notOk(unreachable(ip), ip);
  }
  t.ok(unreachable('198.41.0.4/10.0.0.5'), 'the advertised address counts');
});

t.test('a range of ports has two ends above 1023 and a pair for EVEN-PORT', async (t) => {
  t.strictSame(parsePortRange('49152-65535'), { min: 49_152, max: 65_535 });
  t.equal(portCount(parsePortRange('49152-65535')), 16_384);
  t.equal(portCount(parsePortRange('50000-50001')), 2);
  t.equal(portCount(parsePortRange('50001-50003')), 3);
  const code = 'ERR_TURNPIKE_CONFIG';
  for (const text of [
    '1023-2000',
    '2000-65536',
    '3000-2000',
    '50000-50000',
    '50001-50002',
    '0-0',
  ]) {
    t.throws(() => parsePortRange(text), { code, message: /^relay ports/ }, text);
  }
});

t.test('the default number of allocations follows the scarcest resource', async (t) => {
  const descriptors = { limit: 20_000, used: 72 };
  const limit = (resources: Partial<Parameters<typeof allocationsLimit>[0]>, wanted?: number) =>
    allocationsLimit({ ports: 16_384, workers: 2, descriptors, ...resources }, wanted);
  t.strictSame(limit({}), { allocationsMax: 16_384, because: 'ports' });
  t.strictSame(limit({ ports: 32_768 }), {
    allocationsMax: 20_000 - 72 - SPARE_DESCRIPTORS,
    because: 'open files',
  });
  t.strictSame(limit({ descriptors: undefined }), { allocationsMax: 16_384, because: 'ports' });
  const unlimited = { limit: Number.POSITIVE_INFINITY, used: 9 };
  t.strictSame(limit({ ports: 65_536, workers: 1, descriptors: unlimited }), {
    allocationsMax: 16_384,
    because: 'threads',
  });
  t.strictSame(limit({ descriptors: { limit: 64, used: 60 } }), {
    allocationsMax: 1,
    because: 'open files',
  });
  t.strictSame(limit({}, 7), { allocationsMax: 7, because: 'option' });
});

t.test('URLs name what clients can reach', async (t) => {
  const urls = (listen: { address: string; port: number }[], ...relay: string[]) =>
    clientAddresses(listen, relay.map(parseRelayAddress)).map(turnUrl);
  const any = [
    { address: '0.0.0.0', port: 3_478 },
    { address: '::', port: 3_478 },
  ];
  t.strictSame(urls(any, '192.0.2.1', '2001:db8::1'), [
    'turn:192.0.2.1:3478?transport=udp',
    'turn:[2001:db8::1]:3478?transport=udp',
  ]);
  t.strictSame(urls(any, '10.0.0.5/192.0.2.1'), ['turn:192.0.2.1:3478?transport=udp']);
  t.strictSame(urls([{ address: '10.0.0.5', port: 3_479 }], '10.0.0.5/192.0.2.1'), [
    'turn:192.0.2.1:3479?transport=udp',
  ]);
  t.strictSame(urls([{ address: '192.0.2.9', port: 3_478 }], '192.0.2.1'), [
    'turn:192.0.2.9:3478?transport=udp',
  ]);
});
