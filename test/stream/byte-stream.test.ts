import fc from 'fast-check';
import t from 'tap';
import { QUEUE_BYTES_MAX } from '../../src/stream/byte-stream.js';
import { SEGMENTS_MAX } from '../../src/stream/receive-window.js';
import { holds } from '../setup/holds.js';
import { seededRandom } from '../setup/seeded-random.js';
import { MESSAGE_BYTES_MAX, SimulatedPair } from './simulated-path.js';

const HOUR_MS = 3_600_000;
const PERFECT = { loss: 0, duplication: 0, jitterMs: 0, seed: 1 };

function bytesOf(length: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

t.test('bytes arrive once and in order despite loss, duplication and reordering', async (t) => {
  holds(
    t,
    fc.property(
      fc.record({
        loss: fc.double({ min: 0, max: 0.4, noNaN: true }),
        duplication: fc.double({ min: 0, max: 0.3, noNaN: true }),
        jitterMs: fc.double({ min: 0, max: 80, noNaN: true }),
        seed: fc.integer(),
      }),
      fc.integer({ min: 0, max: 40_000 }),
      fc.integer({ min: 0, max: 40_000 }),
      (faults, lengthA, lengthB) => {
        const inputs = { a: bytesOf(lengthA, faults.seed), b: bytesOf(lengthB, ~faults.seed) };
        const pair = new SimulatedPair(inputs, faults);
        pair.connect();
        return (
          pair.run(() => pair.complete, HOUR_MS) &&
          pair.b.output.equals(inputs.a) &&
          pair.a.output.equals(inputs.b)
        );
      },
    ),
    { numRuns: 60 },
  );
});

t.test('bytes arrive once and in order if the connection is replaced at any time', async (t) => {
  holds(
    t,
    fc.property(
      fc.integer(),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 }),
      (seed, breaksMs) => {
        const inputs = { a: bytesOf(60_000, seed), b: bytesOf(30_000, ~seed) };
        const pair = new SimulatedPair(inputs, {
          loss: 0.05,
          duplication: 0.02,
          jitterMs: 5,
          seed,
        });
        pair.connect();
        for (const afterMs of breaksMs) {
          const atMs = pair.time.nowMs + afterMs;
          pair.run(() => pair.time.nowMs >= atMs, HOUR_MS);
          pair.disconnect();
          pair.connect();
        }
        return (
          pair.run(() => pair.complete, HOUR_MS) &&
          pair.b.output.equals(inputs.a) &&
          pair.a.output.equals(inputs.b)
        );
      },
    ),
    { numRuns: 30 },
  );
});

t.test('at least one side learns that the other one is complete', async (t) => {
  const pair = new SimulatedPair({ a: bytesOf(1_000, 1), b: bytesOf(10, 2) }, PERFECT);
  pair.connect();
  const both = () => pair.a.stream.otherComplete || pair.b.stream.otherComplete;
  t.ok(pair.run(() => pair.complete && both(), HOUR_MS));
});

t.test(
  'while a reader stops, the sender accepts a bounded number of bytes, and later continues',
  async (t) => {
    const input = bytesOf(2_000_000, 3);
    const pair = new SimulatedPair({ a: input, b: bytesOf(0, 0) }, PERFECT);
    pair.b.reading = false;
    pair.connect();
    pair.run(() => false, 60_000);
    const held = SEGMENTS_MAX * MESSAGE_BYTES_MAX;
    t.notOk(pair.a.stream.writable, 'not writable');
    t.ok(pair.a.stream.queuedBytes <= QUEUE_BYTES_MAX + 10_000);
    t.ok(input.length > held + pair.a.stream.queuedBytes, 'the rest is not accepted');
    pair.b.reading = true;
    pair.b.pump();
    t.ok(pair.run(() => pair.complete, HOUR_MS));
    t.ok(pair.b.output.equals(input));
  },
);

t.test('an idle stream sends nothing', async (t) => {
  const pair = new SimulatedPair({ a: bytesOf(100, 4), b: bytesOf(100, 5) }, PERFECT);
  pair.connect();
  pair.run(() => pair.complete, HOUR_MS);
  pair.run(() => false, 1_000);
  const before = pair.messages;
  pair.run(() => false, HOUR_MS);
  t.equal(pair.messages, before);
});

t.test('at 2 % loss fewer than 15 % more segments are sent than needed', async (t) => {
  const input = bytesOf(200_000, 6);
  const faults = { loss: 0.02, duplication: 0, jitterMs: 1, seed: 9 };
  const pair = new SimulatedPair({ a: input, b: bytesOf(0, 0) }, faults);
  pair.connect();
  t.ok(pair.run(() => pair.complete, 60_000));
  const { sent } = pair.a.stream.counts;
  const needed = input.length / (MESSAGE_BYTES_MAX - 12);
  t.ok(sent < needed * 1.15, `${sent} copies for ${Math.ceil(needed)} segments`);
});

t.test('random messages do not throw', async (t) => {
  holds(
    t,
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const pair = new SimulatedPair({ a: bytesOf(10, 1), b: bytesOf(10, 1) }, PERFECT);
      pair.a.stream.attach();
      pair.a.stream.receive(bytes);
      pair.a.pump();
      return true;
    }),
  );
});

t.test('a reset reaches the other side', async (t) => {
  const pair = new SimulatedPair({ a: bytesOf(10, 1), b: bytesOf(10, 1) }, PERFECT);
  pair.connect();
  pair.a.stream.sendReset();
  t.ok(pair.run(() => pair.b.stream.resetByOther, 1_000));
});
