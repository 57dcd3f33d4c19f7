import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import t from 'tap';
import {
  type LastingPeer,
  PATH_SILENCE_MS,
  type RunModeOptions,
  runMode,
} from '../../../src/cli/peer/mode-runner.js';
import type { Link, PeerMode } from '../../../src/cli/peer/peer-mode.js';
import type { Peer } from '../../../src/client/index.js';
import { TurnpikeError } from '../../../src/errors.js';
import type { Traffic } from '../../../src/stream/path.js';

const LOST = new TurnpikeError('ERR_TURNPIKE_CLOSED', 'lost', { reason: 'other-side-left' });

class FakeMode implements PeerMode {
  readonly attached: Link[] = [];
  readonly received: Uint8Array[] = [];
  readonly finished: Promise<number>;
  lastHeardMs = Number.NEGATIVE_INFINITY;
  detached = 0;
  finish: (exitCode: number) => void = () => {};
  fail: (error: Error) => void = () => {};
  /** Finishes with 0 when a connection ends. */
  doneWhenDetached = false;

  constructor() {
    this.finished = new Promise((resolve, reject) => {
      [this.finish, this.fail] = [resolve, reject];
    });
    this.finished.catch(() => {});
  }

  attach(link: Link): void {
    this.attached.push(link);
  }

  detach(): void {
    this.detached += 1;
    if (this.doneWhenDetached) this.finish(0);
  }

  receive(payload: Uint8Array): void {
    this.received.push(payload);
  }

  interrupt(signal: string): number {
    return signal === 'SIGINT' ? 130 : 143;
  }

  traffic(): Traffic {
    throw new Error('not used here');
  }

  async close(): Promise<void> {}
}

/** A peer whose connections a test ends and replaces. */
class FakePeer extends EventEmitter implements LastingPeer {
  current: Peer | undefined = connection(1);
  readonly reasons: TurnpikeError[] = [];
  closed = 0;

  async reconnect(reason: TurnpikeError): Promise<void> {
    this.reasons.push(reason);
  }

  async close(): Promise<void> {
    this.closed += 1;
  }

  lose(reason = LOST): void {
    this.current = undefined;
    this.emit('reconnecting', { reason, attempt: 1, waitMs: 250 });
  }

  regain(number: number): void {
    this.current = connection(number);
    this.emit('connected', this.current);
  }
}

/** Makes an object with the members of `Peer` that a link uses. */
function connection(number: number): Peer {
  const address = { address: '192.0.2.1', port: number };
  const grant = {
    connectionId: String(number).repeat(32),
    role: 0,
    relay: { id: 'fra-1', region: 'fra', ...address },
    peerRelay: address,
  };
  const facts = { grant, mappedAddress: address, peerAddress: address, payloadBytesMax: 1_424 };
  return { ...facts, send: () => true } as unknown as Peer;
}

function run(more: Partial<RunModeOptions> = {}) {
  const [mode, peer] = [new FakeMode(), new FakePeer()];
  const log: string[] = [];
  const result = runMode({
    join: async () => peer,
    mode,
    logger: pino({ level: 'debug' }, { write: (line) => log.push(JSON.parse(line).event) }),
    clock: { now: () => 0, monotonic: () => performance.now() },
    stop: new AbortController().signal,
    onLink: () => {},
    ...more,
  });
  result.catch(() => {});
  return { mode, peer, log, result };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

t.test('each connection is attached to the mode until the mode finishes', async (t) => {
  const { mode, peer, log, result } = run();
  await turn();
  peer.emit('message', Buffer.from('one'));
  peer.lose();
  await turn();
  peer.regain(2);
  peer.emit('unresponsive');
  peer.emit('responsive');
  mode.finish(0);
  t.equal(await result, 0);
  t.strictSame(
    mode.attached.map(({ natAddress }) => natAddress.port),
    [1, 2],
  );
  t.strictSame(mode.received, [Buffer.from('one')]);
  t.strictSame(log, ['connected', 'reconnecting', 'connected', 'unresponsive', 'responsive']);
  t.equal(peer.closed, 1);
});

t.test('the end of a connection that finishes the mode is not logged as a loss', async (t) => {
  const { mode, peer, log, result } = run();
  await turn();
  mode.doneWhenDetached = true;
  peer.lose();
  t.equal(await result, 0);
  t.notOk(log.includes('reconnecting'));
});

t.test('a failed first connection and a closed peer reject', async (t) => {
  const error = new TurnpikeError('ERR_TURNPIKE_DIRECTORY_UNREACHABLE', 'nobody there');
  await t.rejects(run({ join: () => Promise.reject(error) }).result, error);
  const { peer, result } = run();
  await turn();
  peer.emit('close', error);
  await t.rejects(result, error);
});

t.test('a failure of the mode rejects, connected or not', async (t) => {
  const connected = run();
  await turn();
  connected.mode.fail(LOST);
  await t.rejects(connected.result, LOST);
  t.equal(connected.peer.closed, 1);
  const waiting = run({ join: never });
  waiting.mode.fail(LOST);
  await t.rejects(waiting.result, LOST);
});

/** Rejects when it is aborted. */
function never(signal: AbortSignal): Promise<LastingPeer> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(new Error('aborted'));
    signal.addEventListener('abort', () => reject(new Error('aborted')));
  });
}

t.test('a signal ends the run with the exit code of the mode, connected or not', async (t) => {
  for (const join of [undefined, never]) {
    const stop = new AbortController();
    const { result } = run({ stop: stop.signal, ...(join && { join }) });
    await turn();
    stop.abort('SIGINT');
    t.equal(await result, 130);
  }
  const stopped = AbortSignal.abort('SIGTERM');
  t.equal(await run({ stop: stopped, join: never }).result, 143, 'before the start');
});

t.test('a path without received data is replaced after PATH_SILENCE_MS', async (t) => {
  let skippedMs = 0;
  const clock = { now: () => 0, monotonic: () => performance.now() + skippedMs };
  const { mode, peer, result } = run({ clock, silenceCheckMs: 5 });
  await turn();
  skippedMs = PATH_SILENCE_MS;
  while (peer.reasons.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  t.match(peer.reasons[0], { code: 'ERR_TURNPIKE_TIMEOUT', message: /nothing heard/ });
  mode.finish(0);
  await result;
});
