import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { relayKeyPair, relaySecret, sharedSecret, trunkDataKey } from '../../src/auth/keys.js';
import {
  decodeTrunkDatagram,
  type TrunkDatagram,
  verifyTrunkTag,
} from '../../src/trunk/datagram.js';
import { sipHash24 } from '../../src/trunk/sip-hash.js';
import { holds } from '../setup/holds.js';
import { encodeTrunkDatagram } from './encode-datagram.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i);

t.test('SipHash-2-4 matches the vectors of the paper and of its reference code', async (t) => {
  // Appendix A: key 00…0f, message 00…0e gives a129ca6149be45e5, written low byte first.
  t.equal(hex(sipHash24(counting(16), counting(15))), 'e545be4961ca29a1');
  t.equal(hex(sipHash24(counting(16), counting(0))), '310e0edd47db6f72');
  t.equal(hex(sipHash24(counting(16), counting(8))), '6224939a79f5f593');
});

t.test('a data datagram matches the vector of PROTOCOL.md section 7', async (t) => {
  const [fra, nyc] = ['fra-1', 'nyc-1'].map((id) => relayKeyPair(relaySecret(counting(32), id)));
  const key = trunkDataKey({
    shared: sharedSecret(
      (fra as NonNullable<typeof fra>).privateKey,
      (nyc as NonNullable<typeof nyc>).publicKey,
    ),
    senderId: 'fra-1',
    receiverId: 'nyc-1',
    epoch: 325,
    receiverStart: 1_795_334_400_123,
  });
  t.equal(hex(key), 'b061b39e3bbaae73e8f5b0764d95dc90');
  const payload = Buffer.from('hello');
  const datagram: TrunkDatagram = {
    type: 'data',
    lane: 0,
    epoch: 325,
    sequence: 0x6b02a10000000007n,
    records: [{ sessionIndex: 0x01020304, sessionSequence: 9, payload }],
  };
  t.equal(
    hex(encodeTrunkDatagram(datagram, key)),
    `110001456b02a10000000007f52a1b967bb83c1b0102030400050009${hex(payload)}`,
  );
});

const header = {
  lane: fc.nat(255),
  epoch: fc.nat(0xffff),
  sequence: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
};
const anyDatagram: fc.Arbitrary<TrunkDatagram> = fc.oneof(
  fc.record({
    type: fc.constant('data' as const),
    ...header,
    records: fc.array(
      fc.record({
        sessionIndex: fc.nat(0xffff_ffff),
        sessionSequence: fc.nat(0xffff),
        payload: fc.uint8Array({ maxLength: 40 }),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  }),
  fc.record({
    type: fc.constantFrom('probe' as const, 'probe-reply' as const),
    ...header,
    timestampNs: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    number: fc.nat(0xffff_ffff),
  }),
  fc.record({
    type: fc.constantFrom('path-probe' as const, 'path-probe-reply' as const),
    ...header,
    timestampNs: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    number: fc.nat(0xffff_ffff),
    heard: fc.constantFrom('unknown' as const, 'answered' as const, 'unanswered' as const),
    probeBytes: fc.integer({ min: 36, max: 300 }),
  }),
);
const anyKey = fc.uint8Array({ minLength: 16, maxLength: 16 });

t.test('path probes match the vectors of PROTOCOL.md section 7', async (t) => {
  const key = bytes('b061b39e3bbaae73e8f5b0764d95dc90');
  const text = readFileSync(join(import.meta.dirname, '../../PROTOCOL.md'), 'utf8');
  const vectors = [
    ...text.matchAll(/^\| (?:path probe of 36|its reply|the same reply).* \| ([0-9a-f]{72}) \|$/gm),
  ];
  const common = {
    epoch: 325,
    sequence: 0x6b02a10000000007n,
    timestampNs: 0x0102030405060708n,
    number: 0xdeadbeef,
    probeBytes: 36,
  };
  const datagrams = [
    { type: 'path-probe', lane: 112, heard: 'answered', ...common },
    { type: 'path-probe-reply', lane: 113, heard: 'unanswered', ...common },
    { type: 'path-probe-reply', lane: 113, heard: 'unanswered', received: 8, ...common },
  ] as const;
  t.equal(vectors.length, 3);
  for (const [index, datagram] of datagrams.entries()) {
    const encoded = encodeTrunkDatagram(datagram, key);
    t.equal(Buffer.from(encoded).toString('hex'), vectors[index]?.[1]);
    t.same(decodeTrunkDatagram(encoded), { ok: true, datagram });
  }
  const novel = encodeTrunkDatagram(datagrams[0], key);
  novel[32] = 7;
  t.match(decodeTrunkDatagram(novel), { datagram: { heard: 'unknown' } }, 'an unassigned number');
});

t.test('a decoded datagram equals the encoded one, and its tag is valid', async (t) => {
  holds(
    t,
    fc.property(anyDatagram, anyKey, (datagram, key) => {
      const encoded = encodeTrunkDatagram(datagram, key);
      const decoded = decodeTrunkDatagram(encoded);
      assert.deepEqual(decoded, { ok: true, datagram });
      return decoded.ok && verifyTrunkTag(encoded, decoded.datagram, key);
    }),
  );
});

t.test('a datagram with a changed header has no valid tag, or does not decode', async (t) => {
  holds(
    t,
    fc.property(anyDatagram, anyKey, fc.nat(11), fc.nat(7), (datagram, key, at, bit) => {
      const encoded = encodeTrunkDatagram(datagram, key);
      encoded[at] = (encoded[at] ?? 0) ^ (1 << bit);
      const decoded = decodeTrunkDatagram(encoded);
      return !decoded.ok || !verifyTrunkTag(encoded, decoded.datagram, key);
    }),
  );
});

t.test('random bytes do not throw, and truncated datagrams do not decode', async (t) => {
  holds(
    t,
    fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => {
      const first = Uint8Array.of(0x11, ...junk);
      return typeof decodeTrunkDatagram(junk).ok === typeof decodeTrunkDatagram(first).ok;
    }),
  );
  const whole = bytes(`11${'00'.repeat(19)}0000000700020000aabb`);
  for (let length = 0; length < whole.length; length++) {
    t.notOk(decodeTrunkDatagram(whole.subarray(0, length)).ok, `${length} bytes`);
  }
});
