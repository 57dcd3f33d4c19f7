import { setImmediate as round } from 'node:timers/promises';
import t from 'tap';
import { RelayRequestQueue } from '../../../src/directory/http/relay-request-queue.js';
import { FakeClock } from '../fixtures.js';

function world() {
  const clock = new FakeClock();
  const queue = new RelayRequestQueue(clock);
  const went: string[] = [];
  const take = (stranger: string | undefined, name: string, isGone = () => false) => {
    void queue.take(stranger, isGone).then(() => went.push(name));
  };
  return { clock, queue, went, take };
}

async function rounds(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await round();
}

t.test('every fourth turn is a stranger’s while relays’ requests wait', async (t) => {
  const { queue, went, take } = world();
  for (let n = 0; n < 4; n += 1) take('192.0.2.1', `s${n}`);
  for (let n = 0; n < 6; n += 1) take(undefined, `r${n}`);
  t.same(went, [], 'each waits for a round at least');
  t.equal(queue.size, 10);
  await rounds(10);
  t.equal(went.join(' '), 'r0 r1 r2 s0 r3 r4 r5 s1 s2 s3');
  t.equal(queue.size, 0);
});

t.test('a source with many requests delays only itself', async (t) => {
  const { went, take } = world();
  for (let n = 0; n < 1_000; n += 1) take('192.0.2.1', 'flood');
  for (const n of [2, 3, 4]) {
    take(`192.0.2.${n}`, `${n}a`);
    take(`192.0.2.${n}`, `${n}b`);
  }
  await rounds(8);
  t.equal(went.join(' '), 'flood 2a 3a 4a flood 2b 3b 4b');
});

t.test('a request whose client has disconnected takes no turn', async (t) => {
  const { queue, went, take } = world();
  for (let n = 0; n < 100; n += 1) take(undefined, 'gone', () => true);
  take(undefined, 'here');
  for (let n = 0; n < 100; n += 1) take(`192.0.2.${n}`, 'gone', () => true);
  take('192.0.2.200', 'stranger');
  await rounds(2);
  t.same(
    went.filter((name) => name !== 'gone'),
    ['here', 'stranger'],
  );
  t.equal(queue.size, 0);
});

t.test('heardUntilMs is the arrival of the first waiting relay request, or now', async (t) => {
  const { clock, queue, take } = world();
  t.equal(queue.heardUntilMs(), clock.monotonic());
  take('192.0.2.1', 's');
  clock.advance(700);
  t.equal(queue.heardUntilMs(), clock.monotonic(), 'a stranger’s request has no effect');
  const began = clock.monotonic();
  take(undefined, 'r');
  clock.advance(900);
  t.equal(queue.heardUntilMs(), began);
  await rounds(2);
  t.equal(queue.heardUntilMs(), clock.monotonic());
});
