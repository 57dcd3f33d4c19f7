import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { fixedFile, RELOAD_WATCH_MS, WatchedFile } from '../../../src/cli/reload/watched-file.js';
import { readApiKey } from '../../../src/cli/secret-files.js';

const KEYS = ['first-key-0123456789', 'second-key-0123456789'] as const;

function scene(t: Test) {
  const path = join(t.testdir({ key: `${KEYS[0]}\n` }), 'key');
  const log: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => void log.push(JSON.parse(line)) });
  const clock = { ms: 0, now: () => 0, monotonic: () => clock.ms };
  const taken: string[] = [];
  const take = (key: string) => void taken.push(key);
  const watched = new WatchedFile(path, KEYS[0] as string, {
    item: 'api-key-file',
    read: (from) => readApiKey(from, '--api-key-file', true),
    take,
    stays: () => 'the API key stays',
    changed: () => 'the API key has changed',
    settleMs: RELOAD_WATCH_MS,
    faultMs: RELOAD_WATCH_MS,
    clock,
    logger,
  });
  const look = async () => {
    clock.ms += RELOAD_WATCH_MS;
    await watched.check();
  };
  return { path, log, taken, watched, look, logger };
}

t.test('a change is applied when the file has been unchanged for a moment', async (t) => {
  const { path, log, taken, look } = scene(t);
  await look();
  writeFileSync(path, `${KEYS[1].slice(0, 17)}`);
  await look();
  writeFileSync(path, `${KEYS[1]}\n`);
  await look();
  t.strictSame(taken, [], 'a partial write is not applied');
  await look();
  t.strictSame(taken, [KEYS[1]]);
  t.match(log, [{ event: 'reload', item: 'api-key-file', result: 'changed' }]);
  t.notMatch(JSON.stringify(log), KEYS[1], 'no secret is logged');
});

t.test('an invalid key is not applied and is logged once', async (t) => {
  const { path, log, taken, watched, look } = scene(t);
  writeFileSync(path, 'short');
  for (let n = 0; n < 5; n += 1) await look();
  t.match(log, [{ result: 'kept' }]);
  t.equal(log.length, 1);
  rmSync(path);
  await watched.check(path);
  t.match(log[1], { result: 'kept', reason: /ENOENT/ });
  t.strictSame(taken, []);
});

t.test('a check on request applies a change at once and is always logged', async (t) => {
  const { path, log, taken, watched } = scene(t);
  await watched.check(path);
  writeFileSync(path, KEYS[1]);
  await watched.check(path);
  t.strictSame(taken, [KEYS[1]]);
  t.strictSame(
    log.map(({ result }) => result),
    ['unchanged', 'changed'],
  );
});

t.test(
  'a change of a file that is read only at the start is logged as restart-needed',
  async (t) => {
    const { path, log, logger } = scene(t);
    const file = await fixedFile('cluster-secret-file', path, logger);
    await file.check();
    t.equal(log.length, 0);
    writeFileSync(path, KEYS[1]);
    await file.check();
    rmSync(path);
    await file.check();
    t.match(log, [
      { item: 'cluster-secret-file', result: 'restart-needed', msg: /has changed/ },
      { item: 'cluster-secret-file', result: 'kept', reason: /there is no such file/ },
    ]);
  },
);

t.test('a pipe in place of a file is named as such on request', async (t) => {
  const { path, log, taken, watched, look, logger } = scene(t);
  rmSync(path);
  execFileSync('mkfifo', [path]);
  for (let n = 0; n < 3; n += 1) await look();
  t.strictSame(log, [], 'logged only on request');
  await watched.check(path);
  t.match(log, [
    { item: 'api-key-file', result: 'kept', reason: /it is a pipe, such as `<\(…\)`/ },
  ]);
  const file = await fixedFile('cluster-secret-file', path, logger);
  await file.check();
  t.match(log[1], { item: 'cluster-secret-file', result: 'unchanged', msg: /it is a pipe/ });
  t.strictSame(taken, []);
});
