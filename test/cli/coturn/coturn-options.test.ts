import { readFileSync } from 'node:fs';
import t from 'tap';
import type { HostFacts } from '../../../src/cli/coturn/coturn-addresses.js';
import { parseCoturnFile } from '../../../src/cli/coturn/coturn-file.js';
import { coturnOptions } from '../../../src/cli/coturn/coturn-options.js';

const HOST: HostFacts = { hasIpv6: true, byDefaultRoute: { 4: '10.0.0.5', 6: '2001:db8::5' } };

function read(text: string, given: readonly string[] = [], host = HOST) {
  const { values, problems, remarks } = coturnOptions({
    file: 'turnserver.conf',
    entries: parseCoturnFile('turnserver.conf', text),
    host,
    isGiven: (option) => given.includes(option),
  });
  return {
    values: Object.fromEntries([...values].map(([name, { raw }]) => [name, raw])),
    sources: Object.fromEntries([...values].map(([name, { source }]) => [name, source])),
    problems: [...problems],
    warnings: remarks.filter(({ level }) => level === 'warn').map(({ text: said }) => said),
    infos: remarks.filter(({ level }) => level === 'info').map(({ text: said }) => said),
  };
}

function deployment(name: string) {
  return read(readFileSync(new URL(`deployments/${name}.conf`, import.meta.url), 'utf8'));
}

const TLS_WARNING = /TLS and DTLS are not served: clients need turn: URLs with transport=udp$/;

t.test('Matrix with Synapse', async (t) => {
  const { values, problems, warnings, infos } = deployment('synapse');
  t.strictSame(problems, []);
  t.strictSame(values, {
    listen: ['0.0.0.0:3478', '[::]:3478'],
    authSecret: ['5e7c0f1a9b8d46c2a3f4e5d6c7b8a9f0-matrix'],
    allowPeer: ['10.0.0.1'],
    denyPeer: [
      '10.0.0.0-10.255.255.255',
      '192.168.0.0-192.168.255.255',
      '172.16.0.0-172.31.255.255',
      '0.0.0.0-0.255.255.255',
      '100.64.0.0-100.127.255.255',
      '169.254.0.0-169.254.255.255',
      '240.0.0.0-255.255.255.255',
      '::1',
      '64:ff9b::-64:ff9b::ffff:ffff',
      'fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    ],
    realm: 'turn.matrix.example.org',
    userQuota: 12,
    allocations: 1_200,
  });
  t.match(warnings, [TLS_WARNING, /^coturn serves TCP too/]);
  t.match(warnings[0], /^turnserver\.conf: tls-listening-port \(line 3\), cert \(line 32\), pkey/);
  t.ok(infos.some((text) => /an IPv4-mapped peer is judged as the IPv4 address/.test(text)));
});

t.test('Jitsi Meet, with blanks around = and CRLF', async (t) => {
  const { values, problems, warnings } = deployment('jitsi');
  t.strictSame(problems, []);
  t.strictSame(values, {
    listen: ['0.0.0.0:3478', '[::]:3478'],
    relayAddress: ['10.0.0.5/198.51.100.20', '2001:db8::5'],
    authSecret: ['jitsi-shared secret'],
    denyPeer: ['10.0.0.0-10.255.255.255'],
    realm: 'meet.example.org',
    defaultFamily: 'client',
  });
  t.match(warnings, [TLS_WARNING]);
});

t.test('LiveKit with an external TURN server', async (t) => {
  const { values, problems, warnings, infos } = deployment('livekit');
  t.strictSame(problems, []);
  t.strictSame(values, {
    listen: ['10.0.0.5:3478'],
    relayAddress: ['10.0.0.5/198.51.100.30'],
    relayPorts: '50000-60000',
    user: ['livekit:0xbc807ee29df3c9ffa736523fb2c4e8ee', 'probe:check this'],
    realm: 'livekit.example.org',
    workers: 4,
    http: '0.0.0.0:9642',
  });
  t.strictSame(warnings, []);
  t.match(infos[0], /fingerprint \(line 8\), log-file \(line 18\): no effect here/);
  t.match(infos.at(-2), /private addresses .* this server refuses them/);
});

t.test('Nextcloud Talk', async (t) => {
  const { values, problems, warnings } = deployment('nextcloud-talk');
  t.strictSame(problems, []);
  t.strictSame(values, {
    listen: ['0.0.0.0:3478', '[::]:3478'],
    authSecret: ['talk-0123456789'],
    realm: 'cloud.example.org',
  });
  t.strictSame(warnings, ['coturn serves TCP too; this server serves UDP alone']);
});

t.test('BigBlueButton', async (t) => {
  const { values, problems, warnings } = deployment('bigbluebutton');
  t.strictSame(problems, []);
  t.strictSame(values, {
    listen: ['192.0.2.40:3478', '[2001:db8::40]:3478'],
    relayAddress: ['192.0.2.40'],
    relayPorts: '32769-65535',
    authSecret: ['bbb-new-secret', 'bbb-old-secret'],
    realm: 'bbb.example.org',
    defaultFamily: 'client',
  });
  t.match(warnings[0], /^turnserver\.conf:15 \(user\): not used beside a shared secret/);
  t.notMatch(warnings.join(), /by-coturn|-secret/);
});

t.test('a SIP gateway behind NAT, with devices and a database', async (t) => {
  const { values, problems, warnings } = deployment('sip-gateway');
  t.strictSame(problems, []);
  t.strictSame(values, {
    listen: ['10.0.0.5:3478', '127.0.0.1:3478'],
    relayAddress: ['10.0.0.5/198.51.100.9'],
    relayPorts: '20000-30000',
    user: ['pbx:p@ss:w0rd=1', 'webphone:"quoted"'],
    realm: 'pbx.example.org',
    userQuota: 50,
    mobility: true,
    userBandwidth: 6_400_000,
    allocations: 100,
  });
  t.match(warnings, [
    /\(max-bps\): taken as --user-bandwidth 6400000/,
    /listening-device \(line 2\), relay-device \(line 3\): sockets are bound to the addresses/,
    /userdb \(line 14\): users, secrets and denied peers of this/,
    /proc-user \(line 25\)/,
    /^coturn serves TCP too/,
  ]);
});

t.test('max-bps of a session bounds the user, who may have as many as user-quota', async (t) => {
  const taken = read('max-bps=1000\nuser-quota=3\nno-tcp');
  t.strictSame(taken.values, { userQuota: 3, userBandwidth: 6_000 });
  t.match(taken.warnings, [
    /\(max-bps\): taken as --user-bandwidth 6000: both directions of the 3/,
  ]);
  const capped = read('max-bps=999999999\nuser-quota=1000\nno-tcp');
  t.match(capped.values, { userBandwidth: 100_000_000_000 });
  for (const quota of ['', '\nuser-quota=0']) {
    const { values, warnings, problems } = read(`max-bps=1000${quota}\nno-tcp`);
    t.equal(values.userBandwidth, undefined);
    t.match(warnings, [/\(max-bps\): the bandwidth of a session is not limited, and without user/]);
    t.strictSame(problems, []);
  }
  t.match(read('bps-capacity=9\nno-tcp').warnings, [/bps-capacity .*all sessions together is not/]);
});

t.test('the default family is taken', async (t) => {
  const table: readonly [string, string | undefined][] = [
    ['allocation-default-address-family=ipv4', 'ipv4'],
    ['allocation-default-address-family="ipv6"', 'ipv6'],
    ['allocation-default-address-family=keep', 'client'],
    ['keep-address-family', 'client'],
    ['keep-address-family=0', undefined],
    ['keep-address-family\nallocation-default-address-family=ipv6', 'client'],
  ];
  for (const [text, family] of table) {
    const { values, warnings, problems } = read(`${text}\nno-tcp`);
    t.strictSame([values.defaultFamily, warnings, problems], [family, [], []], text);
  }
  const { problems } = read('allocation-default-address-family=IPv5');
  t.match(problems, [/family\): expected ipv4, ipv6 or keep/]);
});

t.test('what would serve more than the file says, or others, prevents the start', async (t) => {
  const table: readonly [string, RegExp][] = [
    ['no-auth', /:1 \(no-auth\): it would relay for everybody/],
    ['no-udp', /\(no-udp\): only UDP is served/],
    ['no-udp-relay=1', /\(no-udp-relay\): only UDP is served/],
    ['stun-only', /\(stun-only\): it serves TURN/],
    ['oauth', /\(oauth\): OAuth is not served/],
    ['redis-userdb="ip=127.0.0.1 password=x"', /\(redis-userdb\): databases are not read/],
    ['psql-userdb=host=db', /\(psql-userdb\): databases are not read/],
    ['rest-api-separator=|', /\(rest-api-separator\): time-limited usernames are EXPIRY:NAME/],
    ['listening-device=eth0', /\(listening-device\): sockets are bound to addresses: give list/],
    ['relay-device=eth0', /\(relay-device\): sockets are bound to addresses: give relay-ip/],
    ['relay-device=eth0\nlistening-ip=127.0.0.1', /:1 \(relay-device\).*: give relay-ip/],
    ['use-auth-secret', /\(use-auth-secret\): there is no static-auth-secret/],
    ['denied-peer-ip=10.0.0.0-10.255.255.256', /:1 \(denied-peer-ip\): expected IP\/BITS/],
    ['denied-peer-ip=10.0.0.0-10.0.0.9 # LAN', /\(denied-peer-ip\): expected IP\/BITS/],
    ['denied-peer-ip=host.example.org', /\(denied-peer-ip\).*names are not resolved/],
    ['denied-peer-ip=10.0.0.0/33', /\(denied-peer-ip\).*no length of a prefix/],
    ['denied-peer-ip', /\(denied-peer-ip\): expected IP/],
    ['denied-peer-ips=10.0.0.1', /:1: unknown key "denied-peer-ips"; did you mean denied-peer-ip/],
    ['deny-peer-ip 10.0.0.1', /unknown key "deny-peer-ip"/],
    ['--denied-peer-ip=10.0.0.1', /unknown key "--denied-peer-ip"/],
    ['allowed-peer-ip=a', /\(allowed-peer-ip\): expected IP/],
    ['external-ip=turn.example.org', /\(external-ip\).*names are not resolved/],
    ['external-ip=192.0.2.1/10.0.0.1/10.0.0.2', /\(external-ip\): expected IP or PUBLIC-IP/],
    ['external-ip=192.0.2.1\nexternal-ip=192.0.2.2', /:2 \(external-ip\): another one is given/],
    ['listening-ip=localhost', /\(listening-ip\).*names are not resolved/],
    ['listening-port=many', /\(listening-port\): expected a whole number/],
    ['user-quota=-1', /\(user-quota\): expected a whole number/],
    ['min-port=80', /\(min-port\): relay ports 80-65535 .*: expected two ports/],
    ['aux-server=10.0.0.1', /\(aux-server\): the port is missing/],
    ['no-tcp # no TCP', /\(no-tcp\): expected on, off or no value; a comment needs a line/],
    ['realm=""', /\(realm\): it is empty/],
    ['user=alice', /\(user\): the user: expected NAME:PASSWORD/],
    ['realm=a\nuser=alice:0x12', /\(user\).*32 hex digits/],
    [`user=alice:0x${'0'.repeat(32)}`, /\(user\): a 0x key is made for one realm/],
    ['static-auth-secret=', /\(static-auth-secret\): the secret: the secret is empty/],
  ];
  for (const [text, problem] of table) {
    const { problems } = read(text);
    t.match(problems[0], problem, text);
    t.equal(problems.length, 1, text);
    t.match(problems[0], /^turnserver\.conf:/, text);
  }
  for (const text of ['no-auth=0', 'no-udp off', 'rest-api-separator=:', 'oauth=false']) {
    t.strictSame(read(text).problems, [], text);
  }
  t.strictSame(read('use-auth-secret', ['authSecretFile']).problems, []);
  t.strictSame(read(`user=alice:0x${'0'.repeat(32)}`, ['realm']).problems, []);
});

t.test('warnings name the setting and its line', async (t) => {
  const table: readonly [string, RegExp][] = [
    ['userdb=/var/lib/turn/turndb', /userdb \(line 1\): users, secrets and denied peers of this/],
    ['secure-stun', /Binding is answered without credentials/],
    ['max-allocate-lifetime=600', /max-allocate-lifetime \(line 1\): an allocation lives up to/],
    ['permission-lifetime=60', /a permission lives 300 s/],
    ['server-relay', /a peer always needs a permission/],
    ['alternate-server=192.0.2.1', /clients are sent on only where this server is full/],
    ['proc-user=turnserver', /it keeps the user that starts it/],
    ['allow-loopback-peers', /clients reach the services of this host/],
    ['prometheus-path=/stats', /without labels of users/],
    ['user-quota=12; per user', /\(user-quota\): of the value only 12 counts/],
    ['realm=a\nrealm=b', /:2 \(realm\): it is also in line 1; the last one counts/],
    ['user=a:b\nuser=a:c', /:2 \(user\): the name is given before; this one counts/],
    ['user=a:b # of Alice', /:1 \(user\): the text from # on is part of it, as in coturn/],
    ['unknown-thing = x', /^turnserver\.conf:1: unknown key "unknown-thing"$/],
    ['relm=x', /unknown key "relm"; did you mean realm\?/],
    ['--realm=x', /unknown key "--realm"; did you mean realm\?/],
    ['c2VjcmV0IHRoYXQgc3RhbmRzIGFsb25l', /unknown key a word of 32 characters$/],
    ['relay-ip=10.0.0.5\nexternal-ip=192.0.2.1/10.0.0.6', /:2 \(external-ip\): it has no effect/],
    [
      'allowed-peer-ip=10.0.0.0-10.255.255.255\ndenied-peer-ip=10.1.2.3',
      /:2 \(denied-peer-ip\): refused here, since it is within an allowed range/,
    ],
  ];
  for (const [text, warning] of table) {
    const { warnings, problems } = read(`${text}\nno-tcp`);
    t.strictSame(problems, [], text);
    t.match(warnings[0], warning, text);
    t.equal(warnings.length, 1, text);
  }
  for (const text of [
    ...['mobility=0', 'max-bps=0', 'max-allocate-lifetime=3600', 'channel-lifetime=600'],
    ...['allocation-default-address-family="ipv4"', 'prometheus-path=/metrics', 'dtls=no'],
  ]) {
    t.strictSame(read(`${text}\nno-tcp`).warnings, [], text);
  }
});

t.test('flags that have an option are taken, unless they are false', async (t) => {
  const text = 'mobility\nsoftware-attribute\nno-tcp';
  const { values, warnings } = read(text);
  t.match(values, { mobility: true, softwareAttribute: true });
  t.strictSame(warnings, []);
  const off = read(text.replaceAll('y\n', 'y=0\n').replaceAll('e\n', 'e=false\n')).values;
  t.strictSame([off.mobility, off.softwareAttribute], [undefined, undefined]);
});

t.test('relay addresses follow relay-ip, then listening-ip, then the default routes', async (t) => {
  const table: readonly [string, unknown][] = [
    ['', undefined],
    ['listening-ip=0.0.0.0', undefined],
    ['listening-ip=127.0.0.1', undefined],
    ['listening-ip=10.0.0.7', ['10.0.0.7']],
    ['listening-ip=10.0.0.7\nrelay-ip=10.0.0.8\nrelay-ip=2001:DB8::8', ['10.0.0.8', '2001:db8::8']],
    ['external-ip=192.0.2.1', ['10.0.0.5/192.0.2.1', '2001:db8::5']],
    ['external-ip=2001:db8::1', ['10.0.0.5', '2001:db8::5/2001:db8::1']],
    ['external-ip=192.0.2.1/10.0.0.9', ['10.0.0.9/192.0.2.1', '2001:db8::5']],
    [
      'relay-ip=10.0.0.8\nrelay-ip=10.0.0.9\nexternal-ip=192.0.2.8/10.0.0.8\nexternal-ip=192.0.2.9',
      ['10.0.0.8/192.0.2.8', '10.0.0.9/192.0.2.9'],
    ],
    ['relay-ip=0.0.0.0', ['10.0.0.5']],
    ['relay-ip=::', ['2001:db8::5']],
    ['listening-ip=0.0.0.0\nrelay-ip=0.0.0.0\nexternal-ip=192.0.2.1', ['10.0.0.5/192.0.2.1']],
    ['listening-ip=10.0.0.7\nrelay-ip=0.0.0.0', ['10.0.0.7']],
    ['relay-ip=0.0.0.0\nexternal-ip=192.0.2.1/10.0.0.9', ['10.0.0.9/192.0.2.1']],
    ['relay-ip=0.0.0.0\nrelay-ip=2001:db8::8', ['10.0.0.5', '2001:db8::8']],
  ];
  for (const [text, wanted] of table) t.strictSame(read(text).values.relayAddress, wanted, text);
  const alone: HostFacts = { hasIpv6: false, byDefaultRoute: { 4: '10.0.0.5' } };
  t.strictSame(read('listening-port=3479', [], alone).values.listen, ['0.0.0.0:3479']);
  t.match(read('relay-ip=::', [], alone).problems, [
    /:1 \(relay-ip\): this host has no address by/,
  ]);
  t.strictSame(read('external-ip=192.0.2.1', [], alone).values.relayAddress, [
    '10.0.0.5/192.0.2.1',
  ]);
  t.strictSame(read('aux-server=[2001:db8::1]:33478').values.listen, [
    ...['0.0.0.0:3478', '[::]:3478', '[2001:db8::1]:33478'],
  ]);
});

t.test('an option from elsewhere wins, and the settings that do not count are named', async (t) => {
  const text = 'realm=a\nno-tcp\ndenied-peer-ip=10.0.0.1\ndenied-peer-ip=10.0.0.2';
  const { values, warnings } = read(text, ['denyPeer']);
  t.strictSame(values, { realm: 'a' });
  t.strictSame(warnings, [
    'turnserver.conf line 3, 4: not used, since --deny-peer is given elsewhere',
  ]);
  t.strictSame(read(text).sources, {
    realm: 'turnserver.conf:1 (realm)',
    denyPeer: 'turnserver.conf:3 (denied-peer-ip)',
  });
});

t.test('a file of another kind, and large ones, are read at once', async (t) => {
  const { problems, warnings } = read('secret-word\n'.repeat(20_000));
  t.strictSame(problems, [
    'turnserver.conf: 20000 lines have unknown keys: is it a turnserver.conf?',
  ]);
  t.strictSame(warnings, ['coturn serves TCP too; this server serves UDP alone']);
  const peers = Array.from({ length: 5_000 }, (_, index) => `10.${index >> 8}.${index & 255}.1`);
  const lists = peers.map((ip) => `denied-peer-ip=${ip}\nallowed-peer-ip=${ip}`);
  t.strictSame(read(lists.join('\n')).problems, []);
});

t.test('repeated and equal settings are taken once', async (t) => {
  const text =
    'static-auth-secret=a\nstatic-auth-secret=a\ndenied-peer-ip=10.0.0.1\n' +
    'denied-peer-ip=10.0.0.1\nuser-quota=3\nuser-quota=3\nno-tcp';
  const { values, warnings } = read(text);
  t.match(values, { authSecret: ['a'], denyPeer: ['10.0.0.1'], userQuota: 3 });
  t.strictSame(warnings, []);
});

t.test('rfc5780 adds the other port of two addresses of a family', async (t) => {
  const ips = 'listening-ip=10.0.0.5\nlistening-ip=10.0.0.6\nlistening-ip=2001:db8::5\n';
  const { values, problems, warnings } = read(`${ips}rfc5780\nno-tcp\n`);
  t.strictSame(problems, []);
  t.strictSame(warnings, []);
  t.strictSame(values.listen, [
    ...['10.0.0.5:3478', '10.0.0.6:3478', '[2001:db8::5]:3478'],
    ...['10.0.0.5:3479', '10.0.0.6:3479'],
  ]);
  t.equal(values.natDiscovery, true);
  const other = read(`${ips}rfc5780\nlistening-port=5000\nalt-listening-port=6000\n`).values;
  t.match(other.listen, ['10.0.0.5:5000', /./, /./, '10.0.0.5:6000', '10.0.0.6:6000']);
  const off = read(`${ips}rfc5780=0\nalt-listening-port=6000\n`).values;
  t.notOk('natDiscovery' in off);
  t.equal((off.listen as string[]).length, 3);
});

t.test('rfc5780 without two addresses of a family, or with --listen, is said', async (t) => {
  const one = 'listening-ip=10.0.0.5\nlistening-ip=2001:db8::5\nrfc5780\nno-tcp\n';
  t.match(read(one).warnings, [/needs two listening-ip of one family$/]);
  t.notOk('natDiscovery' in read(one).values);
  const two = 'listening-ip=10.0.0.5\nlistening-ip=10.0.0.6\nrfc5780\nno-tcp\n';
  const { values, warnings } = read(two, ['listen']);
  t.notOk('natDiscovery' in values);
  t.match(warnings[0], /not taken, since --listen is given elsewhere/);
});
