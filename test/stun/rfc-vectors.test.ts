import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { integrityKind, longTermKey, userHash, verifyIntegrity } from '../../src/stun/integrity.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { bytesOf, hexOf } from './hex.js';
import { decoded } from './messages.js';

const SHORT_TERM_KEY = Buffer.from('VOkJxbRl1RmTxUk/WvJxBt');
const USERNAME = '\u30de\u30c8\u30ea\u30c3\u30af\u30b9';
const PASSWORD = 'TheMatrIX';
const REALM = 'example.org';
/** RFC 5769 sections 2.1 to 2.3. */
const ICE_TRANSACTION = bytesOf('b7e7a701bc34d686fa87dfae');
/** RFC 5769 section 2.4 and RFC 8489 appendix B.1. */
const LONG_TERM_TRANSACTION = bytesOf('78ad3433c6ad72c029da412e');

const REQUEST = bytesOf(`
  00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74
  00240004 6e0001ff 80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020
  00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf`);

const IPV4_RESPONSE = bytesOf(`
  0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220
  00200008 0001a147 e112a643 00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7
  80280004 c07d4c96`);

const IPV6_RESPONSE = bytesOf(`
  01010048 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220
  00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9
  00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41 80280004 c8fb0b4c`);

const LONG_TERM_REQUEST = bytesOf(`
  00010060 2112a442 78ad3433 c6ad72c0 29da412e 00060012 e3839ee3 8388e383 aae38383
  e382afe3 82b90000 0015001c 662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 36347341
  0014000b 6578616d 706c652e 6f726700 00080014 f6702465 6dd64a3e 02b8e071 2e85c9a2 8ca89666`);

/** With errata 6268, which adds PASSWORD-ALGORITHM and corrects length and HMAC. */
const USERHASH_REQUEST = bytesOf(`
  00010090 2112a442 78ad3433 c6ad72c0 29da412e 001e0020 4a3cf38f ef6992bd a952c678
  0417da0f 24819415 569e60b2 05c46e41 407f1704 00150029 6f624d61 744a6f73 32414141
  43662f2f 3439396b 39353464 364f4c33 346f4c39 46535476 79363473 41000000
  0014000b 6578616d 706c652e 6f726700 001d0004 00020000
  001c0020 b5c7bf00 5b6c52a2 1c51c5e8 92f81924 136296cb 927c4314 9309278c c6518e65`);

t.test('RFC 5769 section 2.1: request', async (t) => {
  const message = decoded(REQUEST);
  t.equal(message.messageClass, 'request');
  t.equal(message.method, 0x001);
  t.strictSame(message.transactionId, ICE_TRANSACTION);
  t.equal(message.text(AttributeType.Software), 'STUN test client');
  t.equal(message.text(AttributeType.Username), 'evtj:h6vY');
  t.equal(message.u32(0x0024), 0x6e0001ff, 'PRIORITY');
  t.equal(message.u64(0x8029), 0x932ff9b151263b36n, 'ICE-CONTROLLED');
  t.equal(integrityKind(message), 'sha1');
  t.ok(verifyIntegrity(message, 'sha1', SHORT_TERM_KEY));
  t.notOk(verifyIntegrity(message, 'sha1', Buffer.from('another password')));
});

t.test('RFC 5769 section 2.2: IPv4 response', async (t) => {
  const message = decoded(IPV4_RESPONSE);
  t.equal(message.messageClass, 'success');
  t.equal(message.text(AttributeType.Software), 'test vector');
  t.strictSame(message.address(AttributeType.XorMappedAddress), {
    address: '192.0.2.1',
    port: 32_853,
  });
  t.ok(verifyIntegrity(message, 'sha1', SHORT_TERM_KEY));
});

t.test('RFC 5769 section 2.3: IPv6 response', async (t) => {
  const message = decoded(IPV6_RESPONSE);
  t.strictSame(message.address(AttributeType.XorMappedAddress), {
    address: '2001:db8:1234:5678:11:2233:4455:6677',
    port: 32_853,
  });
  t.ok(verifyIntegrity(message, 'sha1', SHORT_TERM_KEY));
});

t.test('RFC 5769 section 2.4: request with long-term authentication', async (t) => {
  const message = decoded(LONG_TERM_REQUEST);
  t.equal(message.text(AttributeType.Username), USERNAME);
  t.equal(message.text(AttributeType.Nonce), 'f//499k954d6OL34oL9FSTvy64sA');
  t.equal(message.text(AttributeType.Realm), REALM);
  const key = longTermKey('md5', USERNAME, REALM, PASSWORD);
  t.ok(verifyIntegrity(message, 'sha1', key));
  const written = new MessageWriter('request', 0x001, LONG_TERM_TRANSACTION)
    .text(AttributeType.Username, USERNAME)
    .text(AttributeType.Nonce, 'f//499k954d6OL34oL9FSTvy64sA')
    .text(AttributeType.Realm, REALM)
    .integrity('sha1', key)
    .finish();
  t.equal(hexOf(written), hexOf(LONG_TERM_REQUEST), 'written byte for byte');
});

t.test('RFC 8489 appendix B.1: MESSAGE-INTEGRITY-SHA256 and USERHASH', async (t) => {
  const message = decoded(USERHASH_REQUEST);
  t.equal(integrityKind(message), 'sha256');
  t.equal(message.passwordAlgorithm(), 2);
  t.strictSame(message.get(AttributeType.UserHash), new Uint8Array(userHash(USERNAME, REALM)));
  const key = longTermKey('sha256', USERNAME, REALM, PASSWORD);
  t.ok(verifyIntegrity(message, 'sha256', key));
  const written = new MessageWriter('request', 0x001, LONG_TERM_TRANSACTION)
    .bytes(AttributeType.UserHash, userHash(USERNAME, REALM))
    .text(AttributeType.Nonce, 'obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA')
    .text(AttributeType.Realm, REALM)
    .passwordAlgorithm(2)
    .integrity('sha256', key)
    .finish();
  t.equal(hexOf(written), hexOf(USERHASH_REQUEST), 'written byte for byte');
});

t.test('RFC 8489 section 9.2.2: the key of user, realm and pass', async (t) => {
  const key = longTermKey('md5', 'user', 'realm', 'pass');
  t.equal(hexOf(key), '8493fbc53ba582fb4c044c456bdc40eb');
});

t.test('RFC 5769 responses are written byte for byte, except padding and checksums', async (t) => {
  for (const [vector, address] of [
    [IPV4_RESPONSE, '192.0.2.1'],
    [IPV6_RESPONSE, '2001:db8:1234:5678:11:2233:4455:6677'],
  ] as const) {
    const written = new MessageWriter('success', 0x001, ICE_TRANSACTION)
      .text(AttributeType.Software, 'test vector')
      .address(AttributeType.XorMappedAddress, { address, port: 32_853 })
      .integrity('sha1', SHORT_TERM_KEY)
      .fingerprint()
      .finish();
    t.equal(written.length, vector.length);
    // The vector pads SOFTWARE with a space and the writer with zero, so both checksums differ.
    const beforeIntegrity = vector.length - 32;
    const expected = Uint8Array.from(vector.subarray(0, beforeIntegrity));
    expected[20 + 4 + 11] = 0;
    t.equal(hexOf(written.subarray(0, beforeIntegrity)), hexOf(expected));
    t.ok(verifyIntegrity(decoded(written), 'sha1', SHORT_TERM_KEY));
  }
});
