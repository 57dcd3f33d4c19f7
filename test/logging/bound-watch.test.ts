import { pino } from 'pino';
import t from 'tap';
import { BoundWatch } from '../../src/logging/bound-watch.js';

function scene() {
  const log: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => void log.push(JSON.parse(line)) });
  const clock = { ms: 0, now: () => 0, monotonic: () => clock.ms };
  const counts = { legs: 5, rooms: 0 };
  const bounds = (['legs', 'rooms'] as const).map((name) => ({
    name,
    detail: `too many ${name}`,
    met: () => counts[name],
  }));
  const watch = new BoundWatch(bounds, clock, logger);
  const pass = (seconds: number, each: () => void = () => {}) => {
    for (let second = 0; second < seconds; second += 1) {
      clock.ms += 1_000;
      each();
      watch.check();
    }
  };
  return { log, counts, watch, pass };
}

t.test('a bound is logged once when it is reached, and once when that is over', async (t) => {
  const { log, counts, pass, watch } = scene();
  pass(5);
  t.equal(log.length, 0, 'counts from before the watch are not logged');
  pass(30, () => {
    counts.legs += 100;
  });
  t.match(log, [{ event: 'bound-reached', bound: 'legs', times: 100, level: 40 }]);
  pass(30);
  t.equal(log.length, 2);
  t.match(log[1], { event: 'bound-over', bound: 'legs', times: 3_000 });
  t.strictSame(watch.counts(), [
    ['legs', 3_005],
    ['rooms', 0],
  ]);
});

t.test('a bound that is reached again and again is logged about once a minute', async (t) => {
  const { log, counts, pass } = scene();
  for (let n = 0; n < 20; n += 1) {
    counts.rooms += 1;
    pass(15);
  }
  const reached = log.filter(({ event }) => event === 'bound-reached').length;
  t.ok(reached >= 4 && reached <= 6, `${reached} times in five minutes`);
  t.equal(log.filter(({ event }) => event === 'bound-over').length, reached);
});
