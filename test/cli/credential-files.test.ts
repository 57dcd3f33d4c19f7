import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import t from 'tap';
import { STATIC_USERS_MAX, USERS_FILE_BYTES_MAX } from '../../src/auth/static-users.js';
import { CredentialTexts } from '../../src/cli/turn/credential-texts.js';
import { SMALL_FILE_BYTES_MAX } from '../../src/files/small-file.js';
import { Spawned } from './spawned.js';

t.setTimeout(120_000);

const LOOPBACK = ['turn', '--listen', '127.0.0.1:0', '--relay-address', '127.0.0.1'];

t.test('a wait for a pipe without a writer is told, and a signal ends it at once', async (t) => {
  const pipe = join(t.testdir(), 'pipe');
  execFileSync('mkfifo', [pipe]);
  for (const [argv, exitCode] of [
    [[...LOOPBACK, '--users-file', pipe], 0],
    [['secret', 'tenant', 'acme', '--cluster-secret-file', pipe], 143],
  ] as const) {
    const program = new Spawned(argv);
    t.teardown(() => program.kill());
    const { msg } = await program.logged({ event: 'slow-file' });
    t.match(msg, `${pipe}: waiting for its content, 60 s at most`);
    program.child.kill('SIGTERM');
    t.match(await program.ended, { exitCode, signal: null });
    t.notMatch(program.logText, /stop-timeout/);
  }
});

t.test('the bound of a file of users has room for the maximum of them', async (t) => {
  const lines = Array.from({ length: 10_000 }, (_, i) => `user${i}:0x${'ab'.repeat(16)}\r\n`);
  const usersFile = join(t.testdir(), 'users');
  writeFileSync(usersFile, lines.join(''), { mode: 0o600 });
  t.ok(lines.join('').length > SMALL_FILE_BYTES_MAX);
  const texts = await CredentialTexts.read({
    options: { user: [], authSecret: [], usersFile },
    sourceOf: (name) => name,
    logger: pino({ enabled: false }),
    stop: new AbortController().signal,
  });
  t.equal(texts.all.users.length, lines.length);
  const longest = `${'u'.repeat(508)}:0x${'ab'.repeat(16)}\r\n`;
  t.equal(USERS_FILE_BYTES_MAX, STATIC_USERS_MAX * longest.length);
});
