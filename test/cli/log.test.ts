import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { LOG_BUFFER_BYTES_MAX } from '../../src/logging/log-destination.js';
import { ownLoopback } from '../setup/own-loopback.js';
import { programArguments } from '../setup/test-programs.js';
import { until } from '../until.js';
import { MAIN_PROGRAM } from './main-program.js';

t.setTimeout(120_000);

const CHATTY = fileURLToPath(new URL('programs/chatty.ts', import.meta.url));
const TERMINAL = fileURLToPath(new URL('programs/stopped-terminal.py', import.meta.url));
const program = (lines: number) => [...programArguments(CHATTY), String(lines)];

/** So many lines that they exceed the log's buffer. */
const MANY = 20_000;

interface Chatty {
  /** Lets the program log this many more lines, and waits for that. */
  say(lines: number): Promise<void>;
  started: Promise<void>;
  /** Sends SIGTERM. @returns the exit code and the time until the end, ms */
  stop(): Promise<{ exitCode: number | null; ms: number }>;
}

/** Starts the program; its log goes to the descriptor `stderr`. */
function chatty(t: Test, stderr: number, lines: number): Chatty {
  const child = spawn(process.execPath, program(lines), { stdio: ['pipe', 'pipe', stderr] });
  t.teardown(() => child.kill('SIGKILL'));
  const words = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const said = words[Symbol.asyncIterator]();
  const next = async () => {
    const { value } = await said.next();
    if (value === undefined) throw new Error('it ended');
  };
  return {
    started: next(),
    say: async (more) => {
      child.stdin?.write(`${more}\n`);
      await next();
    },
    stop: async () => {
      const since = performance.now();
      child.kill('SIGTERM');
      const [exitCode] = (await once(child, 'exit')) as [number | null];
      return { exitCode, ms: performance.now() - since };
    },
  };
}

/** Makes a named pipe. */
function fifo(t: Test): string {
  const path = join(t.testdir(), 'fifo');
  execFileSync('mkfifo', [path]);
  return path;
}

/** Opens a file; the end of the test closes it. */
function opened(t: Test, path: string, flags: number): number {
  const fd = openSync(path, flags);
  t.teardown(() => closeSync(fd));
  return fd;
}

const READ_END = constants.O_RDWR | constants.O_NONBLOCK;

function linesOf(text: string): Record<string, unknown>[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

function allThere(t: Test, lines: readonly Record<string, unknown>[], all: number): void {
  const lost = lines.filter(({ event }) => event === 'log-lost');
  const left = lost.reduce((sum, line) => sum + Number(line.lines), 0);
  t.ok(left > 0, 'some lines are lost');
  t.equal(lines.length - lost.length + left, all, 'each line is written or counted as lost');
}

t.test(
  'a program does not wait for a pipe that is not read, and logs the number of lost lines',
  async (t) => {
    const path = fifo(t);
    const end = opened(t, path, READ_END);
    const one = chatty(t, opened(t, path, constants.O_WRONLY), MANY);
    await one.started;
    await one.say(MANY);
    let text = '';
    const buffer = Buffer.alloc(1 << 20);
    const readAll = async (until: RegExp) => {
      for (let tries = 0; tries < 400 && !until.test(text); tries++) {
        try {
          text += buffer.toString('utf8', 0, readSync(end, buffer));
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    };
    await readAll(/"event":"log-lost"/);
    t.match(text, /"reason":"EAGAIN"/);
    await readAll(/never/);
    allThere(t, linesOf(text), 2 * MANY);

    await one.say(MANY);
    const { exitCode, ms } = await one.stop();
    t.equal(exitCode, 0, 'SIGTERM ends it while the pipe is not read');
    t.ok(ms < 10_000, 'the end does not wait for a reader');
  },
);

t.test('logging continues with another reader after the first has closed the pipe', async (t) => {
  const path = fifo(t);
  const end = openSync(path, READ_END);
  const writing = openSync(path, constants.O_WRONLY);
  const one = chatty(t, writing, 1);
  await one.started;
  closeSync(writing);
  readSync(end, Buffer.alloc(65_536));
  closeSync(end);
  await one.say(3);
  const again = opened(t, path, constants.O_RDONLY | constants.O_NONBLOCK);
  const { exitCode } = await one.stop();
  t.equal(exitCode, 0);
  const buffer = Buffer.alloc(65_536);
  const text = buffer.toString('utf8', 0, readSync(again, buffer));
  t.equal(linesOf(text).length, 4, 'the lines without a reader, and the last line');
});

t.test('a program with a full disk continues, and ends on SIGTERM', async (t) => {
  const one = chatty(t, opened(t, '/dev/full', constants.O_WRONLY), MANY);
  await one.started;
  await one.say(5);
  t.equal((await one.stop()).exitCode, 0, 'SIGTERM ends it');
});

const isRoot = process.getuid?.() === 0;

t.test(
  'lines lost on a full disk are counted once there is space again',
  { skip: !isRoot && 'mount needs root' },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'turnpike-log-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'turnpike-test', folder]);
    const remove = () => {
      execFileSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true });
    };
    process.once('exit', remove);
    t.teardown(() => {
      process.off('exit', remove);
      remove();
    });
    writeFileSync(join(folder, 'other'), Buffer.alloc(128 * 1024));
    const path = join(folder, 'log');
    const log = openSync(path, 'a');
    t.teardown(() => closeSync(log));
    const one = chatty(t, log, MANY);
    await one.started;
    await until(() => readFileSync(path).length >= 100 * 1024);
    await one.say(1);
    rmSync(join(folder, 'other'));
    execFileSync('mount', ['-o', 'remount,size=16m', folder]);
    await until(() => /log-lost/.test(readFileSync(path, 'utf8')));
    t.match(readFileSync(path, 'utf8'), /"event":"log-lost".*"reason":"ENOSPC"/);
    await one.say(MANY);
    await until(() => (readFileSync(path, 'utf8').match(/log-lost/g) ?? []).length === 2);
    await one.say(3);
    t.equal((await one.stop()).exitCode, 0);
    const lines = linesOf(readFileSync(path, 'utf8'));
    allThere(t, lines, 2 * MANY + 1 + 3 + 1);
    const reasons = lines.filter(({ event }) => event === 'log-lost').map(({ reason }) => reason);
    t.strictSame(reasons, ['ENOSPC', 'EAGAIN'], 'the reason of each loss');
    t.match(lines.at(-1), { event: 'stopped' }, 'the last line before the end is written');
  },
);

t.test('process.exit writes the lines that are queued behind a pending write', async (t) => {
  const module = new URL('../../src/cli/log.ts', import.meta.url).href;
  const source = `
    const { openLog } = await import('${module}');
    const { logger } = await openLog('info', process.stderr);
    for (let line = 0; line < 3_000; line++) logger.info({ line }, 'a line');
    process.exit(3);
  `;
  for (const flags of ['w', 'a']) {
    const path = join(t.testdir(), 'log');
    writeFileSync(path, '{"line":"before"}\n');
    const log = openSync(path, flags);
    const argv = ['--import', 'tsx', '--input-type=module', '-e', source];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', log] });
    closeSync(log);
    t.strictSame(await once(child, 'exit'), [3, null]);
    const lines = linesOf(readFileSync(path, 'utf8')).map(({ line }) => line);
    const said = Array.from({ length: 3_000 }, (_, line) => line);
    t.strictSame(lines, flags === 'a' ? ['before', ...said] : said, 'each line once, in order');
  }
});

t.test('a program does not wait for a stopped terminal, and ends on SIGTERM', async (t) => {
  const child = spawn('python3', [TERMINAL, process.execPath, ...program(MANY)]);
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  t.teardown(() => child.kill('SIGKILL'));
  const [exitCode] = (await once(child, 'close')) as [number | null];
  t.equal(exitCode, 0, 'SIGTERM ends it');
  t.match(text, new RegExp(`^${MANY}\n`), 'logging does not wait');
});

t.test('a directory serves although its log cannot be written', async (t) => {
  const folder = t.testdir();
  const secret = (name: string) => {
    const file = join(folder, name);
    writeFileSync(file, `${Buffer.alloc(32, name).toString('base64')}\n`, { mode: 0o600 });
    return file;
  };
  const path = fifo(t);
  const end = opened(t, path, READ_END);
  try {
    while (writeSync(end, Buffer.alloc(4_096)) > 0);
  } catch {
    // The pipe is full.
  }
  for (const stderr of ['/dev/full', path]) {
    const address = `${ownLoopback()}:8443`;
    const argv = ['directory', '--cluster-secret-file', secret('cluster')];
    argv.push('--api-key-file', secret('key'), '--listen', address);
    const child = spawn(process.execPath, [...MAIN_PROGRAM, ...argv], {
      stdio: ['ignore', 'ignore', opened(t, stderr, constants.O_WRONLY)],
    });
    t.teardown(() => child.kill('SIGKILL'));
    const answer = async () => (await fetch(`http://${address}/healthz`)).status;
    await until(async () => (await answer().catch(() => 0)) === 200);
    t.equal(await answer(), 200, 'it serves');
    child.kill('SIGTERM');
    t.strictSame(await once(child, 'exit'), [0, null]);
  }
  t.ok(LOG_BUFFER_BYTES_MAX < MANY * 100, 'the lines exceed the buffer');
});
