import { readFileSync } from 'node:fs';
import t from 'tap';
import { read } from './read-text.js';

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

t.test('Mattermost Calls', async (t) => {
  const { values, problems, warnings } = deployment('mattermost');
  t.strictSame(problems, []);
  t.strictSame(values, {
    listen: ['10.0.0.5:3478'],
    relayAddress: ['10.0.0.5/198.51.100.50'],
    relayPorts: '49152-49952',
    authSecret: ['mattermost-calls-secret'],
    realm: 'mattermost.example.org',
    userQuota: 10,
    userBandwidth: 10_000_000,
    binding: 'authenticated',
    maxLifetime: 7_200,
  });
  t.match(warnings, [/\(max-bps\): of each session in coturn, of each user here: taken as --user/]);
});

t.test('an XMPP server that hands out credentials, without any =', async (t) => {
  const { values, problems, warnings } = deployment('xmpp');
  t.strictSame(problems, []);
  t.strictSame(values, {
    listen: ['127.0.0.1:3478', '10.0.0.5:3478'],
    relayAddress: ['10.0.0.5/198.51.100.60'],
    relayPorts: '50000-51000',
    authSecret: ['xmpp secret'],
    allowPeer: ['10.0.0.5'],
    denyPeer: ['10.0.0.0-10.255.255.255'],
    realm: 'xmpp.example.org',
    binding: 'off',
  });
  t.match(warnings, [TLS_WARNING, /^coturn serves TCP too/]);
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
    /:9 \(alt-listening-port\): not used without rfc5780/,
    /\(max-bps\): of each session .* taken as --user-bandwidth 6400000/,
    /listening-device \(line 2\), relay-device \(line 3\): sockets are bound to the addresses/,
    /userdb \(line 14\): users, secrets and denied peers of this/,
    /proc-user \(line 25\)/,
    /^coturn serves TCP too/,
  ]);
});
