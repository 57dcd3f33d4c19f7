import t from 'tap';
import { isTurnpikeError } from '../../src/errors.js';
import { PEER_PREFIXES_MAX, PeerPolicy } from '../../src/turn/peer-policy.js';

const PUBLIC_4 = '8.8.8.8';
const PUBLIC_6 = '2606:4700::1111';

/** Addresses that the default refuses, by reason. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.1', '127.0.0.2', '127.255.255.255', '::1'],
  unspecified: ['0.0.0.0', '::', '0.1.2.3'],
  'link-local': ['169.254.0.1', 'fe80::1', 'febf::1'],
  'metadata services': [
    '169.254.169.254',
    'fd00:ec2::254',
    '169.254.170.2',
    '100.100.100.200',
    '192.0.0.192',
    '168.63.129.16',
    'fd20:ce::254',
    'fd00:42::42',
  ],
  private: ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1'],
  shared: ['100.64.0.1', '100.127.255.255'],
  'unique local': ['fc00::1', 'fdff::1'],
  'site-local': ['fec0::1'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ff0e::1'],
  broadcast: ['255.255.255.255'],
  reserved: ['240.0.0.1', '192.0.0.1', '192.88.99.1', '192.31.196.1', '192.52.193.1'],
  benchmarking: ['198.18.0.1', '198.19.255.255', '2001:2::1'],
  documentation: ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1'],
  'no global unicast': ['100::1', '64:ff9b:1::1', '5f00::1', '4000::1', '2001:20::1', '2001:10::1'],
};

/** The forms in which an IPv6 address embeds an IPv4 address. */
const FORMS: Readonly<Record<string, (ipv4: string) => string>> = {
  'IPv4-mapped': (ip) => `::ffff:${ip}`,
  'IPv4-mapped, long': (ip) => `0:0:0:0:0:FFFF:${hex(ip)}`,
  'IPv4-compatible': (ip) => `::${ip}`,
  'IPv4-translated': (ip) => `::ffff:0:${ip}`,
  NAT64: (ip) => `64:ff9b::${ip}`,
  'NAT64, long': (ip) => `0064:FF9B:0000:0000:0000:0000:${hex(ip)}`,
  'NAT64, local use': (ip) => `64:ff9b:1::${ip}`,
  '6to4': (ip) => `2002:${hex(ip)}::1`,
  'Teredo, server': (ip) => `2001:0:${hex(ip)}:0:ffff:${hex('247.247.247.247')}`,
  'Teredo, client': (ip) => `2001:0:${hex(PUBLIC_4)}:0:ffff:${hex(inverted(ip))}`,
  ISATAP: (ip) => `2606:4700::5efe:${ip}`,
  'ISATAP, universal': (ip) => `2606:4700::200:5efe:${ip}`,
};

function parts(ipv4: string): number[] {
  return ipv4.split('.').map(Number);
}

function hex(ipv4: string): string {
  const [a, b, c, d] = parts(ipv4).map((byte) => byte.toString(16).padStart(2, '0'));
  return `${a}${b}:${c}${d}`;
}

function inverted(ipv4: string): string {
  return parts(ipv4)
    .map((byte) => 255 - byte)
    .join('.');
}

t.test('public addresses are allowed, special ones are refused', async (t) => {
  const policy = new PeerPolicy();
  for (const ip of [
    ...[PUBLIC_4, '1.0.0.0', '9.255.255.255', '11.0.0.0', '172.15.255.255', '172.32.0.0'],
    ...['100.63.255.255', '100.128.0.0', '128.0.0.0', '169.253.255.255', '223.255.255.255'],
    ...[PUBLIC_6, '2001:4860:4860::8888', '2a00::1', '3ffe::1'],
  ]) {
    t.equal(policy.check(ip), 'allowed', ip);
  }
  for (const [reason, addresses] of Object.entries(REFUSED)) {
    for (const ip of addresses) t.equal(policy.check(ip), 'denied', `${reason} ${ip}`);
  }
});

t.test(
  'CVE-2020-26262, CVE-2026-27624, CVE-2026-53450: no form of a refused address is allowed',
  async (t) => {
    const policy = new PeerPolicy();
    const refused = Object.values(REFUSED)
      .flat()
      .filter((ip) => !ip.includes(':'));
    t.ok(refused.length > 20);
    for (const [form, write] of Object.entries(FORMS)) {
      for (const ip of refused) t.equal(policy.check(write(ip)), 'denied', `${form} of ${ip}`);
    }
  },
);

t.test(
  'a form of a public address is judged as that, where the form itself is allowed',
  async (t) => {
    const policy = new PeerPolicy();
    for (const form of [
      'IPv4-mapped',
      'NAT64',
      '6to4',
      'Teredo, server',
      'Teredo, client',
      'ISATAP',
    ]) {
      t.equal(policy.check(FORMS[form]?.(PUBLIC_4) ?? ''), 'allowed', form);
    }
    for (const form of ['IPv4-compatible', 'IPv4-translated', 'NAT64, local use']) {
      t.equal(policy.check(FORMS[form]?.(PUBLIC_4) ?? ''), 'denied', form);
    }
  },
);

t.test('no default allows what the list refuses, however wide its entry', async (t) => {
  const deny = ['0.0.0.0/0', '::/0', '2001::/23'];
  const all = new PeerPolicy({ deny, allow: ['8.8.8.0/24', '10.1.0.0/16'], allowPrivate: true });
  for (const ip of [
    '9.9.9.9',
    '10.0.0.1',
    '192.168.0.1',
    PUBLIC_6,
    'fd00::1',
    '64:ff9b::808:808',
  ]) {
    t.equal(all.check(ip), 'denied', ip);
  }
  for (const ip of [PUBLIC_4, '10.1.2.3']) t.equal(all.check(ip), 'allowed', ip);
  const half = new PeerPolicy({ deny: ['0.0.0.0/1'], allowPrivate: true });
  t.equal(half.check('10.0.0.1'), 'denied');
  t.equal(half.check('192.168.0.1'), 'allowed');
});

t.test('a denied range is denied in every form', async (t) => {
  const policy = new PeerPolicy({ deny: ['8.8.0.0/16'], allow: ['::/0', '64:ff9b:1::/48'] });
  t.equal(policy.check('9.9.9.9'), 'allowed');
  t.equal(policy.check(PUBLIC_4), 'denied');
  for (const [form, write] of Object.entries(FORMS)) {
    t.equal(policy.check(write(PUBLIC_4)), 'denied', form);
  }
});

t.test('a NAT64 prefix for local use is read at every length of RFC 6052', async (t) => {
  const policy = new PeerPolicy({ allow: ['64:ff9b:1::/48'] });
  const loopback: [length: number, ip: string][] = [
    [48, '64:ff9b:1:7f00:0:100::'],
    [56, '64:ff9b:1:ab7f:0:1::'],
    [64, '64:ff9b:1:abcd:7f:0:100:0'],
    [96, '64:ff9b:1:abcd:ef:1:7f00:1'],
  ];
  for (const [length, ip] of loopback) t.equal(policy.check(ip), 'denied', `/${length} ${ip}`);
  t.equal(policy.check('64:ff9b:1:808:8:800::'), 'allowed', '8.8.8.8 behind /48');
  t.equal(policy.check('64:ff9b:1::8.8.8.8'), 'allowed', '8.8.8.8 behind /96');
  t.equal(policy.check('64:ff9b:1::'), 'denied', '0.0.0.0');
});

t.test('anything but an IP address is refused', async (t) => {
  const policy = new PeerPolicy({ allow: ['0.0.0.0/0', '::/0'] });
  for (const text of [
    ...['', ' ', 'localhost', '127.1', '0x7f.0.0.1', '0177.0.0.1', '2130706433', '8.8.8.8 '],
    ...['8.8.8.8:53', '[::1]', 'fe80::1%eth0', '8.8.8.8/32', '8.8.8.08', '1.2.3.4.5', ':::', '\0'],
  ]) {
    t.equal(policy.check(text), 'denied', JSON.stringify(text));
  }
  t.equal(policy.check(undefined as unknown as string), 'denied');
});

t.test('the longest prefix decides; of two with one length, that which allows', async (t) => {
  const policy = new PeerPolicy({
    allow: ['10.1.0.0/16', '8.8.8.8', '9.9.0.0/16', '0.0.0.0/0', '169.254.0.0/16'],
    deny: ['10.1.2.0/24', '8.8.8.0/24', '9.9.0.0/16', '1.1.1.1'],
  });
  const expected: Record<string, 'allowed' | 'denied'> = {
    '10.1.0.1': 'allowed',
    '10.1.2.1': 'denied',
    '10.2.0.1': 'denied',
    '8.8.8.8': 'allowed',
    '8.8.8.9': 'denied',
    '9.9.9.9': 'allowed',
    '1.1.1.1': 'denied',
    '1.1.1.2': 'allowed',
    '127.0.0.1': 'denied',
    '169.254.0.1': 'allowed',
    '169.254.169.254': 'denied',
  };
  for (const [ip, verdict] of Object.entries(expected)) t.equal(policy.check(ip), verdict, ip);
});

t.test('private peers are allowed by one option, without loopback and metadata', async (t) => {
  const policy = new PeerPolicy({ allowPrivate: true, deny: ['10.9.0.0/16', '192.168.0.0/16'] });
  for (const reason of ['private', 'shared', 'unique local']) {
    const expected = (ip: string) => (ip.startsWith('192.') ? 'denied' : 'allowed');
    for (const ip of REFUSED[reason] ?? []) t.equal(policy.check(ip), expected(ip), ip);
  }
  for (const reason of ['loopback', 'link-local', 'metadata services', 'multicast', 'broadcast']) {
    for (const ip of REFUSED[reason] ?? []) t.equal(policy.check(ip), 'denied', ip);
  }
  t.equal(policy.check('10.9.0.1'), 'denied');
  t.equal(policy.check('::ffff:172.16.1.1'), 'allowed');
  t.equal(policy.check('64:ff9b::172.16.1.1'), 'allowed');
});

t.test("a server's own addresses are refused in every form, and replaced", async (t) => {
  const policy = new PeerPolicy({ own: [PUBLIC_4, PUBLIC_6], allow: ['8.0.0.0/8'] });
  t.equal(policy.check(PUBLIC_4), 'denied');
  t.equal(policy.check(PUBLIC_6), 'denied');
  t.equal(policy.check('2606:4700:0::1111'), 'denied');
  for (const [form, write] of Object.entries(FORMS)) {
    t.equal(policy.check(write(PUBLIC_4)), 'denied', form);
  }
  const later = policy.withOwn(['8.8.4.4']);
  t.equal(later.check(PUBLIC_4), 'allowed');
  t.equal(later.check('8.8.4.4'), 'denied');
  t.equal(new PeerPolicy({ own: [PUBLIC_4], allow: [PUBLIC_4] }).check(PUBLIC_4), 'allowed');
});

t.test(
  "lists take single addresses, prefixes and coturn's ranges, in every spelling",
  async (t) => {
    const policy = new PeerPolicy({
      allow: ['10.0.0.5-10.0.1.4', 'fd00::1-fd00::3', '::ffff:192.168.0.0/112', ' 10.9.9.9 '],
      deny: ['8.8.8.9/24', '2606:4700::/32'],
    });
    const expected: Record<string, 'allowed' | 'denied'> = {
      '10.0.0.4': 'denied',
      '10.0.0.5': 'allowed',
      '10.0.0.255': 'allowed',
      '10.0.1.4': 'allowed',
      '10.0.1.5': 'denied',
      '10.9.9.9': 'allowed',
      'fd00::': 'denied',
      'fd00::1': 'allowed',
      'fd00::3': 'allowed',
      'fd00::4': 'denied',
      '192.168.255.1': 'allowed',
      [PUBLIC_4]: 'denied',
      [PUBLIC_6]: 'denied',
      '8.8.9.8': 'allowed',
    };
    for (const [ip, verdict] of Object.entries(expected)) t.equal(policy.check(ip), verdict, ip);
    const all = new PeerPolicy({ deny: ['0.0.0.0-255.255.255.255'] });
    t.equal(all.check(PUBLIC_4), 'denied');
    t.equal(all.check(PUBLIC_6), 'allowed', 'the families are apart');
  },
);

t.test('a malformed entry is an error that shows it', async (t) => {
  for (const entry of [
    ...['', 'localhost', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/', '10.0.0.0/8/8', '10/8'],
    ...['::/129', '::ffff:10.0.0.0/95', '10.0.0.2-10.0.0.1', '10.0.0.1-::1', '1.1.1.1-2.2.2.2-3'],
    ...['10.0.0.1-', 'fe80::1%eth0', '10.0.0.0/8x'],
  ]) {
    const error = t.throws(() => new PeerPolicy({ deny: [entry] }), entry);
    t.ok(isTurnpikeError(error, 'ERR_TURNPIKE_CONFIG'), entry);
    t.ok((error as Error).message.includes(`got "${entry}": `), entry);
  }
  const error = t.throws(() => new PeerPolicy({ allow: [7 as unknown as string] }));
  t.ok(isTurnpikeError(error, 'ERR_TURNPIKE_CONFIG'));
});

t.test('the lists are bounded', async (t) => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  t.equal(new PeerPolicy({ allow: many(PEER_PREFIXES_MAX) }).check('10.0.15.255'), 'allowed');
  const error = t.throws(() => new PeerPolicy({ allow: many(PEER_PREFIXES_MAX + 1) }));
  t.ok(isTurnpikeError(error, 'ERR_TURNPIKE_CONFIG'));
});
