import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parseAddress, type TransportAddress } from '../../src/address.js';
import { tenantRoot, tenantSecret } from '../../src/auth/keys.js';
import { optionKey } from '../../src/cli/config/option.js';
import { TURN_TABLE } from '../../src/cli/turn/turn-options.js';
import { mintTurnCredential } from '../../src/index.js';
import { AttributeType, UDP_PROTOCOL } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { ownLoopback } from '../setup/own-loopback.js';
import { RELAY_PORTS, TurnSocket, type TurnUser } from '../turn-server/turn-socket.js';
import { turnpike } from './in-process.js';
import { Spawned } from './spawned.js';

t.setTimeout(120_000);

const CLUSTER_SECRET = randomBytes(32);

/** Starts a relay whose directory is away. @returns it, and its address for peers */
async function relayOf(t: Test, more: readonly string[], env: Record<string, string> = {}) {
  const secret = join(t.testdirName, 'cluster');
  writeFileSync(secret, `${CLUSTER_SECRET.toString('base64')}\n`, { mode: 0o600 });
  const relay = new Spawned(
    [
      ...['relay', '--id', 'fra-1', '--region', 'fra', '--workers', '1'],
      ...['--listen', '127.0.0.1:0', '--trunk', '127.0.0.1:0', '--cluster-secret-file', secret],
      ...['--directory', `http://${ownLoopback()}:9`, '--relay-address', '127.0.0.1'],
      ...['--relay-ports', RELAY_PORTS, '--allow-peer', '127.0.0.0/8', ...more],
    ],
    env,
  );
  t.teardown(() => relay.kill());
  const { listen, http } = await relay.logged({ event: 'listening' });
  return { relay, at: parseAddress(String((listen as string[])[0])), http };
}

async function clientOf(t: Test, at: TransportAddress, user: TurnUser): Promise<TurnSocket> {
  const client = await TurnSocket.open(at, user);
  t.teardown(() => client.close());
  return client;
}

const named = (username: string): TurnUser => ({ username, password: 'secret' });

const tenantUser = (): TurnUser =>
  mintTurnCredential({
    tenantSecret: tenantSecret(tenantRoot(CLUSTER_SECRET), 'default'),
    tenant: 'default',
    user: 'bob',
    expiresAtSeconds: Math.floor(Date.now() / 1_000) + 600,
  });

/** Sends an Allocate. @returns the error code, and the realm of a challenge */
async function answer(t: Test, at: TransportAddress, user: TurnUser) {
  const message = await (await clientOf(t, at, user)).request(Method.Allocate, (writer) =>
    writer.requestedTransport(UDP_PROTOCOL),
  );
  return [message.errorCode()?.code, message.text(AttributeType.Realm)];
}

t.test('the help has the options of TURN', async (t) => {
  const { exitCode, stdout } = await turnpike(['relay', '--help']);
  t.equal(exitCode, 0);
  for (const flag of ['turn', ...Object.keys(TURN_TABLE).map(optionKey)]) {
    t.match(stdout, new RegExp(`^ +--${flag}\\b`, 'm'), flag);
  }
});

t.test('without a source of credentials no TURN is served', async (t) => {
  t.testdir();
  const { relay, at } = await relayOf(t, ['--realm', 'turn.example.org']);
  t.strictSame(await answer(t, at, named('alice')), [401, 'turnpike']);
  t.strictSame(await answer(t, at, tenantUser()), [401, 'turnpike']);
  t.notMatch(relay.logText, /TURN server at/);
  const { options } = await relay.logged({ event: 'turn-not-served' });
  t.ok((options as string[]).includes('--realm'), 'options that do nothing are named');
  t.notOk((options as string[]).includes('--deny-peer'), 'and no others');
  relay.child.kill('SIGTERM');
  t.match(await relay.ended, { exitCode: 0, signal: null });
});

t.test('a file without any credential is an error', async (t) => {
  const folder = t.testdir({ users: '# alice:secret\n', cluster: '' });
  const secret = join(folder, 'cluster');
  writeFileSync(secret, `${CLUSTER_SECRET.toString('base64')}\n`, { mode: 0o600 });
  const { exitCode, stderr } = await turnpike([
    ...['relay', '--id', 'fra-1', '--region', 'fra', '--directory', 'http://127.0.0.1:9'],
    ...['--listen', '127.0.0.1:0', '--trunk', '127.0.0.1:0', '--cluster-secret-file', secret],
    ...['--users-file', join(folder, 'users')],
  ]);
  t.equal(exitCode, 2);
  t.match(stderr, /--users-file .*users: there is no credential in it/);
});

t.test('it serves every source, by flag, file and variable, and reloads', async (t) => {
  const folder = t.testdir({ users: 'carl:secret\n' });
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  write('fra.yaml', 'turn: true\nusers-file: users\nhttp: 127.0.0.1:0\nuser-quota: 9\n');
  const { relay, at, http } = await relayOf(t, ['--config', join(folder, 'fra.yaml')], {
    TURNPIKE_RELAY_USER: 'alice:secret',
    TURNPIKE_RELAY_REALM: 'turn.example.org',
  });
  const noted = await relay.logged({ event: 'note' });
  t.match(noted.msg, /^TURN server at turn:127\.0\.0\.1:\d+\?transport=udp$/);
  const relays = await relay.logged({ event: 'note', relayPorts: RELAY_PORTS });
  t.match(relays.msg, /^relays from 127\.0\.0\.1, UDP ports 61000-65535/);
  const peers = await relay.logged({ event: 'note', allowPrivatePeers: false });
  t.match(peers.msg, /allows 127\.0\.0\.0\/8$/);
  for (const user of [named('alice'), named('carl'), tenantUser()]) {
    t.strictSame(await answer(t, at, user), [undefined, undefined], user.username);
  }
  t.strictSame(await answer(t, at, named('dora')), [401, 'turn.example.org']);
  t.match(await (await fetch(`${http}/metrics`)).text(), /^turnpike_turn_allocations 3$/m);

  write('users', 'dora:secret\n');
  write('fra.yaml', 'turn: true\nusers-file: users\nhttp: 127.0.0.1:0\nuser-quota: 1\n');
  relay.child.kill('SIGHUP');
  t.match(await relay.logged({ event: 'reload', item: 'users-file' }), { result: 'changed' });
  t.match(await relay.logged({ event: 'reload', item: 'user-quota' }), { result: 'changed' });
  t.strictSame(await answer(t, at, named('dora')), [undefined, undefined]);
  t.strictSame(await answer(t, at, named('dora')), [486, undefined]);
  t.strictSame(await answer(t, at, named('carl')), [401, 'turn.example.org']);
  t.match(await relay.logged({ event: 'allocation-ended' }), { reason: 'user-removed' });
  t.notMatch(relay.logText, /:secret/);
});

t.test('SIGTERM waits for allocations, and sends new clients elsewhere', async (t) => {
  t.testdir();
  const alternate = ['--alternate-server', '127.0.0.9:3478'];
  const { relay, at } = await relayOf(t, ['--turn', '--drain-seconds', '600', ...alternate]);
  const client = await clientOf(t, at, tenantUser());
  await client.allocate();
  relay.child.kill('SIGTERM');
  await relay.logged({ event: 'stopping' });
  t.strictSame(await answer(t, at, tenantUser()), [300, undefined]);
  t.equal(await client.refresh(0), undefined);
  t.match(await relay.ended, { exitCode: 0, signal: null });
});
