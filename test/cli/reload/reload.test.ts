import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import type { OptionTable } from '../../../src/cli/config/option.js';
import { resolveConfig } from '../../../src/cli/config/resolve.js';
import { Reload } from '../../../src/cli/reload/reload.js';
import { TurnpikeError } from '../../../src/errors.js';

const OPTIONS = {
  workers: { kind: 'integer', description: 'many', default: 1, changes: 'at start' },
  perSecond: {
    ...{ kind: 'integer', description: 'rate', default: 1, changes: 'while running' },
    ...{ setting: 'rate', item: 'budget' },
  },
  burst: {
    ...{ kind: 'integer', description: 'burst', default: 1, changes: 'while running' },
    ...{ setting: 'burst', item: 'budget' },
  },
  peers: {
    ...{ kind: 'text', description: 'peers', repeat: true, changes: 'while running' },
    ...{ setting: 'peers' },
  },
} as const satisfies OptionTable;

async function scene(t: Test) {
  const config = join(t.testdir({ 'x.yaml': '' }), 'x.yaml');
  const input = { path: ['relay'], options: OPTIONS, flags: { config }, env: {} };
  const log: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => void log.push(JSON.parse(line)) });
  const resolved = await resolveConfig(input);
  const { values } = resolved;
  const reload = new Reload(input, resolved, logger);
  const taken: unknown[] = [];
  let looks = 0;
  const scene = { log, logger, taken, refuses: false, seen: values };
  reload.of({
    update: (settings) => {
      if (scene.refuses) throw new TurnpikeError('ERR_TURNPIKE_CONFIG', 'not with me');
      taken.push(settings);
    },
    files: [
      {
        check: async (options) => {
          scene.seen = options ?? {};
          looks += 1;
        },
      },
    ],
  });
  const reloaded = async (text: string) => {
    writeFileSync(config, text);
    log.length = 0;
    const before = looks;
    reload.request();
    while (looks === before) await delay(1);
    return log.map(({ item, result }) => `${item} ${result}`);
  };
  return Object.assign(scene, { reloaded });
}

t.test(
  'changed settings are applied in one update, and those that need a restart are logged',
  async (t) => {
    const { reloaded, taken, log } = await scene(t);
    t.strictSame(await reloaded('burst: 7\npeers: [a, b]\nworkers: 2\n'), [
      'workers restart-needed',
      'budget changed',
      'peers changed',
      'log-level unchanged',
    ]);
    t.strictSame(taken, [{ burst: 7, peers: ['a', 'b'] }], 'the changed settings in one update');
    t.match(log[0], { msg: /:3 \(workers\) has changed; it changes only at a start: restart to/ });
    t.match(log[1], { msg: 'per-second: 1, burst: 7' });
    t.match(log[2], { msg: 'peers: a, b' });
    await reloaded('burst: 7\npeers: [a, b]\n');
    t.equal(taken.length, 1, 'unchanged settings are not applied again');
    await reloaded('burst: 7\n');
    t.strictSame(taken[1], { peers: [] }, 'a removed setting has its default');
  },
);

t.test('an invalid reload changes no setting and is logged with the reason', async (t) => {
  const it = await scene(t);
  for (const [text, reason] of [
    ['burst: 7\nworkers: many\n', /:2 \(workers\): expected a whole number/],
    ['burst: 7\nburts: 8\n', /:2: unknown option "burts"; did you mean burst\?/],
    ['burst: 7\nlog-level: loud\n', /\(log-level\): expected one of/],
    ['burst: [7\n', /x\.yaml:/],
  ] as const) {
    t.strictSame(await it.reloaded(text), ['config kept'], text);
    t.match(it.log[0], { level: 40, reason });
  }
  it.refuses = true;
  t.strictSame(await it.reloaded('burst: 7\nlog-level: debug\nworkers: 3\n'), ['config kept']);
  t.match(it.log[0], { reason: 'not with me' });
  t.strictSame(it.taken, []);
  t.match(it.seen, { burst: 1, workers: 1 });
  t.equal(it.logger.level, 'info');
  it.refuses = false;
  await it.reloaded('burst: 7\n');
  t.strictSame(it.taken, [{ burst: 7 }], 'a valid reload after it');
});
