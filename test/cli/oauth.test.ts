import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parseAddress } from '../../src/address.js';
import { AttributeType, UDP_PROTOCOL } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { mintToken, type TestKey } from '../auth/access-tokens.js';
import { RELAY_PORTS, TurnSocket } from '../turn-server/turn-socket.js';
import { turnpike } from './in-process.js';
import { Spawned } from './spawned.js';
import { UCLIENT, uclientLosesNothing } from './uclient.js';

t.setTimeout(120_000);

const LOOPBACK = [
  ...['turn', '--listen', '127.0.0.1:0', '--relay-address', '127.0.0.1', '--workers', '1'],
  ...['--allow-peer', '127.0.0.0/8', '--relay-ports', RELAY_PORTS, '--mobility'],
];

/** The keys that coturn's client has built in, of which it takes any for each Refresh. */
const OF_UCLIENT = [
  'realm=a, kid=north, ikm_key=MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEK, as_rs_alg=A256GCM',
  'realm=a, kid=union, ikm_key=MTIzNDU2Nzg5MDEyMzQ1Ngo=, as_rs_alg=A128GCM',
  'realm=a, kid=oldempire, ikm_key=MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIK, as_rs_alg=A256GCM',
].join('\n');

const { AccessToken, Nonce, Realm, ThirdPartyAuthorization, Username } = AttributeType;

/** A file beside that of the keys. */
const COTURN_CONF = 'oauth\nno-tcp\nserver-name=turn.example.org\n';

/** Starts a server. @returns it, its address, and the file with its keys */
async function serverOf(t: Test, keys: string, ...more: string[]) {
  const file = join(t.testdir({ 'turnserver.conf': COTURN_CONF }), 'keys');
  writeFileSync(file, keys, { mode: 0o600 });
  const server = new Spawned([...LOOPBACK, '--oauth-keys-file', file, ...more]);
  t.teardown(() => server.kill());
  const { urls } = await server.logged({ event: 'listening' });
  const [, address = ''] = /^turn:(.*)\?transport=udp$/.exec(String((urls as string[])[0])) ?? [];
  return { server, file, at: parseAddress(address) };
}

/** A client with a token for the server's name. @returns what an Allocate with it gets */
async function allocation(t: Test, at: ReturnType<typeof parseAddress>, kid: string, key: TestKey) {
  const client = await TurnSocket.open(at, { username: kid, password: '' });
  t.teardown(() => client.close());
  const writer = () => new MessageWriter('request', Method.Allocate, randomBytes(12));
  const challenge = await client.exchange(writer().requestedTransport(UDP_PROTOCOL).finish());
  const macKey = randomBytes(20);
  const serverName = challenge.text(ThirdPartyAuthorization) ?? '';
  const token = mintToken(key, {
    ...{ serverName, macKey, lifetimeSeconds: 3_600 },
    timestampSeconds: Math.floor(Date.now() / 1_000),
  });
  const request = writer().requestedTransport(UDP_PROTOCOL).text(Username, kid);
  request.text(Realm, challenge.text(Realm) ?? '').text(Nonce, challenge.text(Nonce) ?? '');
  const response = await client.exchange(
    request.bytes(AccessToken, token).integrity('sha1', macKey).finish(),
  );
  return { serverName, code: response.errorCode()?.code };
}

const lineOf = (kid: string, { key, algorithm }: TestKey) =>
  `kid=${kid}, ikm_key=${Buffer.from(key).toString('base64')}, as_rs_alg=${algorithm}\n`;
const FIRST: TestKey = { key: randomBytes(32), algorithm: 'A256GCM' };
const SECOND: TestKey = { key: randomBytes(16), algorithm: 'A128GCM' };

t.test('keys of a file count, and those that are there later', async (t) => {
  const name = ['--oauth-server-name', 'turn.example.org'];
  const { server, file, at } = await serverOf(t, lineOf('a', FIRST), ...name);
  const first = await allocation(t, at, 'a', FIRST);
  t.strictSame(first, { serverName: 'turn.example.org', code: undefined });
  t.equal((await allocation(t, at, 'a', SECOND)).code, 401);

  writeFileSync(file, lineOf('b', SECOND));
  server.child.kill('SIGHUP');
  t.match(await server.logged({ event: 'reload', item: 'oauth-keys-file' }), { result: 'changed' });
  const ended = await server.logged({ event: 'allocation-ended' });
  t.match(ended, { reason: 'user-removed', username: 'a' });
  t.equal((await allocation(t, at, 'a', FIRST)).code, 401);
  t.equal((await allocation(t, at, 'b', SECOND)).code, undefined);

  writeFileSync(file, 'topsecret\n');
  server.child.kill('SIGHUP');
  await server.logged({ event: 'reload', item: 'oauth-keys-file', result: 'kept' });
  t.equal((await allocation(t, at, 'b', SECOND)).code, undefined, 'the keys before stay');
  t.notMatch(server.logText, /topsecret/);
});

t.test('a wrong file of keys ends with 2, and is not shown', async (t) => {
  const folder = t.testdir({
    empty: '\n',
    comment: '# none\n',
    keys: 'kid=a, ikm_key=topsecret\n',
  });
  const table: [string, RegExp][] = [
    ['empty', /--oauth-keys-file .*it is empty/],
    ['comment', /--oauth-keys-file .*: there is no credential in it/],
    ['keys', /--oauth-keys-file .*keys line 1: the key is shorter than 32 bytes/],
    ['absent', /--oauth-keys-file .*absent/],
  ];
  for (const [name, message] of table) {
    const path = join(folder, name);
    const { exitCode, stderr } = await turnpike([...LOOPBACK, '--oauth-keys-file', path]);
    t.equal(exitCode, 2, name);
    t.match(stderr, message);
    t.notMatch(stderr, /topsecret/);
  }
});

t.test("coturn's oauth needs the keys, which its database has", async (t) => {
  const folder = t.testdir({ 'turnserver.conf': COTURN_CONF });
  const conf = ['--coturn-config', join(folder, 'turnserver.conf')];
  const { exitCode, stderr } = await turnpike([...LOOPBACK, ...conf, '--user', 'a:b']);
  t.equal(exitCode, 2);
  t.match(stderr, /turnserver\.conf:1 \(oauth\): .*give it as --oauth-keys-file/);
  const { at } = await serverOf(t, lineOf('a', FIRST), ...conf);
  const made = await allocation(t, at, 'a', FIRST);
  t.strictSame(made, { serverName: 'turn.example.org', code: undefined });
});

/** Flags of coturn's client, by what they test. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  'channels, between two of its clients': ['-y'],
  'Send indications': ['-y', '-s'],
  'mobility, with a new token for each move': ['-y', '-M'],
};

const skip = UCLIENT === undefined && "coturn's turnutils_uclient is not there";
t.test("coturn's client loses nothing with its tokens", { skip }, async (t) => {
  const { at } = await serverOf(t, OF_UCLIENT);
  for (const [name, way] of Object.entries(WAYS)) {
    const base = ['-J', '-p', String(at.port), '-n', '5', '-m', '1'];
    await uclientLosesNothing(t, name, [...base, ...way, '127.0.0.1']);
  }
});
