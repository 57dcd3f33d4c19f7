import fc from 'fast-check';
import t from 'tap';
import { LossMeter } from '../../src/stream/loss-meter.js';
import {
  decodeFrame,
  encodeFrame,
  FRAMES_VERSION,
  foreignFrame,
  isUdpFrame,
} from '../../src/udp-tunnel/frame.js';
import { holds } from '../setup/holds.js';

const u32 = fc.nat({ max: 2 ** 32 - 1 });
const frame = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    version: fc.constant(FRAMES_VERSION),
    end: fc.constantFrom('listen' as const, 'forward' as const),
    ready: fc.boolean(),
    instance: u32,
    echo: u32,
  }),
  fc.record({
    type: fc.constant('data' as const),
    sequence: u32,
    flow: fc.nat({ max: 65_535 }),
    payload: fc.uint8Array(),
  }),
  fc.record({
    type: fc.constant('end' as const),
    sequence: u32,
    flow: fc.nat({ max: 65_535 }),
  }),
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

t.test('frames have the layout of docs/cli.md', async (t) => {
  const data = { type: 'data', sequence: 258, flow: 772, payload: Uint8Array.of(9) } as const;
  t.strictSame([...encodeFrame(data)], [0x21, 0, 0, 1, 2, 3, 4, 9]);
  const hello = encodeFrame({
    ...{ type: 'hello', version: FRAMES_VERSION, end: 'forward', ready: true },
    ...{ instance: 1, echo: 258 },
  });
  t.strictSame([...hello], [0x20, 2, 1, 1, 0, 0, 0, 1, 0, 0, 1, 2]);
  t.match(decodeFrame(Uint8Array.of(0x20, 3, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 7, 7)), {
    type: 'hello',
    version: 3,
    instance: 9,
  });
});

t.test('foreignFrame returns what sent bytes that are no frame', async (t) => {
  t.equal(foreignFrame(Uint8Array.of(0x01, 0)), 'stream');
  t.equal(foreignFrame(Uint8Array.of(0x02)), 'stream');
  t.equal(foreignFrame(Uint8Array.of(0x11, 0, 0, 0, 0)), 'version-1');
  t.equal(foreignFrame(Uint8Array.of(0x40)), 'unknown');
  t.equal(foreignFrame(new Uint8Array()), 'unknown');
  t.ok(isUdpFrame(encodeFrame({ type: 'ping', sequence: 1, stamp: 1 })));
  t.notOk(isUdpFrame(Uint8Array.of(0x02)));
});

t.test('random bytes are no frame, or decode to a frame with the same encoding', async (t) => {
  holds(
    t,
    fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
      const decoded = decodeFrame(bytes);
      return decoded === undefined || Buffer.compare(encodeFrame(decoded), bytes) === 0;
    }),
  );
});

t.test('LossMeter counts gaps and not reordering, also across a wrap', async (t) => {
  const meter = new LossMeter();
  for (const sequence of [2 ** 32 - 2, 0, 2 ** 32 - 1, 3, 2]) meter.add(sequence);
  t.equal(meter.expected, 6);
  t.equal(meter.received, 5, '1 is missing');
  meter.restart();
  meter.add(1_000);
  t.equal(meter.expected, 7, 'any first sequence after restart()');
});
