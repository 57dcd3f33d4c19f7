import { deepStrictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { addressFromBytes } from '../../src/address.js';
import {
  AttributeType,
  COMPREHENSION_OPTIONAL_MIN,
  XOR_ADDRESS_TYPES,
} from '../../src/stun/attribute-types.js';
import { verifyIntegrity } from '../../src/stun/integrity.js';
import { decodeMessage } from '../../src/stun/message.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { holds } from '../setup/holds.js';
import { attribute, decoded, rawMessage } from './messages.js';
import { readEverything } from './read-everything.js';

const CLASSES = ['request', 'indication', 'success', 'error'] as const;
/** Integrity and fingerprint are written by their own methods. */
const SEALING: readonly number[] = [
  AttributeType.MessageIntegrity,
  AttributeType.MessageIntegritySha256,
  AttributeType.Fingerprint,
];

const bytes = (options: { minLength?: number; maxLength?: number } = {}) =>
  fc.uint8Array({ maxLength: 80, ...options });
const exactly = (length: number) => bytes({ minLength: length, maxLength: length });
const type = fc
  .oneof(fc.constantFrom(...Object.values(AttributeType)), fc.integer({ min: 0, max: 0xffff }))
  .filter((number) => !SEALING.includes(number));
const attributes = fc.array(fc.record({ type, value: bytes() }), { maxLength: 20 });
const header = fc.record({
  messageClass: fc.constantFrom(...CLASSES),
  method: fc.integer({ min: 0, max: 0xfff }),
  transactionId: exactly(12),
});
const address = fc
  .tuple(fc.oneof(exactly(4), exactly(16)), fc.integer({ min: 0, max: 0xffff }))
  .map(([ip, port]) => addressFromBytes(ip, port));
const key = bytes({ minLength: 1, maxLength: 32 });
const seal = fc.record({
  kinds: fc.constantFrom<('sha1' | 'sha256')[]>([], ['sha1'], ['sha256'], ['sha1', 'sha256']),
  key,
  fingerprint: fc.boolean(),
});

function survives(input: Uint8Array): void {
  const result = decodeMessage(input);
  if (result.ok) readEverything(result.message);
}

t.test('a decoded message equals the encoded one', async (t) => {
  holds(
    t,
    fc.property(header, attributes, seal, (head, list, sealed) => {
      const writer = new MessageWriter(head.messageClass, head.method, head.transactionId);
      for (const item of list) writer.bytes(item.type, item.value);
      for (const kind of sealed.kinds) writer.integrity(kind, sealed.key);
      if (sealed.fingerprint) writer.fingerprint();
      const message = decoded(writer);
      const same =
        message.messageClass === head.messageClass &&
        message.method === head.method &&
        Buffer.compare(message.transactionId, head.transactionId) === 0 &&
        list.every(
          (item, index) =>
            message.attributes[index]?.type === item.type &&
            Buffer.compare(message.attributes[index].value, item.value) === 0,
        ) &&
        sealed.kinds.every((kind) => verifyIntegrity(message, kind, sealed.key)) &&
        message.has(AttributeType.Fingerprint) === sealed.fingerprint;
      return same && message.attributes.length >= list.length;
    }),
  );
});

t.test('addresses decode to the encoded ones, XOR-coded and plain', async (t) => {
  const addressType = fc.constantFrom(...XOR_ADDRESS_TYPES, AttributeType.MappedAddress);
  holds(
    t,
    fc.property(header, addressType, address, (head, number, value) => {
      const writer = new MessageWriter(head.messageClass, head.method, head.transactionId);
      deepStrictEqual(decoded(writer.address(number, value)).address(number), value);
    }),
    { numRuns: 50 },
  );
});

t.test('text, numbers, lists and errors decode to the encoded ones', async (t) => {
  const u16 = fc.integer({ min: 0, max: 0xffff });
  const values = fc.record(
    {
      text: fc.string({ unit: 'grapheme', maxLength: 40 }),
      u32: fc.integer({ min: 0, max: 0xffffffff }),
      u64: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      types: fc.array(u16, { maxLength: 10 }),
      algorithms: fc.array(u16, { maxLength: 6 }),
      code: fc.integer({ min: 300, max: 699 }),
      role: fc.constantFrom<0 | 1>(0, 1),
      identifier: exactly(16).map((value) => Buffer.from(value).toString('hex')),
    },
    { noNullPrototype: true },
  );
  holds(
    t,
    fc.property(header, values, (head, value) => {
      const message = decoded(
        new MessageWriter(head.messageClass, head.method, head.transactionId)
          .text(AttributeType.Username, value.text)
          .u32(AttributeType.Lifetime, value.u32)
          .u64(AttributeType.RelayStart, value.u64)
          .unknownAttributes(value.types)
          .passwordAlgorithms(value.algorithms)
          .errorCode(value.code, value.text)
          .connectionRole(value.role)
          .connectionIdentifier(value.identifier),
      );
      deepStrictEqual(
        {
          text: message.text(AttributeType.Username),
          u32: message.lifetimeSeconds(),
          u64: message.u64(AttributeType.RelayStart),
          types: message.unknownAttributes(),
          algorithms: message.passwordAlgorithms(),
          code: message.errorCode()?.code,
          role: message.connectionRole(),
          identifier: message.connectionIdentifier(),
        },
        value,
      );
      deepStrictEqual(message.errorCode()?.reason, value.text);
    }),
    { numRuns: 50 },
  );
});

t.test('random bytes do not throw', async (t) => {
  holds(t, fc.property(bytes({ maxLength: 2_048 }), survives), { numRuns: 300 });
});

t.test('random attributes after a valid header do not throw', async (t) => {
  const lying = fc.record({ type: fc.integer({ min: 0, max: 0xffff }), value: bytes() });
  const list = fc.array(
    fc.oneof(
      lying,
      fc.record({ type: fc.constantFrom(...Object.values(AttributeType)), value: bytes() }),
    ),
    { maxLength: 70 },
  );
  holds(
    t,
    fc.property(list, fc.integer({ min: 0, max: 0x3fff }), (items, messageType) => {
      const parts = items.map((item) => attribute(item.type, item.value));
      survives(rawMessage(parts, messageType));
    }),
    { numRuns: 200 },
  );
});

t.test('mutated bytes of a valid message do not throw', async (t) => {
  const good = new MessageWriter('request', 3, Buffer.alloc(12, 5))
    .requestedTransport(17)
    .connectionIdentifier('00'.repeat(16))
    .connectionRole(0)
    .address(AttributeType.XorPeerRelayAddress, { address: '2001:db8::1', port: 3478 })
    .text(AttributeType.Username, '1800000000:default/00/0')
    .text(AttributeType.Realm, 'turnpike')
    .text(AttributeType.Nonce, 'obMatJos2gAABabcdefghijklmnopqrstuvwxyz01')
    .passwordAlgorithms([2, 1])
    .passwordAlgorithm(2)
    .integrity('sha1', Buffer.alloc(16))
    .integrity('sha256', Buffer.alloc(16))
    .finish();
  const mutation = fc.tuple(fc.nat({ max: good.length - 1 }), fc.integer({ min: 0, max: 255 }));
  holds(
    t,
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 6 }), fc.nat(8), (list, cut) => {
      const changed = Uint8Array.from(good.subarray(0, good.length - cut * 4));
      for (const [at, value] of list) if (at < changed.length) changed[at] = value;
      if (list.length % 2 === 0) new DataView(changed.buffer).setUint16(2, changed.length - 20);
      survives(changed);
    }),
    { numRuns: 500 },
  );
});

t.test('attributes after MESSAGE-INTEGRITY are never listed as unknown', async (t) => {
  holds(
    t,
    fc.property(attributes, (list) => {
      const parts = list.map((item) => attribute(item.type, item.value));
      const integrity = attribute(AttributeType.MessageIntegrity, Buffer.alloc(20));
      const message = decoded(rawMessage([integrity, ...parts]));
      deepStrictEqual(
        message.unknownRequired(new Set()).filter((number) => number < COMPREHENSION_OPTIONAL_MIN),
        [AttributeType.MessageIntegrity],
      );
    }),
    { numRuns: 50 },
  );
});
