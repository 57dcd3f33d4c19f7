import fc from 'fast-check';
import t from 'tap';
import { ReplayWindow } from '../../src/collections/replay-window.js';
import { incarnation } from '../../src/registry/incarnation.js';
import { decodeMessage } from '../../src/stun/message.js';
import { MessageWriter } from '../../src/stun/writer.js';
import {
  CONTROL_SENDERS_LEFT_MAX,
  CONTROL_WINDOW,
  ControlSequences,
  decodeSequence,
  encodeSequence,
} from '../../src/trunk/control-sequence.js';
import { holds } from '../setup/holds.js';

const WINDOW = CONTROL_WINDOW;
const FIRST = incarnation(5);
const SECOND = incarnation(6);

t.test('each counter is new once, and counters below the window are too old', async (t) => {
  holds(
    t,
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: -80, max: 80 }), fc.integer({ min: -1, max: 2 }), big())),
      (steps) => {
        const window = new ReplayWindow(WINDOW);
        const seen = new Set<number>();
        let at = 1;
        for (const step of steps) {
          at = Math.max(1, at + step);
          const expected =
            Math.max(...seen, 0) - at >= WINDOW ? 'too-old' : seen.has(at) ? 'repeated' : 'new';
          if (window.take(at) !== expected) return false;
          seen.add(at);
        }
        return true;
      },
    ),
    { numRuns: 300 },
  );
  const window = new ReplayWindow(WINDOW, 7);
  t.equal(window.take(7), 'too-old', 'below the window');
  t.equal(window.take(8), 'new');
  window.forget(8);
  t.equal(window.take(8), 'new', 'after forget()');
  t.equal(window.take(8), 'repeated');
});

function big(): fc.Arbitrary<number> {
  return fc.integer({ min: -2 * WINDOW, max: 2 * WINDOW });
}

t.test('a repetition keeps its counter until half the window has passed', async (t) => {
  const sequences = new ControlSequences();
  const first = sequences.next('nyc-1', 0);
  t.equal(sequences.next('nyc-1', first), first);
  let last = first;
  while (last - first < WINDOW / 2) last = sequences.next('nyc-1', 0);
  const renewed = sequences.next('nyc-1', first);
  t.equal(renewed, last + 1);
  t.equal(sequences.next('nyc-1', renewed), renewed);
  t.equal(sequences.next('lon-1', 0), 1, 'each receiver has its own');
});

t.test('the counters of relays that leave are kept, up to a bound', async (t) => {
  const sequences = new ControlSequences();
  t.equal(sequences.take('nyc-1', FIRST, 40), 'new');
  const sent = sequences.next('nyc-1', sequences.next('nyc-1', 0) - 1);
  sequences.leave('nyc-1');
  t.ok(sequences.next('nyc-1', 0) > sent);
  t.ok(sequences.counts('nyc-1', FIRST));
  t.equal(sequences.take('nyc-1', FIRST, 40), 'too-old');
  t.equal(sequences.take('nyc-1', FIRST, 41), 'new');
  sequences.leave('nyc-1');
  t.equal(sequences.take('nyc-1', SECOND, 1), 'new', 'after a restart of the sender');
  for (let n = 0; n <= CONTROL_SENDERS_LEFT_MAX + 1; n += 1) {
    sequences.take(`r-${n}`, FIRST, 1);
    sequences.leave(`r-${n}`);
  }
  t.notOk(
    sequences.counts('r-0', FIRST),
    'not those of the relay that left first, beyond the bound',
  );
  t.ok(sequences.counts(`r-${CONTROL_SENDERS_LEFT_MAX}`, FIRST));
});

t.test('CONTROL-SEQUENCE of another form is malformed', async (t) => {
  const read = (value: Uint8Array | undefined) => {
    const writer = new MessageWriter('request', 0x00a, new Uint8Array(12));
    if (value) writer.bytes(0xff05, value);
    const decoded = decodeMessage(writer.finish());
    return decoded.ok ? decodeSequence(decoded.message) : undefined;
  };
  const sequence = {
    receiverIncarnation: incarnation(1_795_334_400_123),
    counter: Number.MAX_SAFE_INTEGER,
  };
  t.same(read(encodeSequence(sequence)), sequence);
  t.equal(read(undefined), undefined);
  for (const value of ['', '00'.repeat(15), '00'.repeat(17), '00'.repeat(16), 'ff'.repeat(16)]) {
    t.equal(read(Buffer.from(value, 'hex')), 'malformed', value);
  }
});
