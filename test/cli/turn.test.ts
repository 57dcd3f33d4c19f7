import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { parseAddress } from '../../src/address.js';
import { startLines } from '../../src/cli/turn/start-lines.js';
import { RELAY_PORTS, TurnSocket } from '../turn-server/turn-socket.js';
import { until } from '../until.js';
import { turnpike } from './in-process.js';
import { Spawned } from './spawned.js';
import { UCLIENT, uclientLosesNothing } from './uclient.js';

t.setTimeout(120_000);

const LOOPBACK = [
  ...['turn', '--listen', '127.0.0.1:0', '--relay-address', '127.0.0.1', '--workers', '1'],
  ...['--allow-peer', '127.0.0.0/8', '--relay-ports', RELAY_PORTS],
];

/** Starts a server. @returns it, and the address that it listens on */
async function serverOf(t: Test, ...more: string[]) {
  const server = new Spawned([...LOOPBACK, ...more]);
  t.teardown(() => server.kill());
  const { urls, http } = await server.logged({ event: 'listening' });
  const [, address = ''] = /^turn:(.*)\?transport=udp$/.exec(String((urls as string[])[0])) ?? [];
  return { server, at: parseAddress(address), http };
}

async function clientOf(t: Test, at: ReturnType<typeof parseAddress>, username: string) {
  const client = await TurnSocket.open(at, { username, password: 'secret' });
  t.teardown(() => client.close());
  return client;
}

t.test('without a source of credentials it ends with 2 and says what to do', async (t) => {
  const { exitCode, stderr } = await turnpike(['turn']);
  t.equal(exitCode, 2);
  t.match(
    stderr,
    /missing at least one of --user, --users-file, --auth-secret, --auth-secret-file, --oauth-k/,
  );
  t.match(stderr, /--user alice:secret/);
});

t.test('wrong credentials end with 2, and their text is not shown', async (t) => {
  const folder = t.testdir({ empty: '\n', comment: '# alice:secret\n', users: 'a:b\nnocolon\n' });
  const table: [string[], RegExp][] = [
    [['--user', 'topsecret'], /--user: expected NAME:PASSWORD/],
    [
      ['--user', 'a:topsecret', '--user', 'a:topsecret'],
      /--user: --user has a user of the same name/,
    ],
    [['--users-file', join(folder, 'users')], /--users-file .*users line 2: .*no colon/],
    [['--users-file', join(folder, 'empty')], /--users-file .*it is empty/],
    [
      ['--users-file', join(folder, 'comment')],
      /--users-file .*comment: there is no credential in it/,
    ],
    [['--users-file', join(folder, 'absent')], /--users-file .*absent/],
    [['--auth-secret-file', join(folder, 'absent')], /--auth-secret-file .*absent/],
  ];
  for (const [flags, message] of table) {
    const { exitCode, stderr } = await turnpike([...LOOPBACK, ...flags]);
    t.equal(exitCode, 2, flags.join(' '));
    t.match(stderr, message);
    t.notMatch(stderr, /topsecret|nocolon/);
  }
});

t.test('wrong peers and relay ports are named with their option', async (t) => {
  const table: [string[], RegExp][] = [
    [['--allow-peer', '10.0.0.0/33'], /--allow-peer\): .*10\.0\.0\.0\/33.*length of a prefix/],
    [['--deny-peer', '10.0.0.9-10.0.0.1'], /--deny-peer\): .*first address is behind its last/],
    [['--relay-ports', '60000-50000'], /60000-50000 .*--relay-ports\): .*the smaller one first/],
    [['--relay-ports', '60001-60002'], /60001-60002 .*--relay-ports\): .*no even port/],
  ];
  for (const [flags, message] of table) {
    const { exitCode, stderr } = await turnpike([
      ...['turn', '--listen', '127.0.0.1:0', '--user', 'a:b', ...flags],
    ]);
    t.equal(exitCode, 2, flags.join(' '));
    t.match(stderr, message);
  }
});

t.test('start lines name addresses, bounds, refused peers and a test', async (t) => {
  const server = {
    addresses: [{ address: '192.0.2.10', port: 3_478 }],
    relayAddresses: [{ address: '10.0.0.5', advertised: '192.0.2.10' }],
    allocationsLimit: { allocationsMax: 16_384, because: 'ports' },
  } as const;
  const facts = {
    relayPorts: '49152-65535',
    allowPeer: [],
    denyPeer: [],
    allowPrivatePeers: false,
    users: ["o'hara:secret"],
    passwords: 'users' as const,
  };
  const text = (change: Partial<typeof facts> | object = {}) =>
    startLines(server, { ...facts, ...change }).map(([line]) => line);
  t.strictSame(text(), [
    'relays from 10.0.0.5 (seen as 192.0.2.10), UDP ports 49152-65535; up to 16384 allocations, ' +
      'as many as its ports allow',
    'refuses peers: loopback, link-local, private, shared (100.64.0.0/10), multicast and other ' +
      "special addresses, and this host's own",
    "test it with coturn's client: turnutils_uclient -u 'o'\\''hara' -w PASSWORD -p 3478 -y " +
      '-n 10 -m 2 192.0.2.10',
  ]);
  const lists = { allowPeer: ['10.1.0.0/16'], denyPeer: ['192.0.2.0/24'] };
  t.match(text(lists)[1], /and 192\.0\.2\.0\/24; allows 10\.1\.0\.0\/16$/);
  t.match(text({ allowPrivatePeers: true })[1], /^refuses peers: loopback, link-local, multicast/);
  t.match(text({ users: [] })[2], /-u USER -W SECRET /);
  t.match(text({ users: [], passwords: 'tenants' })[2], /-u USERNAME -w PASSWORD /);
  t.equal(text({ users: [], passwords: 'none' }).length, 2, 'its tokens are of its own keys');
});

t.test('it serves, and SIGHUP takes other users, secrets and peers', async (t) => {
  const folder = t.testdir();
  const write = (name: string, text: string) =>
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  write('users', 'bob:secret\n');
  write('turn.yaml', 'users-file: users\nuser: alice:secret\nhttp: 127.0.0.1:0\n');
  const { server, at, http } = await serverOf(t, '--config', join(folder, 'turn.yaml'));
  const allocates = async (username: string) =>
    (await clientOf(t, at, username)).allocate().then(
      () => true,
      () => false,
    );
  t.strictSame([await allocates('alice'), await allocates('bob')], [true, true]);
  t.match(await (await fetch(`${http}/readyz`)).json(), { status: 'ok' });
  t.match(await (await fetch(`${http}/metrics`)).text(), /^turnpike_turn_allocations 2$/m);

  write('users', '# bob is gone\ncarl:secret\n');
  write('turn.yaml', 'users-file: users\nuser: dora:secret\nrealm: other\ndeny-peer: 127.0.0.9\n');
  server.child.kill('SIGHUP');
  t.match(await server.logged({ event: 'reload', item: 'users-file' }), { result: 'changed' });
  t.match(await server.logged({ event: 'reload', item: 'user' }), {
    result: 'changed',
    msg: '1 users of --user',
  });
  t.match(await server.logged({ event: 'reload', item: 'realm' }), { result: 'restart-needed' });
  const found = await Promise.all(['alice', 'bob', 'carl', 'dora'].map(allocates));
  t.strictSame(found, [false, false, true, true]);
  const carl = await clientOf(t, at, 'carl');
  await carl.allocate();
  t.equal(await carl.permit({ address: '127.0.0.9', port: 1 }), 403);
  t.equal(await carl.permit({ address: '127.0.0.8', port: 1 }), undefined);

  write('users', 'broken\n');
  server.child.kill('SIGHUP');
  const kept = () =>
    server.log.find(({ item, result }) => item === 'users-file' && result === 'kept');
  while (kept() === undefined) await delay(10);
  t.ok(await allocates('carl'), 'the users before stay');
  t.notMatch(server.logText, /:secret/);
});

t.test("coturn's turnserver.conf gives what no option does, and is read again", async (t) => {
  const folder = t.testdir();
  const path = join(folder, 'turnserver.conf');
  const write = (...lines: string[]) => writeFileSync(path, lines.join('\n'), { mode: 0o600 });
  const fixed = ['listening-port=1', 'lt-cred-mech', 'no-tcp', 'cert=/x.pem', 'fingerprint'];
  write(...fixed, 'user=alice:secret', 'denied-peer-ip=127.0.0.9', 'denied-peer-ip=127.1.0.0');
  const { server, at } = await serverOf(t, '--coturn-config', path);
  const said = (text: RegExp) => server.log.filter(({ msg }) => text.test(String(msg)));
  t.match(said(/listening-port|line 1\b/), [{ event: 'coturn-config', level: 40 }]);
  t.match(said(/TLS and DTLS are not served/), [{ event: 'coturn-config', keys: ['cert'] }]);
  t.match(said(/fingerprint \(line 5\): no effect here/), [{ level: 30 }]);
  const alice = await clientOf(t, at, 'alice');
  await alice.allocate();
  t.equal(await alice.permit({ address: '127.0.0.9', port: 1 }), 403);
  t.equal(await alice.permit({ address: '127.0.0.8', port: 1 }), undefined);

  write(...fixed, 'user=bob:secret', 'denied-peer-ip=127.0.0.8', 'realm=other', 'nonsense=1');
  server.child.kill('SIGHUP');
  t.match(await server.logged({ event: 'reload', item: 'user' }), { result: 'changed' });
  t.match(await server.logged({ event: 'reload', item: 'deny-peer' }), { result: 'changed' });
  t.match(await server.logged({ event: 'reload', item: 'realm' }), {
    result: 'restart-needed',
    msg: /turnserver\.conf:8 \(realm\) has changed/,
  });
  await until(() => said(/unknown key "nonsense"/).length > 0);
  t.equal(said(/TLS and DTLS are not served/).length, 1, 'nothing is said twice');
  const bob = await clientOf(t, at, 'bob');
  await bob.allocate();
  t.equal(await bob.permit({ address: '127.0.0.8', port: 1 }), 403);
  t.equal(await bob.permit({ address: '127.0.0.9', port: 1 }), undefined);
  await t.rejects((await clientOf(t, at, 'alice')).allocate());

  write(...fixed, 'user=bob:secret', 'denied-peer-ip=127.0.0.0-127.0.0');
  server.child.kill('SIGHUP');
  t.match(await server.logged({ event: 'reload', item: 'config' }), {
    result: 'kept',
    reason: /turnserver\.conf:7 \(denied-peer-ip\)/,
  });
  t.equal(await bob.permit({ address: '127.0.0.8', port: 1 }), 403, 'the list before stays');
  t.notMatch(server.logText, /:secret/);
});

t.test('a turnserver.conf that cannot be served ends it with 2 and the line', async (t) => {
  const folder = t.testdir({
    open: 'no-auth\n',
    users: 'user=a:topsecret\nuser=b\n',
    none: 'realm=example.org\n',
    hidden: 'static-auth-secret=topsecret\nno-udp\n',
  });
  const table: [string, RegExp][] = [
    ['open', /open:1 \(no-auth\): it would relay for everybody/],
    ['users', /users:2 \(user\): .*expected NAME:PASSWORD/],
    ['none', /missing at least one of --user/],
    ['hidden', /hidden:2 \(no-udp\): only UDP is served/],
    ['absent', /--coturn-config .*absent/],
  ];
  for (const [name, message] of table) {
    const args = [...LOOPBACK, '--coturn-config', join(folder, name)];
    const { exitCode, stderr } = await turnpike(args);
    t.equal(exitCode, 2, name);
    t.match(stderr, message);
    t.notMatch(stderr, /topsecret/);
  }
});

t.test('SIGTERM ends it at once if it is idle, else after --drain-seconds', async (t) => {
  const users = ['--user', 'alice:secret'];
  const idle = await serverOf(t, ...users, '--drain-seconds', '600');
  idle.server.child.kill('SIGTERM');
  t.match(await idle.server.ended, { exitCode: 0, signal: null });

  const busy = await serverOf(t, ...users, '--drain-seconds', '1');
  const client = await clientOf(t, busy.at, 'alice');
  const relayed = await client.allocate();
  const begin = performance.now();
  busy.server.child.kill('SIGTERM');
  await busy.server.logged({ event: 'stopping' });
  t.equal(await client.refresh(600), undefined, 'a draining server serves what is there');
  t.match(await busy.server.ended, { exitCode: 0, signal: null });
  t.ok(performance.now() - begin >= 1_000);
  t.match(await busy.server.logged({ event: 'allocation-ended' }), { reason: 'server-stopped' });
  const socket = createSocket('udp4').bind(relayed.port, '127.0.0.1');
  await once(socket, 'listening');
  socket.close();
});

t.test('a killed server leaves no port behind', async (t) => {
  const { server, at } = await serverOf(t, '--user', 'alice:secret');
  const relayed = [];
  for (let count = 0; count < 20; count += 1) {
    relayed.push(await (await clientOf(t, at, 'alice')).allocate());
  }
  await server.kill();
  for (const { address, port } of [at, ...relayed]) {
    const socket = createSocket('udp4').bind(port, address);
    await once(socket, 'listening');
    socket.close();
  }
});

/** Flags of coturn's client, by what they test. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  'channels, between two of its clients': ['-y'],
  'Send indications': ['-y', '-s'],
  'DONT-FRAGMENT and padded channels': ['-y', '-g', '-D'],
  'a time-limited credential': ['-y', '-W', 'shared secret'],
};

const skip = UCLIENT === undefined && "coturn's turnutils_uclient is not there";
t.test("coturn's client loses nothing", { skip }, async (t) => {
  const folder = t.testdir();
  const secrets = join(folder, 'secrets');
  writeFileSync(secrets, 'shared secret\n', { mode: 0o600 });
  const flags = ['--user', 'alice:secret', '--auth-secret-file', secrets];
  const { at } = await serverOf(t, ...flags);
  for (const [name, way] of Object.entries(WAYS)) {
    const base = ['-u', 'alice', '-w', 'secret', '-p', String(at.port), '-n', '5', '-m', '1'];
    await uclientLosesNothing(t, name, [...base, ...way, '127.0.0.1']);
  }
});
