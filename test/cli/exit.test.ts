import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readdirSync, readlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { programArguments } from '../setup/test-programs.js';
import { MAIN_PROGRAM } from './main-program.js';

t.setTimeout(120_000);

const LEAVE = new URL('../../src/cli/exit.ts', import.meta.url);
const CHATTY = fileURLToPath(new URL('programs/chatty.ts', import.meta.url));

/** Runs a program that uses `exitProcess` and `outputTaken`. @returns exit code and signal */
async function run(t: Test, program: string, stdout: number | 'ignore' = 'ignore') {
  const text = `import { exitProcess, outputTaken } from '${LEAVE.href}';\n${program}`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', text], {
    stdio: ['ignore', stdout, 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  return (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
}

/** Makes a named pipe. Without a writer, an open for reading blocks. */
function fifo(t: Test): string {
  const path = join(t.testdir(), 'fifo');
  execFileSync('mkfifo', [path]);
  return path;
}

t.test('the exit does not wait for a blocked file operation', async (t) => {
  const open = `import { open } from 'node:fs';\nopen('${fifo(t)}', 'r', () => {});\n`;
  t.strictSame(await run(t, `${open}await exitProcess(0);`), [null, 'SIGTERM']);
  t.strictSame(
    await run(t, `${open}await exitProcess(3);`),
    [null, 'SIGKILL'],
    'a failure ends with SIGKILL',
  );
  const ignored = "process.on('SIGTERM', () => {});\n";
  t.strictSame(await run(t, `${ignored}${open}await exitProcess(0);`), [null, 'SIGTERM']);
});

t.test('a file operation that ends in time does not change the exit code', async (t) => {
  const read = "import { readFile } from 'node:fs';\nreadFile('/etc/passwd', () => {});\n";
  t.strictSame(await run(t, `${read}await exitProcess(3);`), [3, null]);
});

/** Opens a full pipe that is not read. */
function stalled(t: Test): number {
  const path = fifo(t);
  const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  t.teardown(() => {
    closeSync(reader);
    closeSync(writer);
  });
  try {
    while (writeSync(reader, Buffer.alloc(4_096)) > 0);
  } catch {
    // The pipe is full.
  }
  return writer;
}

t.test('an interrupted program does not wait for a reader that has stalled', async (t) => {
  const program =
    "process.stdout.write('x'.repeat(100_000));\n" +
    'const stop = new AbortController();\n' +
    'setTimeout(() => stop.abort(), 200);\n' +
    'await exitProcess((await outputTaken(process.stdout, stop.signal)) ? 0 : 7);';
  t.strictSame(await run(t, program, stalled(t)), [7, null]);
});

/** Returns the number of open sockets of a process. */
function socketsOf(pid: number): number {
  const of = (fd: string) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return 'closed';
    }
  };
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => of(fd).startsWith('socket:')).length;
}

t.test('a program that is stopped with unread output ends with 143', async (t) => {
  const argv = [...MAIN_PROGRAM, 'demo', '--json'];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', stalled(t), 'ignore'] });
  t.teardown(() => child.kill('SIGKILL'));
  // The directory and two relays have their sockets; then the demo starts to write.
  while (socketsOf(child.pid ?? 0) < 8) await sleep(50);
  await sleep(2_000);
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  t.equal(code, 143);
});

t.test('a program whose log is blocked ends on SIGTERM', async (t) => {
  // An open that blocks the only thread of the pool blocks the log's writes too.
  const hanging = fifo(t);
  const log = openSync(join(dirname(hanging), 'log'), 'a');
  const argv = [...programArguments(CHATTY), '3', hanging];
  const child = spawn(process.execPath, argv, {
    stdio: ['ignore', 'pipe', log],
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
  });
  t.teardown(() => child.kill('SIGKILL'));
  closeSync(log);
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  child.kill('SIGTERM');
  t.strictSame(await once(child, 'exit'), [null, 'SIGTERM'], 'SIGTERM ends it');
});
