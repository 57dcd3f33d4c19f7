import t from 'tap';
import { CLOCK_SKEW_MS_MAX } from '../../src/clock.js';
import { NONCES_PER_RELAY_MAX, ReplayFilter } from '../../src/directory/replay-filter.js';
import { REGISTRATION_LIMITS } from '../../src/registry/registration-limits.js';
import { FakeClock } from './fixtures.js';

t.test(
  'a nonce is accepted once within the time in which its request could be accepted',
  async (t) => {
    const clock = new FakeClock();
    const memory = new ReplayFilter(clock);
    t.equal(memory.accept('fra-1', 'a'), 'fresh');
    t.equal(memory.accept('fra-1', 'a'), 'seen');
    t.equal(memory.accept('nyc-1', 'a'), 'fresh', 'each relay has its own nonces');
    clock.advance(2 * CLOCK_SKEW_MS_MAX - 1);
    t.equal(memory.accept('fra-1', 'a'), 'seen');
    clock.advance(1);
    t.equal(memory.accept('fra-1', 'a'), 'fresh');
  },
);

t.test('a full filter refuses new nonces and forgets none', async (t) => {
  const clock = new FakeClock();
  const memory = new ReplayFilter(clock);
  for (let count = 0; count < NONCES_PER_RELAY_MAX; count += 1) {
    memory.accept('fra-1', `n${count}`);
  }
  t.equal(memory.accept('fra-1', 'more'), 'full');
  t.equal(memory.accept('fra-1', 'n0'), 'seen');
  t.equal(memory.accept('nyc-1', 'more'), 'fresh');
  clock.advance(2 * CLOCK_SKEW_MS_MAX);
  t.equal(memory.accept('fra-1', 'more'), 'fresh');
});

t.test('relays are limited in number, and those without a nonce in use make room', async (t) => {
  const clock = new FakeClock();
  const memory = new ReplayFilter(clock);
  for (let count = 0; count < REGISTRATION_LIMITS.relaysRememberedMax; count += 1)
    memory.accept(`r${count}`, 'a');
  t.equal(memory.accept('late', 'a'), 'full');
  clock.advance(2 * CLOCK_SKEW_MS_MAX);
  t.equal(memory.accept('late', 'a'), 'fresh');
});
