import t from 'tap';
import { addressFromBytes } from '../../src/address.js';
import { decodeAddress, encodeAddress } from '../../src/stun/address-coding.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { bytesOf, hexOf } from './hex.js';
import { attribute, decoded, rawMessage } from './messages.js';

const PAD = bytesOf('2112a442 a0a1a2a3a4a5a6a7a8a9aaab');

t.test('XOR-coded IPv4 uses the magic cookie, IPv6 the transaction id too', async (t) => {
  const v4 = { address: '192.0.2.1', port: 3478 };
  const v6 = { address: '2001:db8::1', port: 3478 };
  t.equal(hexOf(encodeAddress(v4, PAD)), '00012c84e112a643');
  t.equal(hexOf(encodeAddress(v6, PAD)), '00022c840113a9faa0a1a2a3a4a5a6a7a8a9aaaa');
  t.strictSame(decodeAddress(encodeAddress(v4, PAD), PAD), v4);
  t.strictSame(decodeAddress(encodeAddress(v6, PAD), PAD), v6);
});

t.test('another transaction id gives another IPv6 address', async (t) => {
  const value = encodeAddress({ address: '2001:db8::1', port: 1 }, PAD);
  const other = Uint8Array.from(PAD);
  other[15] = 0;
  t.not(decodeAddress(value, other)?.address, '2001:db8::1');
});

t.test('plain coding has no XOR', async (t) => {
  t.equal(
    hexOf(encodeAddress({ address: '10.0.0.1', port: 0xabcd }, undefined)),
    '0001abcd0a000001',
  );
  const plain = decoded(
    new MessageWriter('error', 3, PAD.subarray(4)).address(AttributeType.AlternateServer, {
      address: '198.51.100.7',
      port: 3478,
    }),
  );
  t.equal(hexOf(plain.get(AttributeType.AlternateServer) ?? PAD), '00010d96c6336407');
  t.equal(plain.address(AttributeType.AlternateServer)?.address, '198.51.100.7');
});

t.test('an IPv4-mapped IPv6 address is IPv4 (CVE-2026-27624)', async (t) => {
  const mapped = bytesOf('00000000 00000000 0000ffff 7f000001');
  const plain = Buffer.concat([bytesOf('00020050'), mapped]);
  t.strictSame(decodeAddress(plain, undefined), { address: '127.0.0.1', port: 80 });
  const xored = Uint8Array.from(plain, (byte, index) => {
    if (index < 2) return byte;
    return byte ^ (index < 4 ? (PAD[index - 2] as number) : (PAD[index - 4] as number));
  });
  t.strictSame(decodeAddress(xored, PAD), addressFromBytes(bytesOf('7f000001'), 80));
});

t.test("address family 0 or 3, and lengths that are not the family's, are malformed", async (t) => {
  const type = AttributeType.XorPeerAddress;
  for (const hex of [
    '00001111 01020304',
    '00031111 01020304',
    '00ff1111 01020304',
    '00011111 010203',
    '00011111 0102030405',
    '00011111 01020304 05060708 090a0b0c 0d0e0f10',
    '00021111 01020304',
    '00021111 01020304 05060708 090a0b0c 0d0e0f',
    '00011111',
    '0001',
    '',
  ]) {
    const message = decoded(rawMessage([attribute(type, bytesOf(hex))]));
    t.ok(message.has(type));
    t.equal(message.address(type), undefined, hex);
  }
});

t.test('the byte before the family is ignored (RFC 8489 section 14.1)', async (t) => {
  t.equal(decodeAddress(bytesOf('ff010050 0a000001'), undefined)?.address, '10.0.0.1');
});
