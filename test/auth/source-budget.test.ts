import t from 'tap';
import { SourceBudget } from '../../src/auth/source-budget.js';
import { STRANGER_LIMITS } from '../../src/auth/stranger-limits.js';
import { isTurnpikeError } from '../../src/errors.js';
import { TestClock } from './test-clock.js';

/** Constant, so that no test depends on a rare collision. */
const random = (bytes: number) => Buffer.alloc(bytes, 0x5a);

function budget(options: Partial<ConstructorParameters<typeof SourceBudget>[0]> = {}) {
  const clock = new TestClock();
  const table = new SourceBudget({
    perSecond: 100,
    burst: 20,
    sourcesMax: 1_024,
    clock,
    random,
    ...options,
  });
  return { clock, table, spend: (ip: string) => spend(table, ip) };
}

/** Takes until refused. @returns the number of successes */
function spend(table: SourceBudget, ip: string): number {
  let taken = 0;
  while (taken < 10_000 && table.take(ip)) taken += 1;
  return taken;
}

t.test('a source can spend its burst at once, then its rate', async (t) => {
  const { clock, spend } = budget();
  t.equal(spend('192.0.2.1'), 20);
  clock.advance(9);
  t.equal(spend('192.0.2.1'), 0);
  clock.advance(1);
  t.equal(spend('192.0.2.1'), 1);
  clock.advance(100);
  t.equal(spend('192.0.2.1'), 10);
  clock.advance(3_600_000);
  t.equal(spend('192.0.2.1'), 20, 'the bucket holds no more than the burst');
});

t.test('the default burst and rate are those of PROTOCOL.md', async (t) => {
  const { clock, spend } = budget({
    perSecond: STRANGER_LIMITS.challengesPerSecond,
    burst: STRANGER_LIMITS.challengesBurst,
    sourcesMax: STRANGER_LIMITS.sourcesMax,
  });
  t.equal(spend('192.0.2.1'), 2_000);
  clock.advance(1_000);
  t.equal(spend('192.0.2.1'), 100);
});

t.test('the burst is exact for rates with a fractional interval in milliseconds', async (t) => {
  for (const perSecond of [3, 7, 30, 900, 3_000]) {
    t.equal(budget({ perSecond, burst: 1_000 }).spend('192.0.2.1'), 1_000, `${perSecond}`);
  }
});

t.test(
  'a response that costs more than the burst is sent, and paid, from a full bucket',
  async (t) => {
    const { clock, table } = budget({ perSecond: 1, burst: 1 });
    const take = () => table.take('192.0.2.1', { tokens: 3 });
    t.ok(take());
    for (let seconds = 1; seconds < 3; seconds += 1) {
      clock.advance(1_000);
      t.notOk(take());
      t.notOk(table.has('192.0.2.1'), 'the bucket is in debt');
    }
    clock.advance(1_000);
    t.ok(take());
    const wide = budget({ perSecond: 10, burst: 20 });
    const takeWide = () => wide.table.take('192.0.2.1', { tokens: 3 });
    let taken = 0;
    while (takeWide()) taken += 1;
    t.equal(taken, 6, 'no more than the burst, where one response is less');
  },
);

t.test('sources are IPv4 addresses and IPv6 /64s', async (t) => {
  const { spend } = budget();
  t.equal(spend('192.0.2.1'), 20);
  t.equal(spend('192.0.2.2'), 20);
  t.equal(spend('2001:db8:1:2::1'), 20);
  for (const same of [
    '2001:db8:1:2::',
    '2001:db8:1:2:ffff:ffff:ffff:ffff',
    '2001:db8:1:2:3:4:5:6',
  ]) {
    t.equal(spend(same), 0, same);
  }
  for (const other of [
    '2001:db8:1:3::1',
    '2001:db8::1',
    '2001:db8:1::1',
    '::1',
    '1::',
    '::2:0:0:0:1',
  ]) {
    t.equal(spend(other), 20, other);
  }
});

t.test('`::` of an IPv6 address is expanded before its /64 is taken', async (t) => {
  const { spend } = budget();
  t.equal(spend('1::4:5:6:7:8'), 20, '1:0:0:4');
  t.equal(spend('1:0:0:4::9'), 0);
  t.equal(spend('::3:4:5:6:7:8'), 20, '0:0:3:4');
  t.equal(spend('0:0:3:4::1'), 0);
  t.equal(spend('::4:5:6:7:8'), 20, '0:0:0:4');
  t.equal(spend('1:2:3::8'), 20, '1:2:3:0');
  t.equal(spend('1:2:3:0:1::'), 0);
});

t.test(
  'a flood of forged sources neither resets a spent source nor keeps a new one out',
  async (t) => {
    const { table, spend } = budget({ sourcesMax: 4_096 });
    t.equal(spend('192.0.2.1'), 20);
    for (let i = 0; i < 20_000; i += 1) {
      table.take(`10.${i >>> 16}.${(i >>> 8) & 255}.${i & 255}`);
    }
    t.equal(spend('192.0.2.1'), 0, 'a spent source stays spent');
    t.ok(spend('198.51.100.1') > 0, 'a new source has a budget');
  },
);

t.test('a source that spends its budget does not use that of others', async (t) => {
  const { table, spend } = budget({ sourcesMax: 4_096 });
  spend('192.0.2.1');
  const others = Array.from({ length: 1_000 }, (_, i) => `10.0.${i >>> 8}.${i & 255}`);
  t.ok(others.every((ip) => table.take(ip)));
});

t.test('places depend on the key, so that an attacker cannot choose collisions', async (t) => {
  const collisions = (key: number) =>
    Array.from({ length: 32 }, (_, i) => {
      const options = { sourcesMax: 4, random: (bytes: number) => Buffer.alloc(bytes, key) };
      const { table, spend } = budget(options);
      spend('192.0.2.1');
      return table.take(`10.0.0.${i}`) ? '-' : 'x';
    }).join('');
  t.equal(collisions(1), collisions(1));
  t.not(collisions(1), collisions(2));
  t.match(collisions(1), /x.*-|-.*x/, 'a table of four places has collisions');
});

t.test('a table of two or three places works', async (t) => {
  t.equal(budget({ sourcesMax: 2 }).spend('::'), 20);
  t.equal(budget({ sourcesMax: 3, burst: 1 }).spend('0.0.0.0'), 1);
});

t.test('an invalid budget is refused', async (t) => {
  for (const wrong of [
    { perSecond: 0 },
    { burst: 0 },
    { sourcesMax: 1 },
    { perSecond: Number.NaN },
  ]) {
    t.ok(
      isTurnpikeError(
        t.throws(() => budget(wrong)),
        'ERR_TURNPIKE_CONFIG',
      ),
    );
  }
});

t.test('each port of a source has its own budget', async (t) => {
  const { table, spend } = budget();
  while (table.take('192.0.2.1', { port: 5 })) t.ok(table.has('192.0.2.1', 6));
  t.notOk(table.has('192.0.2.1', 5));
  t.equal(spend('192.0.2.1'), 20);
  t.ok(table.take('192.0.2.1', { port: 6 }));
});
