import fc from 'fast-check';
import t from 'tap';
import { decodeFrame, encodeFrame } from '../../../src/cli/peer/datagram-frame.js';
import { SequenceMeter } from '../../../src/cli/peer/sequence-meter.js';
import { holds } from '../holds.js';

const u32 = fc.nat({ max: 2 ** 32 - 1 });
const frame = fc.oneof(
  fc.record({ type: fc.constant('data' as const), sequence: u32, payload: fc.uint8Array() }),
  fc.record({ type: fc.constant('ping' as const), sequence: u32, stamp: u32 }),
  fc.record({
    type: fc.constant('pong' as const),
    sequence: u32,
    stamp: u32,
    expected: u32,
    received: u32,
  }),
);

t.test('decode is the inverse of encode', async (t) => {
  holds(
    t,
    fc.property(frame, (original) => {
      const bytes = encodeFrame(original);
      const decoded = decodeFrame(bytes);
      return decoded !== undefined && Buffer.compare(encodeFrame(decoded), bytes) === 0;
    }),
  );
});

t.test('the layout of docs/cli.md', async (t) => {
  const data = { type: 'data', sequence: 258, payload: Uint8Array.of(9) } as const;
  t.strictSame([...encodeFrame(data)], [0x10, 0, 0, 1, 2, 9]);
});

t.test('anything else is no frame', async (t) => {
  holds(
    t,
    fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
      const decoded = decodeFrame(bytes);
      return decoded === undefined || Buffer.compare(encodeFrame(decoded), bytes) === 0;
    }),
  );
});

t.test('a meter sees gaps, not reordering, across a wrap', async (t) => {
  const meter = new SequenceMeter();
  for (const sequence of [2 ** 32 - 2, 0, 2 ** 32 - 1, 3, 2]) meter.add(sequence);
  t.equal(meter.expected, 6);
  t.equal(meter.received, 5, '1 is missing');
  meter.restart();
  meter.add(1_000);
  t.equal(meter.expected, 7, 'another sender begins where it begins');
});
