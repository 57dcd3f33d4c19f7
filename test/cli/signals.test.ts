import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { trapSignals } from '../../src/cli/signals.js';
import { makePem } from './reload/pem.js';
import { Spawned } from './spawned.js';

t.setTimeout(300_000);

interface Scene {
  readonly folder: string;
  readonly write: (name: string, text: string) => void;
  readonly run: (...argv: string[]) => Spawned;
}

function scene(t: Test): Scene {
  const folder = t.testdir();
  const write = (name: string, text: string) =>
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  write('cluster', `${randomBytes(32).toString('base64')}\n`);
  write('key', 'first-key-0123456789\n');
  const run = (...argv: string[]) => {
    const process = new Spawned(argv);
    t.teardown(() => process.kill());
    return process;
  };
  return { folder, write, run };
}

const DIRECTORY = 'listen: 127.0.0.1:0\ncluster-secret-file: cluster\napi-key-file: key\n';
const RELAY =
  'id: fra-1\nregion: fra\nlisten: 127.0.0.1:0\ntrunk: 127.0.0.1:0\nworkers: 1\n' +
  'directory: http://127.0.0.1:9\ncluster-secret-file: cluster\nhttp: 127.0.0.1:0\n';

/** Waits until an item's reload was logged this many times, and returns the last line. */
async function reloads(process: Spawned, item: string, count: number) {
  const lines = () => process.log.filter((line) => line.event === 'reload' && line.item === item);
  while (lines().length < count) await delay(10);
  return lines()[count - 1];
}

t.test('SIGHUP reloads a directory and logs the result of each item', async (t) => {
  const { folder, write, run } = scene(t);
  const [first, second] = [makePem('first', 400), makePem('second', 400)];
  write('cert', first.cert);
  write('tls', first.key);
  const yaml = `${DIRECTORY}tls-cert: cert\ntls-key: tls\n`;
  write('directory.yaml', yaml);
  const directory = run('directory', '--config', join(folder, 'directory.yaml'));
  const { host, port } = splitUrl(String((await directory.logged({ event: 'listening' })).url));
  const open = await dial(t, host, port);
  const hangUp = () => directory.child.kill('SIGHUP');

  hangUp();
  for (const item of ['tls', 'api-key-file', 'log-level']) {
    t.match(await reloads(directory, item, 1), { result: 'unchanged' }, item);
  }
  write('cert', second.cert);
  write('key', 'second-key-0123456789\n');
  write('cluster', `${randomBytes(32).toString('base64')}\n`);
  write('directory.yaml', `${yaml}log-level: debug\n`.replace('127.0.0.1:0', '127.0.0.1:9'));
  hangUp();
  t.match(await reloads(directory, 'tls', 2), { result: 'kept', level: 40 });
  t.match(await reloads(directory, 'api-key-file', 2), { result: 'changed' });
  t.match(await reloads(directory, 'log-level', 2), { result: 'changed' });
  t.match(await reloads(directory, 'listen', 1), { result: 'restart-needed' });
  t.match(await reloads(directory, 'cluster-secret-file', 1), { result: 'restart-needed' });

  write('tls', second.key);
  write('directory.yaml', `${yaml}log-level: nonsense\n`);
  hangUp();
  t.match(await reloads(directory, 'tls', 3), { result: 'changed' });
  t.match(await reloads(directory, 'config', 1), { result: 'kept', reason: /log-level/ });
  t.equal((await dial(t, host, port)).getPeerCertificate().subject.CN, 'second');
  t.equal(await statusOf(open, 'second-key-0123456789'), 200, 'an open connection continues');
  t.equal(await statusOf(open, 'first-key-0123456789'), 401);
  t.notMatch(directory.logText, /second-key/, 'no secret is logged');
  directory.child.kill('SIGTERM');
  t.match(await directory.ended, { exitCode: 0, signal: null });
});

t.test('renewed TLS files are applied without a signal', async (t) => {
  const { folder, write, run } = scene(t);
  const [first, second] = [makePem('first', 400), makePem('second', 5)];
  write('cert', first.cert);
  write('tls', first.key);
  write('directory.yaml', `${DIRECTORY}tls-cert: cert\ntls-key: tls\n`);
  const directory = run('directory', '--config', join(folder, 'directory.yaml'));
  const { host, port } = splitUrl(String((await directory.logged({ event: 'listening' })).url));
  write('cert', second.cert);
  write('tls', second.key);
  t.match(await reloads(directory, 'tls', 1), { result: 'changed' });
  t.equal((await dial(t, host, port)).getPeerCertificate().subject.CN, 'second');
  t.match(await directory.logged({ event: 'certificate-expires' }), { days: 4 });
});

t.test('SIGHUP reloads a relay, and SIGUSR1, SIGUSR2 and SIGPIPE do not end it', async (t) => {
  const { folder, write, run } = scene(t);
  write('relay.yaml', RELAY);
  const relay = run('relay', '--config', join(folder, 'relay.yaml'));
  const { http } = await relay.logged({ event: 'listening' });
  write('relay.yaml', `${RELAY}challenges-burst: 7\nworkers: 2\n`.replace('workers: 1\n', ''));
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGPIPE', 'SIGHUP'] as const) {
    relay.child.kill(signal);
  }
  t.match(await reloads(relay, 'challenge-budget', 1), { result: 'changed', msg: /7 at once/ });
  t.match(await reloads(relay, 'workers', 1), { result: 'restart-needed', msg: /relay\.yaml/ });
  t.ok(await relay.logged({ event: 'signal-ignored', signal: 'SIGUSR1' }));
  t.ok(await relay.logged({ event: 'signal-ignored', signal: 'SIGUSR2' }));
  t.notMatch(relay.logText, /[Dd]ebugger/, 'SIGUSR1 does not start the inspector');
  t.equal((await fetch(`${http}/healthz`)).status, 200);
  const ready = await fetch(`${http}/readyz`);
  t.equal(ready.status, 503);
  t.match(await ready.json(), { status: 'failed', reasons: [{ code: 'not-registered' }] });
  relay.child.kill('SIGQUIT');
  t.match(await relay.ended, { exitCode: 0, signal: null });
});

t.test('SIGHUP during the start does not end a server, and SIGTERM ends it', async (t) => {
  const { folder, write, run } = scene(t);
  write('directory.yaml', DIRECTORY);
  const started = async (signal: NodeJS.Signals) => {
    const directory = run('directory', '--config', join(folder, 'directory.yaml'));
    while (!caught(directory.child.pid, signal)) await delay(1);
    directory.child.kill(signal);
    return directory;
  };
  const hungUp = await started('SIGHUP');
  await hungUp.logged({ event: 'listening' });
  hungUp.child.kill('SIGHUP');
  await reloads(hungUp, 'api-key-file', 1);
  hungUp.child.kill('SIGTERM');
  t.match(await hungUp.ended, { exitCode: 0 });
  const stopped = await started('SIGTERM');
  const { exitCode, signal } = await stopped.ended;
  t.ok(exitCode === 0 || signal === 'SIGTERM', `${exitCode} ${signal}`);
});

t.test('the same signal right after the first does not count as a second one', async (t) => {
  const { folder, write, run } = scene(t);
  write('relay.yaml', RELAY);
  const interrupted = async () => {
    const relay = run('relay', '--config', join(folder, 'relay.yaml'));
    await relay.logged({ event: 'listening' });
    relay.child.kill('SIGINT');
    await relay.logged({ event: 'stopping' });
    relay.child.kill('SIGINT');
    return (await relay.ended).exitCode;
  };
  let exitCode = await interrupted();
  // On a busy machine the second signal may come so late that it counts.
  for (let tries = 1; exitCode === 130 && tries < 5; tries += 1) exitCode = await interrupted();
  t.equal(exitCode, 0);
});

t.test(
  'another signal, or the same one after more than 250 ms, ends the process at once',
  async (t) => {
    const codes: number[] = [];
    const send = (signal: NodeJS.Signals) => process.emit(signal, signal);
    const trap = trapSignals((code) => void codes.push(code));
    t.teardown(() => trap.release());
    send('SIGINT');
    send('SIGINT');
    t.equal(trap.stop.reason, 'SIGINT');
    t.strictSame(codes, []);
    send('SIGTERM');
    await delay(300);
    send('SIGINT');
    send('SIGQUIT');
    t.strictSame(codes, [143, 130, 131]);
  },
);

t.test('a process continues after SIGTSTP and SIGCONT', async (t) => {
  const { folder, write, run } = scene(t);
  write('relay.yaml', RELAY);
  const relay = run('relay', '--config', join(folder, 'relay.yaml'));
  const { http } = await relay.logged({ event: 'listening' });
  relay.child.kill('SIGTSTP');
  await delay(3_000);
  relay.child.kill('SIGCONT');
  t.equal((await fetch(`${http}/healthz`)).status, 200);
  relay.child.kill('SIGTERM');
  t.match(await relay.ended, { exitCode: 0 });
});

t.test('SIGHUP ends a peer on a terminal, and not one without a terminal', async (t) => {
  const { folder, write, run } = scene(t);
  write('directory.yaml', DIRECTORY);
  const directory = run('directory', '--config', join(folder, 'directory.yaml'));
  const { url } = await directory.logged({ event: 'listening' });
  const argv = ['peer', '--directory', String(url), '--room', 'r'];
  const more = ['--api-key-file', join(folder, 'key'), '--udp-listen', '127.0.0.1:0'];
  const peer = run(...argv, ...more, '--log-level', 'debug');
  await peer.logged({ event: 'udp' });
  peer.child.kill('SIGHUP');
  await peer.logged({ event: 'signal-ignored', signal: 'SIGHUP' });
  t.equal(peer.child.exitCode, null, 'as under nohup');
  const [command = '', ...words] = peer.child.spawnargs;
  const onTerminal = spawn('python3', ['-c', ON_TERMINAL, command, ...words], { stdio: 'pipe' });
  t.teardown(() => onTerminal.kill('SIGKILL'));
  let said = '';
  onTerminal.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = await once(onTerminal, 'close');
  t.equal(code, 0, said);
  t.match(said, /^ended/m);
});

t.test('SIGHUP stays ignored where the parent ignores it', async (t) => {
  const { folder, write, run } = scene(t);
  write('directory.yaml', DIRECTORY);
  const probe = run(
    'directory',
    '--config',
    join(folder, 'directory.yaml'),
    '--log-level',
    'debug',
  );
  await probe.logged({ event: 'listening' });
  const line = probe.child.spawnargs.map((word) => `'${word}'`).join(' ');
  const shell = spawn('sh', ['-c', `trap '' HUP; ${line}; exit $?`], { stdio: 'pipe' });
  t.teardown(() => shell.kill('SIGKILL'));
  let log = '';
  shell.stderr.on('data', (chunk) => {
    log += chunk;
  });
  while (!log.includes('"listening"')) await delay(10);
  const child = Number(readFileSync(`/proc/${shell.pid}/task/${shell.pid}/children`, 'utf8'));
  process.kill(child, 'SIGHUP');
  while (!log.includes('signal-ignored')) await delay(10);
  t.notMatch(log, /"reload"/);
  process.kill(child, 'SIGTERM');
  t.strictSame(await once(shell, 'close'), [0, null]);
});

t.test('a blocked forwarding thread fails the liveness probe', async (t) => {
  const { folder, write, run } = scene(t);
  write('relay.yaml', RELAY);
  const relay = run('relay', '--config', join(folder, 'relay.yaml'));
  const { http } = await relay.logged({ event: 'listening' });
  const { pid } = relay.child;
  const thread = readdirSync(`/proc/${pid}/task`).find(
    (tid) => readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8') === 'turnpike-0\n',
  );
  const holder = spawn('python3', ['-c', HOLD_THREAD, String(thread)], { stdio: 'pipe' });
  t.teardown(() => holder.kill('SIGKILL'));
  const [first] = await once(holder.stdout, 'data');
  t.match(String(first), /^held/);
  await relay.logged({ event: 'worker-stuck' });
  const answer = await fetch(`${http}/healthz`);
  t.equal(answer.status, 503);
  t.match(await answer.json(), { status: 'failed' });
  holder.stdin.end();
  await relay.logged({ event: 'worker-back' });
  t.equal((await fetch(`${http}/healthz`)).status, 200);
});

/** Starts a command on its own terminal, closes the terminal, and waits for the command. */
const ON_TERMINAL = `
import os, pty, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b''
while b'taking UDP' not in seen:
    seen += os.read(terminal, 4096)
os.close(terminal)
for _ in range(600):
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        print('ended', status, flush=True)
        sys.exit(0)
    time.sleep(0.05)
os.kill(pid, 9)
sys.exit(1)
`;

/** Stops one thread by PTRACE_SEIZE and PTRACE_INTERRUPT until standard input ends. */
const HOLD_THREAD = `
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 2 + [ctypes.c_void_p] * 2
tid = int(sys.argv[1])
if libc.ptrace(0x4206, tid, None, None) or libc.ptrace(0x4207, tid, None, None):
    sys.exit('ptrace: errno %d' % ctypes.get_errno())
print('held', flush=True)
sys.stdin.read()
libc.ptrace(17, tid, None, None)
`;

function splitUrl(text: string): { host: string; port: number } {
  const url = new URL(text);
  return { host: url.hostname, port: Number(url.port) };
}

async function dial(t: Test, host: string, port: number): Promise<TLSSocket> {
  const socket = connectTls({ host, port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  t.teardown(() => socket.destroy());
  return socket;
}

/** Sends a request with an API key on an open connection. @returns the status */
async function statusOf(socket: TLSSocket, key: string): Promise<number> {
  socket.write(`GET /v1/relays HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\n\r\n`);
  const [answer] = await once(socket, 'data');
  return Number(/^HTTP\/1\.1 (\d+)/.exec(String(answer))?.[1]);
}

/** Returns whether a process has a handler for SIGHUP or SIGTERM. */
function caught(pid: number | undefined, signal: 'SIGHUP' | 'SIGTERM' | NodeJS.Signals): boolean {
  const bit = signal === 'SIGHUP' ? 0 : 14;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mask = BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1]}`);
  return ((mask >> BigInt(bit)) & 1n) === 1n;
}
