import fc from 'fast-check';
import t from 'tap';
import { addressFromBytes } from '../../src/address.js';
import { verifyIntegrity } from '../../src/stun/integrity.js';
import { decodeMessage } from '../../src/stun/message.js';
import { decodeControl, encodeControl, type TrunkControl } from '../../src/trunk/control.js';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const address = fc
  .tuple(fc.oneof(bytes(4), bytes(16)), fc.nat(65_535))
  .map(([ip, port]) => addressFromBytes(ip, port));
const transactionId = bytes(12);
const index = fc.nat(0xffff_ffff);
const name = {
  tenant: fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,62}$/),
  connectionId: bytes(16).map((id) => Buffer.from(id).toString('hex')),
  role: fc.constantFrom<0 | 1>(0, 1),
};
const type = <T extends string>(value: T) => fc.constant(value);

const control: fc.Arbitrary<TrunkControl> = fc.oneof(
  fc.record({
    type: type('offer'),
    transactionId,
    ...name,
    mapped: address,
    claimed: address,
    sessionIndex: index,
  }),
  fc.record({ type: type('offer-accepted'), transactionId, sessionIndex: index }),
  fc.record({ type: type('offer-refused'), transactionId, code: fc.constantFrom(403, 508) }),
  fc.record({
    type: type('close'),
    transactionId,
    subject: fc.oneof(fc.record(name), fc.record({ sessionIndex: index })),
  }),
  fc.record({ type: type('close-done'), transactionId }),
);

const key = new Uint8Array(32).fill(7);

t.test('decoding what was encoded gives it back', async () => {
  fc.assert(
    fc.property(control, (given) => {
      const data = encodeControl({ id: 'fra-1', start: 1_795_334_400_123 }, key, given);
      const decoded = decodeMessage(data);
      if (!decoded.ok || !verifyIntegrity(decoded.message, 'sha256', key)) return false;
      const found = decodeControl(decoded.message);
      return JSON.stringify(found, sorted) === JSON.stringify(given, sorted);
    }),
  );
});

t.test('a message with one byte changed is not authentic, or does not decode', async () => {
  fc.assert(
    fc.property(control, fc.nat(), fc.integer({ min: 1, max: 255 }), (given, place, change) => {
      const data = encodeControl({ id: 'fra-1', start: 1 }, key, given);
      const at = place % data.length;
      data[at] = (data[at] as number) ^ change;
      const decoded = decodeMessage(data);
      return !decoded.ok || !verifyIntegrity(decoded.message, 'sha256', key);
    }),
  );
});

/** Keys in one order and bytes as text, so that two objects compare by their JSON. */
function sorted(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
