import { once } from 'node:events';
import { pino } from 'pino';
import t from 'tap';
import type { Link, LinkEvents, PeerMode, Traffic } from '../../../src/cli/peer/link.js';
import { runSessions, type SessionLoopOptions } from '../../../src/cli/peer/session-loop.js';
import { TurnpikeError } from '../../../src/errors.js';
import { LIMITS } from '../../../src/limits.js';
import { fakeLink } from './fake-link.js';

const LOST = new TurnpikeError('ERR_TURNPIKE_CLOSED', 'lost');

class FakeMode implements PeerMode {
  readonly attached: Link[] = [];
  readonly finished: Promise<number>;
  lastHeardMs = Number.NEGATIVE_INFINITY;
  finish: (exitCode: number) => void = () => {};
  fail: (error: Error) => void = () => {};
  /** Done as soon as a connection ends. */
  doneWhenDetached = false;

  constructor() {
    this.finished = new Promise((resolve, reject) => {
      [this.finish, this.fail] = [resolve, reject];
    });
  }

  attach(link: Link): void {
    this.attached.push(link);
  }

  detach(): void {
    if (this.doneWhenDetached) this.finish(0);
  }

  receive(): void {}

  interrupt(signal: string): number {
    return signal === 'SIGINT' ? 130 : 143;
  }

  traffic(): Traffic {
    throw new Error('not asked for here');
  }

  async close(): Promise<void> {}
}

/** What happens at each attempt to connect: a link whose events are handed out, or an error. */
type Attempt = ((events: LinkEvents) => void) | Error | 'never';

function run(attempts: readonly Attempt[], more: Partial<SessionLoopOptions> = {}) {
  const mode = new FakeMode();
  const log: string[] = [];
  const closed: number[] = [];
  let attempt = 0;
  const openLink: SessionLoopOptions['openLink'] = async (events, signal) => {
    const index = attempt++;
    const what = attempts[index] ?? 'never';
    if (what instanceof Error) throw what;
    if (what === 'never') {
      if (!signal.aborted) await once(signal, 'abort');
      throw new Error('aborted');
    } else {
      setImmediate(() => what(events));
    }
    return fakeLink({ close: () => closed.push(index) });
  };
  const result = runSessions({
    openLink,
    mode,
    logger: pino({}, { write: (line) => log.push(JSON.parse(line).event) }),
    clock: { now: () => 0, monotonic: () => performance.now() },
    random: () => 0,
    reconnectMs: undefined,
    stop: new AbortController().signal,
    onLink: () => {},
    ...more,
  });
  result.catch(() => {});
  return { mode, log, closed, result };
}

t.test('a connection that ends is replaced until the mode has finished', async (t) => {
  const { mode, log, closed, result } = run([
    (events) => events.onClosed(LOST),
    (events) => events.onClosed(LOST),
    () => mode.finish(0),
  ]);
  t.equal(await result, 0);
  t.equal(mode.attached.length, 3);
  t.strictSame(closed, [0, 1, 2], 'each was closed');
  t.strictSame(
    log.filter((event) => event === 'reconnecting'),
    ['reconnecting', 'reconnecting'],
  );
});

t.test('an end that the mode was waiting for is no loss', async (t) => {
  const { mode, log, result } = run([(events) => events.onClosed(LOST)]);
  mode.doneWhenDetached = true;
  t.equal(await result, 0);
  t.notOk(log.includes('reconnecting'));
});

t.test('no first connection is final', async (t) => {
  const error = new TurnpikeError('ERR_TURNPIKE_DIRECTORY_UNREACHABLE', 'nobody there');
  await t.rejects(run([error]).result, error);
});

t.test('after a loss, an unreachable directory is tried again, a refusal is final', async (t) => {
  const refused = new TurnpikeError('ERR_TURNPIKE_DIRECTORY', 'wrong key', { status: 401 });
  const { log, result } = run([
    (events) => events.onClosed(LOST),
    new TurnpikeError('ERR_TURNPIKE_DIRECTORY_UNREACHABLE', 'nobody there'),
    refused,
  ]);
  await t.rejects(result, refused);
  t.equal(log.filter((event) => event === 'reconnecting').length, 2);
});

t.test('a connection that does not come back is given up', async (t) => {
  const { result } = run(
    [
      (events) => events.onClosed(LOST),
      new TurnpikeError('ERR_TURNPIKE_DIRECTORY_UNREACHABLE', 'nobody there'),
    ],
    { reconnectMs: 10 },
  );
  await t.rejects(result, { code: 'ERR_TURNPIKE_TIMEOUT', message: /did not come back in 0.01 s/ });
});

t.test('nor is another side waited for that never comes back', async (t) => {
  const { result } = run([(events) => events.onClosed(LOST), 'never'], { reconnectMs: 400 });
  await t.rejects(result, { code: 'ERR_TURNPIKE_TIMEOUT', message: /did not come back in 0.4 s/ });
});

t.test('a mode that fails ends it, connected or not', async (t) => {
  const connected = run([() => connected.mode.fail(LOST)]);
  await t.rejects(connected.result, LOST);
  t.strictSame(connected.closed, [0]);
  const waiting = run(['never']);
  waiting.mode.fail(LOST);
  await t.rejects(waiting.result, LOST);
});

t.test("a signal ends it with the mode's code, connected or not", async (t) => {
  for (const attempt of [() => {}, 'never'] as const) {
    const stop = new AbortController();
    const { result } = run([attempt], { stop: stop.signal });
    setTimeout(() => stop.abort('SIGINT'), 10);
    t.equal(await result, 130);
  }
  const stopped = AbortSignal.abort('SIGTERM');
  t.equal(await run(['never'], { stop: stopped }).result, 143, 'before it began');
});

t.test('a path on which nothing is heard is given up', async (t) => {
  let skippedMs = 0;
  const { mode, result } = run(
    [
      () => {
        skippedMs = LIMITS.peerSilenceMs;
      },
      () => mode.finish(0),
    ],
    { clock: { now: () => 0, monotonic: () => performance.now() + skippedMs } },
  );
  t.equal(await result, 0);
  t.equal(mode.attached.length, 2);
});
