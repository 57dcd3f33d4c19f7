import t, { type Test } from 'tap';
import { REGISTRATION_LIMITS } from '../../src/registry/registration-limits.js';
import { BEAT_MS_MIN } from '../../src/relay/registration-client.js';
import { DIRECTORY_REQUEST_MS } from '../../src/relay/signed-requests.js';
import { until } from '../until.js';
import { answeringDirectory, clientOf } from './answering-directory.js';

/** Beats of a relay that follow each other fast before it keeps its interval. */
const FAST_BEATS = 8;
/** Shortest time until a beat that confirms a registry. */
const SOON_MS = 75;

/**
 * The first waits of a relay between its requests, ms, of which each passes at once.
 * @param beatSeconds - what the directory tells in its answers, by their number
 * @param share - where in its interval each wait lies, from 0 to 255 of 256
 */
async function waitsOf(t: Test, count: number, beatSeconds: (n: number) => unknown, share = 0) {
  const waits: number[] = [];
  const { setTimeout: real } = globalThis;
  const fast = ((done: () => void, ms = 0) => {
    // Those of the relay, not of its requests and of `until`.
    if (ms < SOON_MS || ms === DIRECTORY_REQUEST_MS) return real(done, ms);
    waits.push(ms);
    return real(done, 1);
  }) as typeof setTimeout;
  globalThis.setTimeout = fast;
  t.teardown(() => {
    globalThis.setTimeout = real;
  });
  const { url } = await answeringDirectory(t, (n) => ({ beatSeconds: beatSeconds(n) }));
  const client = clientOf(url, {
    random: (bytes) => new Uint8Array(bytes).fill(share),
  });
  client.start();
  await until(() => waits.length >= count);
  await client.stop();
  globalThis.setTimeout = real;
  return waits.slice(0, count).map(Math.round);
}

t.test('a relay waits for half of the interval that it is told, up to all of it', async (t) => {
  t.same(await waitsOf(t, 4, () => 7), [3_500, 3_500, 3_500, 3_500]);
  const [wait = 0] = await waitsOf(t, 1, () => 7, 255);
  t.ok(wait > 6_900 && wait <= 7_000, `${wait} ms`);
});

t.test('it beats as usual, fast at first, where it is told nothing', async (t) => {
  const waits = await waitsOf(t, FAST_BEATS + 3, () => undefined);
  t.same(waits.slice(0, FAST_BEATS), new Array(FAST_BEATS).fill(SOON_MS));
  t.ok(waits.includes(BEAT_MS_MIN), waits.join());
});

t.test('it follows each answer: a directory that tells no more has beats as usual', async (t) => {
  const waits = await waitsOf(t, 5, (n) => (n < 3 ? 6 : undefined));
  t.same(waits.slice(0, 2), [3_000, 3_000]);
  t.ok(
    waits.slice(2).every((ms) => ms <= BEAT_MS_MIN),
    waits.join(),
  );
});

t.test('no directory can keep a relay silent for longer than the maximum', async (t) => {
  const { beatSecondsMax } = REGISTRATION_LIMITS;
  t.same(await waitsOf(t, 2, () => 1_000), [500 * beatSecondsMax, 500 * beatSecondsMax]);
});
