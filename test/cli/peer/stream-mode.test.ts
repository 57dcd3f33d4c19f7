import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import t, { type Test } from 'tap';
import type { CommandIo } from '../../../src/cli/command.js';
import { StreamMode } from '../../../src/cli/peer/stream-mode.js';
import { systemClock } from '../../../src/clock.js';
import { fakeLink } from './fake-link.js';

const KEY = new Uint8Array(32).fill(1);

interface Side {
  readonly mode: StreamMode;
  readonly stdin: PassThrough;
  readonly output: Buffer[];
}

interface SideOptions {
  readonly roomKey?: Uint8Array;
  readonly stdout?: Writable;
  readonly stdinIsTTY?: boolean;
}

function openSide(t: Test, options: SideOptions = {}): Side {
  const output: Buffer[] = [];
  const stdin = Object.assign(new PassThrough(), { isTTY: options.stdinIsTTY === true });
  const stdout =
    options.stdout ??
    new Writable({
      write: (chunk, _encoding, done) => {
        output.push(chunk);
        done();
      },
    });
  const mode = new StreamMode({
    io: { stdin, stdout } as unknown as CommandIo,
    roomKey: options.roomKey ?? KEY,
    clock: systemClock,
    random: randomBytes,
  });
  t.teardown(() => mode.close());
  return { mode, stdin, output };
}

let connections = 0;

/** Connects two sides by a path that loses a payload if `passes` returns false. */
function connect(a: Side, b: Side, passes: () => boolean = () => true): void {
  const connectionId = (++connections).toString(16).padStart(32, '0');
  let live = true;
  const link = (role: 0 | 1, to: Side) =>
    fakeLink({
      role,
      connectionId,
      send: (payload) => {
        const copy = Uint8Array.from(payload);
        if (passes()) setImmediate(() => live && to.mode.receive(copy));
      },
    });
  t.teardown(() => {
    live = false;
  });
  a.mode.attach(link(0, b));
  b.mode.attach(link(1, a));
}

t.test('each input is written at the other side, and both sides finish', async (t) => {
  const [a, b] = [openSide(t), openSide(t)];
  const [inputA, inputB] = [randomBytes(50_000), randomBytes(70_000)];
  a.stdin.end(inputA);
  b.stdin.end(inputB);
  connect(a, b);
  t.strictSame(await Promise.all([a.mode.finished, b.mode.finished]), [0, 0]);
  t.ok(Buffer.concat(b.output).equals(inputA));
  t.ok(Buffer.concat(a.output).equals(inputB));
  t.match(a.mode.traffic(), { bytesIn: 70_000, bytesOut: 50_000, dropped: {} });
});

/** Returns an output that takes chunks only once it is released. */
function slowOutput() {
  const chunks: Buffer[] = [];
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const stdout = new Writable({
    highWaterMark: 1,
    write: (chunk, _encoding, done) => {
      chunks.push(chunk);
      void released.then(() => done());
    },
  });
  return { stdout, chunks, release };
}

t.test('a finished stream writes all to an output that is read slowly', async (t) => {
  const slow = slowOutput();
  const [a, b] = [openSide(t), openSide(t, { stdout: slow.stdout })];
  const input = randomBytes(10_000);
  a.stdin.end(input);
  b.stdin.end();
  connect(a, b);
  t.strictSame(await Promise.all([a.mode.finished, b.mode.finished]), [0, 0]);
  await b.mode.close();
  slow.release();
  slow.stdout.end();
  await once(slow.stdout, 'finish');
  t.ok(Buffer.concat(slow.chunks).equals(input));
});

t.test('a signal after everything has arrived loses nothing', async (t) => {
  const slow = slowOutput();
  const [a, b] = [openSide(t), openSide(t, { stdout: slow.stdout })];
  a.stdin.end('all of it');
  b.stdin.end();
  connect(a, b);
  await a.mode.finished;
  t.equal(b.mode.interrupt('SIGTERM'), 0);
  slow.release();
  slow.stdout.end();
  await once(slow.stdout, 'finish');
  t.equal(Buffer.concat(slow.chunks).toString(), 'all of it');
});

t.test('the stream continues over the next connection', async (t) => {
  const [a, b] = [openSide(t), openSide(t)];
  const input = randomBytes(100_000);
  a.stdin.end(input);
  b.stdin.end();
  let budget = 40;
  connect(a, b, () => budget-- > 0);
  while (budget > 0) await new Promise(setImmediate);
  a.mode.detach();
  b.mode.detach();
  connect(a, b);
  t.strictSame(await Promise.all([a.mode.finished, b.mode.finished]), [0, 0]);
  t.ok(Buffer.concat(b.output).equals(input));
});

t.test(
  'a stream cannot continue with a side that restarted after it had received data',
  async (t) => {
    const [a, b] = [openSide(t), openSide(t)];
    a.stdin.write('first half');
    b.stdin.write('seen');
    connect(a, b);
    while (a.output.length === 0) await new Promise(setImmediate);
    a.mode.detach();
    b.mode.detach();
    const again = openSide(t);
    connect(a, again);
    const [ofA, ofAgain] = await Promise.allSettled([a.mode.finished, again.mode.finished]);
    t.match(ofA, { reason: { code: 'ERR_TURNPIKE_CLOSED', message: /started anew/ } });
    t.match(ofAgain, { reason: { code: 'ERR_TURNPIKE_CLOSED' } }, 'the other side fails too');
    t.strictSame(again.output, []);
  },
);

t.test('a stream continues with a side that restarted before any data arrived', async (t) => {
  const [a, b] = [openSide(t), openSide(t)];
  a.stdin.end('all of it');
  connect(a, b, () => false);
  a.mode.detach();
  const again = openSide(t);
  again.stdin.end();
  connect(a, again);
  t.strictSame(await Promise.all([a.mode.finished, again.mode.finished]), [0, 0]);
  t.equal(String(Buffer.concat(again.output)), 'all of it');
});

t.test('an interrupt fails the other side', async (t) => {
  const [a, b] = [openSide(t), openSide(t)];
  a.stdin.write('half');
  connect(a, b);
  while (b.output.length === 0) await new Promise(setImmediate);
  t.equal(a.mode.interrupt('SIGTERM'), 143);
  await t.rejects(b.mode.finished, { code: 'ERR_TURNPIKE_CLOSED' });
});

t.test('EPIPE on standard output fails both sides', async (t) => {
  const closed = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  const stdout = new Writable({ write: (_chunk, _encoding, done) => done(closed) });
  const [a, b] = [openSide(t), openSide(t, { stdout })];
  a.stdin.write('nobody reads this');
  connect(a, b);
  await t.rejects(b.mode.finished, { code: 'EPIPE' });
  await t.rejects(a.mode.finished, { code: 'ERR_TURNPIKE_CLOSED' });
});

t.test('a side with another room key fails', async (t) => {
  const [a, b] = [openSide(t), openSide(t, { roomKey: new Uint8Array(32).fill(2) })];
  connect(a, b);
  const message = /another room key/;
  await t.rejects(a.mode.finished, { code: 'ERR_TURNPIKE_CREDENTIAL', message });
});

t.test(
  'a side whose standard input is a terminal finishes when the other side’s input ends',
  async (t) => {
    const [a, b] = [openSide(t), openSide(t, { stdinIsTTY: true })];
    a.stdin.end('photos');
    connect(a, b);
    t.strictSame(await Promise.all([a.mode.finished, b.mode.finished]), [0, 0]);
  },
);

t.test('payloads of another kind, or before the handshake, are counted', async (t) => {
  const [a, b] = [openSide(t), openSide(t)];
  a.mode.receive(Uint8Array.of(1));
  connect(a, b);
  a.mode.receive(Uint8Array.of(0x10, 0, 0, 0, 1));
  a.mode.receive(Uint8Array.of(0x02, 0, 0));
  t.match(a.mode.traffic().dropped, { foreign: 1, 'too-early': 1 });
});
