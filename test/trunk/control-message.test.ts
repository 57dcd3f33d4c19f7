import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { addressFromBytes, parseAddress } from '../../src/address.js';
import { relayKeyPair, relaySecret, sharedSecret, trunkControlKey } from '../../src/auth/keys.js';
import { incarnation } from '../../src/registry/incarnation.js';
import { verifyIntegrity } from '../../src/stun/integrity.js';
import { decodeMessage } from '../../src/stun/message.js';
import {
  type ControlMessage,
  decodeControlMessage,
  encodeControlMessage,
} from '../../src/trunk/control-message.js';
import { decodeSequence } from '../../src/trunk/control-sequence.js';
import { holds } from '../setup/holds.js';

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

const control: fc.Arbitrary<ControlMessage> = fc.oneof(
  fc.record({
    type: type('offer'),
    transactionId,
    ...name,
    mapped: address,
    peerAddress: address,
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
  fc.record({ type: type('bind'), transactionId, from: address, to: address }),
  fc.record({
    type: type('bind-accepted'),
    transactionId,
    sessionIndex: index,
    lifetimeSeconds: index,
  }),
  fc.record({ type: type('bind-refused'), transactionId, code: fc.constantFrom(403, 437, 438) }),
  fc.record({
    type: type('other-start'),
    transactionId,
    request: fc.constantFrom('offer' as const, 'close' as const),
  }),
);

const sequence = fc.option(
  fc.record({
    receiverIncarnation: fc.nat(Number.MAX_SAFE_INTEGER).map(incarnation),
    counter: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  }),
  { nil: undefined },
);

const key = new Uint8Array(32).fill(7);

t.test('a decoded control message equals the encoded one', async (t) => {
  holds(
    t,
    fc.property(control, sequence, (given, place) => {
      const data = encodeControlMessage(
        { id: 'fra-1', incarnation: incarnation(1_795_334_400_123) },
        key,
        given,
        place,
      );
      const decoded = decodeMessage(data);
      if (!decoded.ok || !verifyIntegrity(decoded.message, 'sha256', key)) return false;
      const found = decodeControlMessage(decoded.message);
      if (JSON.stringify(decodeSequence(decoded.message)) !== JSON.stringify(place)) return false;
      return JSON.stringify(found, sorted) === JSON.stringify(given, sorted);
    }),
  );
});

const sequenced = { receiverIncarnation: incarnation(1_795_334_400_123), counter: 1 };

t.test('a message with one byte changed is not authentic, or does not decode', async (t) => {
  holds(
    t,
    fc.property(control, fc.nat(), fc.integer({ min: 1, max: 255 }), (given, place, change) => {
      const data = encodeControlMessage(
        { id: 'fra-1', incarnation: incarnation(1) },
        key,
        given,
        sequenced,
      );
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

t.test('control messages match the vectors of PROTOCOL.md section 7', async (t) => {
  const counting = Uint8Array.from({ length: 32 }, (_, place) => place);
  const [fra, nyc] = ['fra-1', 'nyc-1'].map((id) => relayKeyPair(relaySecret(counting, id)));
  const shared = sharedSecret(fra?.privateKey as KeyObject, nyc?.publicKey as Uint8Array);
  const vectorKey = trunkControlKey(shared, 'fra-1', 'nyc-1');
  const name = {
    tenant: 'default',
    connectionId: '000102030405060708090a0b0c0d0e0f',
    role: 0,
  } as const;
  const said: [ControlMessage, number][] = [
    [
      {
        type: 'offer',
        transactionId: counting.slice(0, 12),
        ...name,
        mapped: parseAddress('203.0.113.7:40000'),
        peerAddress: parseAddress('198.51.100.9:50000'),
        sessionIndex: 0x01020304,
      },
      7,
    ],
    [{ type: 'close', transactionId: counting.slice(12, 24), subject: name }, 8],
    [{ type: 'other-start', transactionId: counting.slice(12, 24), request: 'close' }, 9],
    [
      {
        type: 'bind',
        transactionId: counting.slice(0, 12),
        from: parseAddress('192.0.2.10:50000'),
        to: parseAddress('192.0.2.20:50002'),
      },
      10,
    ],
    [
      {
        type: 'bind-accepted',
        transactionId: counting.slice(0, 12),
        sessionIndex: 0x01020304,
        lifetimeSeconds: 120,
      },
      11,
    ],
    [{ type: 'bind-refused', transactionId: counting.slice(0, 12), code: 403 }, 12],
  ];
  const protocol = readFileSync(join(import.meta.dirname, '../../PROTOCOL.md'), 'utf8');
  const vectors = protocol.split('\n').filter((line) => line.includes('trunk control message'));
  t.equal(vectors.length, said.length);
  for (const [place, [control, counter]] of said.entries()) {
    const sequence = { receiverIncarnation: incarnation(1_795_334_400_123), counter };
    const sender = { id: 'fra-1', incarnation: incarnation(1_795_334_400_000) };
    const data = encodeControlMessage(sender, vectorKey, control, sequence);
    t.match(vectors[place], ` ${Buffer.from(data).toString('hex')} `);
    const decoded = decodeMessage(data);
    if (!decoded.ok) throw new Error(decoded.reason);
    t.same(decodeControlMessage(decoded.message), control);
    t.same(decodeSequence(decoded.message), sequence);
  }
});
