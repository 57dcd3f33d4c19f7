import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ownLoopback } from '../setup/own-loopback.js';
import { turnpike } from './in-process.js';
import { Spawned } from './spawned.js';

t.setTimeout(120_000);

function secretFiles(t: Test, ...names: string[]): string[] {
  const folder = t.testdir();
  return names.map((name) => {
    const file = join(folder, name);
    writeFileSync(file, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    return file;
  });
}

function spawned(t: Test, argv: readonly string[], env: Record<string, string> = {}): Spawned {
  const process = new Spawned(argv, env);
  t.teardown(() => process.kill());
  return process;
}

t.test('directory and relay run, answer HTTP, and stop with 0 on SIGTERM', async (t) => {
  const [cluster = '', key = '', otherKey = ''] = secretFiles(t, 'cluster', 'key', 'other');
  // Nobody listens there after it has ended.
  const listen = `${ownLoopback()}:0`;
  const directory = spawned(t, ['directory', '--listen', listen, '--http', '127.0.0.1:0'], {
    TURNPIKE_DIRECTORY_CLUSTER_SECRET_FILE: cluster,
    TURNPIKE_DIRECTORY_API_KEY_FILE: key,
  });
  const at = await directory.logged({ event: 'listening' });
  const url = String(at.url);
  const config = join(t.testdirName, 'relay.yaml');
  writeFileSync(
    config,
    `id: fra-1\nregion: fra\nlisten: 127.0.0.1:0\ntrunk: ["127.0.0.1:0"]\ndirectory: ${url}\n` +
      'cluster-secret-file: cluster\nhttp: 127.0.0.1:0\nworkers: 1\n',
  );
  const relay = spawned(t, ['relay', '--config', config]);
  const listening = await relay.logged({ event: 'listening' });
  t.match(listening, { id: 'fra-1', listen: [/^127\.0\.0\.1:[1-9]/], trunk: [/^127\.0\.0\.1:/] });
  t.match(await relay.logged({ event: 'registered' }), { id: 'fra-1', directory: url });
  const get = (path: string) => fetch(`${listening.http}${path}`);
  t.match(await (await get('/healthz')).json(), { status: 'ok' });
  t.match(await (await get('/metrics')).text(), /^# TYPE turnpike_relay_legs gauge$/m);
  t.equal((await get('/other')).status, 404);
  t.equal((await fetch(`${url}/healthz`)).status, 200);
  t.equal((await fetch(`${url}/metrics`)).status, 404, 'not on the public listener');
  const measured = await (await fetch(`${at.http}/metrics`)).text();
  t.match(measured, /^turnpike_directory_relays\{state="ready"\} [01]$/m);

  const peer = ['peer', '--directory', url, '--room', 'r', '--udp-listen', '127.0.0.1:0'];
  const refused = await turnpike([...peer, '--api-key-file', otherKey]);
  t.equal(refused.exitCode, 4, refused.stderr);

  for (const process of [relay, directory]) {
    process.child.kill('SIGTERM');
    t.match(await process.ended, { exitCode: 0, signal: null });
    t.match(await process.logged({ event: 'stopping' }), { signal: 'SIGTERM' });
  }
  const patience = ['--reconnect-seconds', '2'];
  const unreachable = await turnpike([...peer, '--api-key-file', key, ...patience]);
  t.equal(unreachable.exitCode, 3, unreachable.stderr);
  t.match(unreachable.stderr, /ERR_TURNPIKE_DIRECTORY_UNREACHABLE/);
});

t.test('an address in use ends with 1 and a message with the address', async (t) => {
  const [cluster = '', key = ''] = secretFiles(t, 'cluster', 'key');
  const secrets = ['--cluster-secret-file', cluster, '--api-key-file', key];
  const first = spawned(t, ['directory', '--listen', '127.0.0.1:0', ...secrets]);
  const url = new URL(String((await first.logged({ event: 'listening' })).url));
  const second = await turnpike(['directory', '--listen', url.host, ...secrets]);
  t.equal(second.exitCode, 1);
  t.match(JSON.parse(second.stderr), { code: 'ERR_TURNPIKE_BIND', msg: new RegExp(url.host) });
  const free = ['--listen', '127.0.0.1:0'];
  const third = await turnpike(['directory', ...free, '--http', url.host, ...secrets]);
  t.equal(third.exitCode, 1, 'no listener is left');
  t.match(third.stderr, /ERR_TURNPIKE_BIND/);
});
