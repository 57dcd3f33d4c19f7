import t from 'tap';
import type { HostFacts } from '../../../src/cli/coturn/coturn-addresses.js';
import { HOST, read } from './read-text.js';

t.test('max-bps of a session bounds the user, who may have as many as user-quota', async (t) => {
  const taken = read('max-bps=1000\nuser-quota=3\nno-tcp');
  t.strictSame(taken.values, { userQuota: 3, userBandwidth: 6_000 });
  t.match(taken.warnings, [
    /\(max-bps\): of each session .* of each user here: taken as --user-bandwidth 6000: both /,
  ]);
  const capped = read('max-bps=999999999\nuser-quota=1000\nno-tcp');
  t.match(capped.values, { userBandwidth: 100_000_000_000 });
  for (const quota of ['', '\nuser-quota=0']) {
    const { values, warnings, problems } = read(`max-bps=1000${quota}\nno-tcp`);
    t.equal(values.userBandwidth, undefined);
    t.match(warnings, [/\(max-bps\): of each session .* without user-quota it is not taken/]);
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
    ['oauth', /\(oauth\): coturn has .* in its database, which is not read: .*turnadmin --list-oa/],
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
    ['external-ip=192.0.2.1/10.0.0.1/10.0.0.2', /\(external-ip\): expected PUBLIC-IP or PUBLIC/],
    ['external-ip=192.0.2.1\nexternal-ip=192.0.2.2', /:2 .*all addresses .* another one in line 1/],
    [
      'external-ip=192.0.2.1/10.0.0.5\nexternal-ip=192.0.2.2/10.0.0.5',
      /:2 \(external-ip\): 10\.0\.0\.5 has another one in line 1: remove one/,
    ],
    ['external-ip=2001:db8::1/10.0.0.5', /\(external-ip\): expected PUBLIC-IP\/PRIV.* one family/],
    ...['0.0.0.0', '::', '255.255.255.255', '224.0.0.1', '192.0.2.1/0.0.0.0'].map(
      (ip): [string, RegExp] => [`external-ip=${ip}`, /external-ip\): .* no address of a single/],
    ),
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
  t.strictSame(read('oauth', ['oauthKeysFile']).problems, []);
  t.strictSame(read(`user=alice:0x${'0'.repeat(32)}`, ['realm']).problems, []);
});

t.test('odd values of ports, addresses and flags are named', async (t) => {
  const table: readonly [string, RegExp][] = [
    ...['0', '65536', '99999999999'].map((port): [string, RegExp] => [
      `listening-port=${port}`,
      /\(listening-port\): expected a port from 1 to 65535$/,
    ]),
    ['alt-listening-port=65536', /\(alt-listening-port\): expected a port from 0 to 65535$/],
    ['prometheus\nprometheus-port=0', /\(prometheus-port\): expected a port from 1 to 65535$/],
    ['prometheus\nprometheus-address=', /:2 \(prometheus-address\): /],
    ['aux-server=10.0.0.1:0', /\(aux-server\): expected a port from 1 to 65535/],
    ['listening-ip=10.0.0.5 # LAN', /\(listening-ip\).*; a comment needs a line of its own$/],
    ['listening-ip=10.0.0.5,10.0.0.6', /\(listening-ip\).*; each address needs a line of its own$/],
    ['relay-ip=10.0.0.5 ::1', /\(relay-ip\).*; each address needs a line of its own$/],
    ["relay-ip='10.0.0.5'", /\(relay-ip\).*; single quotes are part of a value, as in coturn$/],
    ['max-allocate-lifetime=', /\(max-allocate-lifetime\): expected a whole number/],
    ['no-stun=maybe', /\(no-stun\): expected on, off or no value$/],
  ];
  for (const [text, problem] of table) {
    const { problems } = read(text);
    t.match(problems, [problem], text);
    t.equal(problems.length, 1, text);
  }
});

t.test('warnings name the setting and its line', async (t) => {
  const table: readonly [string, RegExp][] = [
    ['userdb=/var/lib/turn/turndb', /userdb \(line 1\): users, secrets and denied peers of this/],
    ['max-allocate-lifetime=60', /\(max-allocate-lifetime\): taken as --max-lifetime 600: RFC/],
    ['max-allocate-lifetime=999999', /taken as --max-lifetime 86400, the most/],
    ['permission-lifetime=60', /permission-lifetime \(line 1\): a permission always lives 300 s/],
    ['channel-lifetime=6000', /channel-lifetime \(line 1\): a channel always lives 600 s/],
    ['alt-listening-port=3480', /:1 \(alt-listening-port\): not used without rfc5780/],
    ['user-quota=10000000', /\(user-quota\): taken as --user-quota 1000000, the most/],
    ['total-quota=10000000', /\(total-quota\): taken as --allocations 1000000, the most/],
    ['relay-threads=64', /\(relay-threads\): taken as --workers 16, the most/],
    ['external-ip=127.0.0.1', /\(external-ip\): no other host reaches 127\.0\.0\.1/],
    ["realm='a'", /\(realm\): the single quotes are part of it/],
    ["static-auth-secret='a'", /\(static-auth-secret\): the single quotes are part of it/],
    [
      'relay-ip=10.0.0.5\nrelay-ip=10.0.0.6\nexternal-ip=192.0.2.1/10.0.0.5',
      /:2 \(relay-ip\): no external-ip is for 10\.0\.0\.6, so peers are told that address/,
    ],
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
    [
      'relay-ip=198.41.0.5\nexternal-ip=198.41.0.4/10.0.0.6',
      /:2 \(external-ip\): it has no effect/,
    ],
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

t.test('no-stun and secure-stun say who gets an answer to Binding', async (t) => {
  const table: readonly [string, string | undefined][] = [
    ['no-stun', 'off'],
    ['secure-stun=1', 'authenticated'],
    ['secure-stun\nno-stun', 'off'],
    ['secure-stun\nno-stun=0', 'authenticated'],
    ['secure-stun=off', undefined],
  ];
  const ips = 'listening-ip=10.0.0.5\nlistening-ip=10.0.0.6\n';
  for (const [text, binding] of table) {
    const { values, warnings, problems } = read(`${text}\nno-tcp`);
    t.strictSame([values.binding, warnings, problems], [binding, [], []], text);
    const discovering = read(`${ips}rfc5780\n${text}\nno-tcp`);
    t.equal(discovering.values.natDiscovery, binding === undefined ? true : undefined, text);
    const said = binding === undefined ? [] : [/:3 \(rfc5780\): not served, .* no-stun and secure/];
    t.match(discovering.warnings, said, text);
    t.equal(discovering.warnings.length, said.length, text);
  }
});

t.test('addresses that should be of this host and are not are named', async (t) => {
  const host = { ...HOST, ips: new Set(['10.0.0.5', '2001:db8::5', '127.0.0.1', '::1']) };
  const table: readonly [string, RegExp | undefined][] = [
    ['listening-ip=10.0.0.5\nlistening-ip=127.0.0.2\nlistening-ip=::', undefined],
    ['relay-ip=0.0.0.0\nexternal-ip=192.0.2.1', undefined],
    ['external-ip=192.0.2.1/10.0.0.5', undefined],
    ['listening-ip=192.0.2.1', /:1 \(listening-ip\): 192\.0\.2\.1 is none of this host's addr/],
    ['relay-ip=192.0.2.1', /:1 \(relay-ip\): 192\.0\.2\.1 is none .* give one of them$/],
    ['aux-server=192.0.2.1:443', /:1 \(aux-server\): 192\.0\.2\.1 is none of this host's addr/],
    ['external-ip=10.0.0.5/192.0.2.1', /:1 \(external-ip\): 192\.0\.2\.1 .* as PUBLIC-IP\/PRIVATE/],
  ];
  for (const [text, warning] of table) {
    const { warnings, problems } = read(`${text}\nno-tcp`, [], host);
    t.strictSame(problems, [], text);
    t.match(warnings, warning === undefined ? [] : [warning], text);
    t.equal(warnings.length, warning === undefined ? 0 : 1, text);
  }
});

t.test('the name of the server counts where access tokens do', async (t) => {
  const nameIn = (text: string) => read(text, ['oauthKeysFile']).values.oauthServerName;
  t.equal(nameIn('oauth\nserver-name=turn.example.org'), 'turn.example.org');
  t.equal(nameIn('oauth\nserver-name='), undefined, 'the realm, as in coturn');
  t.equal(nameIn('oauth=0\nserver-name=turn.example.org'), undefined);
  t.equal(nameIn('server-name=a b'), undefined);
});
