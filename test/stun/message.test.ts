import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { ATTRIBUTES_MAX, decodeMessage } from '../../src/stun/message.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { attribute, decoded, rawMessage, refusedFor, TRANSACTION_ID } from './messages.js';

const { Realm, Username, Fingerprint } = AttributeType;
const KEY = Buffer.alloc(16, 1);

t.test('class and method are decoded in every combination', async (t) => {
  for (const messageClass of ['request', 'indication', 'success', 'error'] as const) {
    for (const method of [0x000, 0x001, 0x00a, 0x0f1, 0x080, 0x555, 0xaaa, 0xfff]) {
      const message = decoded(new MessageWriter(messageClass, method, TRANSACTION_ID));
      t.equal(message.messageClass, messageClass);
      t.equal(message.method, method);
      t.strictSame(message.transactionId, TRANSACTION_ID);
    }
  }
  const types = [0x0001, 0x0101, 0x0111, 0x0011, 0x0003, 0x0113];
  const decodedTypes = types.map((type) => decoded(rawMessage([], type)));
  t.strictSame(
    decodedTypes.map((message) => `${message.messageClass} ${message.method}`),
    ['request 1', 'success 1', 'error 1', 'indication 1', 'request 3', 'error 3'],
  );
});

t.test('bytes that are not a STUN message are refused with a reason', async (t) => {
  const good = rawMessage([attribute(Realm, Buffer.from('r'))]);
  const changed = (at: number, value: number) => {
    const bytes = Uint8Array.from(good);
    bytes[at] = value;
    return bytes;
  };
  refusedFor(t, new Uint8Array(0), 'too-short');
  refusedFor(t, good.subarray(0, 19), 'too-short');
  refusedFor(t, changed(0, 0x40), 'not-stun');
  refusedFor(t, changed(0, 0x80), 'not-stun');
  refusedFor(t, changed(4, 0x20), 'bad-cookie');
  refusedFor(t, changed(3, 12), 'bad-length');
  refusedFor(t, changed(3, 7), 'bad-length');
  refusedFor(t, changed(2, 0xff), 'bad-length');
  refusedFor(t, good.subarray(0, good.length - 4), 'bad-length');
  refusedFor(t, Buffer.concat([good, Buffer.alloc(4)]), 'bad-length');
  t.ok(decodeMessage(good).ok);
});

t.test('attributes are read with their length and alignment (CVE-2026-40613)', async (t) => {
  const value = Buffer.from('abcd');
  for (const length of [5, 8, 0x7fff, 0xfffc, 0xffff]) {
    refusedFor(t, rawMessage([attribute(Realm, value, length)]), 'attribute-overrun');
  }
  refusedFor(t, rawMessage([attribute(Fingerprint, Buffer.alloc(0), 4)]), 'attribute-overrun');
  const shorter = decoded(rawMessage([attribute(Realm, value, 3), attribute(Username, value)]));
  t.equal(shorter.text(Realm), 'abc', 'the value ends where its length says');
  t.equal(shorter.text(Username), 'abcd', 'the next attribute starts on the word boundary');
  t.equal(shorter.attributes[1]?.offset, 28);
});

t.test('a message that is a view into a larger buffer is read within its bounds', async (t) => {
  const good = rawMessage([attribute(Realm, Buffer.from('inside'))]);
  const backing = Buffer.alloc(good.length + 64, 0x41);
  backing.set(good, 13);
  const view = backing.subarray(13, 13 + good.length);
  t.equal(decoded(view).text(Realm), 'inside');
  backing.writeUInt16BE(60, 13 + 22);
  refusedFor(t, view, 'attribute-overrun');
});

t.test('duplicate attributes: the first wins', async (t) => {
  const message = decoded(
    rawMessage([attribute(Realm, Buffer.from('first')), attribute(Realm, Buffer.from('other'))]),
  );
  t.equal(message.text(Realm), 'first');
  t.equal(message.attributes.length, 2);
});

t.test('a valid duplicate does not replace a malformed first attribute', async (t) => {
  const message = decoded(
    rawMessage([
      attribute(AttributeType.Lifetime, Buffer.alloc(3)),
      attribute(AttributeType.Lifetime, Buffer.alloc(4)),
    ]),
  );
  t.equal(message.lifetimeSeconds(), undefined);
  t.ok(message.has(AttributeType.Lifetime));
});

t.test('attributes after MESSAGE-INTEGRITY are not honoured', async (t) => {
  const signed = new MessageWriter('request', 3, TRANSACTION_ID)
    .text(Username, 'user')
    .integrity('sha1', KEY)
    .finish();
  const appended = Buffer.concat([signed, attribute(Realm, Buffer.from('evil'))]);
  appended.writeUInt16BE(appended.length - 20, 2);
  const message = decoded(appended);
  t.notOk(message.has(Realm));
  t.equal(message.attributes.length, 2);
  t.strictSame(message.unknownRequired(new Set([Username, AttributeType.MessageIntegrity])), []);
});

t.test('after MESSAGE-INTEGRITY-SHA256 only FINGERPRINT is honoured', async (t) => {
  const bytes = rawMessage([
    attribute(Username, Buffer.from('user')),
    attribute(AttributeType.MessageIntegritySha256, Buffer.alloc(32)),
    attribute(AttributeType.MessageIntegrity, Buffer.alloc(20)),
    attribute(Realm, Buffer.from('evil')),
  ]);
  t.strictSame(
    decoded(bytes).attributes.map(({ type }) => type),
    [Username, AttributeType.MessageIntegritySha256],
  );
  const both = new MessageWriter('request', 3, TRANSACTION_ID)
    .integrity('sha1', KEY)
    .integrity('sha256', KEY)
    .fingerprint();
  t.equal(decoded(both).attributes.length, 3);
});

t.test('FINGERPRINT must be correct and last', async (t) => {
  const bytes = new MessageWriter('request', 1, TRANSACTION_ID).text(Realm, 'r').fingerprint();
  const good = bytes.finish();
  t.ok(decoded(good).has(Fingerprint));
  for (const at of [1, 9, 25, good.length - 1]) {
    const wrong = Uint8Array.from(good);
    wrong[at] = (wrong[at] as number) ^ 1;
    refusedFor(t, wrong, 'bad-fingerprint');
  }
  const followed = Buffer.concat([good, attribute(Realm, Buffer.from('late'))]);
  followed.writeUInt16BE(followed.length - 20, 2);
  refusedFor(t, followed, 'fingerprint-not-last');
  const longer = rawMessage([attribute(Fingerprint, Buffer.alloc(8))]);
  refusedFor(t, longer, 'bad-fingerprint');
  refusedFor(t, rawMessage([attribute(Fingerprint, Buffer.alloc(0))]), 'bad-fingerprint');
});

t.test('64 KB of zero-length attributes are refused at the bound', async (t) => {
  const many = rawMessage(Array.from({ length: 16_383 }, () => attribute(0x7fff, Buffer.alloc(0))));
  refusedFor(t, many, 'too-many-attributes');
  const atBound = Array.from({ length: ATTRIBUTES_MAX }, () => attribute(0x7fff, Buffer.alloc(0)));
  t.strictSame(decoded(rawMessage(atBound)).unknownRequired(new Set()), [0x7fff]);
  const ignored = [attribute(AttributeType.MessageIntegrity, Buffer.alloc(20)), ...atBound];
  refusedFor(t, rawMessage(ignored), 'too-many-attributes');
});

t.test('non-UTF-8 text is malformed, not replaced', async (t) => {
  for (const hex of ['ff', 'c0af', 'eda080', 'f4908080', 'e282', '80']) {
    const message = decoded(rawMessage([attribute(Username, Buffer.from(hex, 'hex'))]));
    t.ok(message.has(Username));
    t.equal(message.text(Username), undefined, hex);
  }
  const bom = decoded(rawMessage([attribute(Username, Buffer.from('\ufeffname'))]));
  t.equal(bom.text(Username), '\ufeffname', 'a byte order mark is part of the text');
});

t.test(
  "USERNAME of more than 508 bytes is read; the limit is the credential parser's",
  async (t) => {
    const message = decoded(rawMessage([attribute(Username, Buffer.alloc(763, 0x61))]));
    t.equal(message.text(Username)?.length, 763);
  },
);

t.test('typed getters return undefined for another length', async (t) => {
  for (const length of [0, 1, 2, 3, 5, 7, 9, 15, 17, 64]) {
    const value = Buffer.alloc(length);
    const of = (type: number) => decoded(rawMessage([attribute(type, value)]));
    t.equal(of(AttributeType.Lifetime).lifetimeSeconds(), undefined);
    t.equal(of(AttributeType.RelayStart).u64(AttributeType.RelayStart), undefined);
    t.equal(of(AttributeType.ChannelNumber).channelNumber(), undefined);
    t.equal(of(AttributeType.RequestedTransport).requestedTransport(), undefined);
    t.equal(of(AttributeType.ConnectionIdentifier).connectionIdentifier(), undefined);
    t.equal(of(AttributeType.ConnectionRole).connectionRole(), undefined);
    t.equal(of(AttributeType.PasswordAlgorithm).passwordAlgorithm(), undefined);
    t.equal(of(AttributeType.ErrorCode).errorCode(), undefined);
  }
});

t.test('typed getters of an absent attribute are undefined', async (t) => {
  const message = decoded(rawMessage([]));
  t.equal(message.address(AttributeType.XorMappedAddress), undefined);
  t.equal(message.text(Username), undefined);
  t.equal(message.u64(AttributeType.RelayStart), undefined);
  t.equal(message.errorCode(), undefined);
  t.equal(message.unknownAttributes(), undefined);
  t.equal(message.passwordAlgorithms(), undefined);
  t.equal(message.connectionRole(), undefined);
});

t.test('CONNECTION-ROLE is 0 or 1 and three zero bytes', async (t) => {
  const role = (hex: string) =>
    decoded(
      rawMessage([attribute(AttributeType.ConnectionRole, Buffer.from(hex, 'hex'))]),
    ).connectionRole();
  t.equal(role('00000000'), 0);
  t.equal(role('01000000'), 1);
  for (const hex of ['02000000', '01000001', '00000001', 'ff000000']) t.equal(role(hex), undefined);
});

t.test('reserved bits of TURN attributes are ignored (RFC 8656 section 18)', async (t) => {
  const message = decoded(
    rawMessage([
      attribute(AttributeType.ChannelNumber, Buffer.from('4abcffff', 'hex')),
      attribute(AttributeType.RequestedTransport, Buffer.from('11ffffff', 'hex')),
    ]),
  );
  t.equal(message.channelNumber(), 0x4abc);
  t.equal(message.requestedTransport(), 17);
});

t.test('ERROR-CODE outside 300 to 699 or with a bad reason is malformed', async (t) => {
  const code = (hex: string) =>
    decoded(rawMessage([attribute(AttributeType.ErrorCode, Buffer.from(hex, 'hex'))])).errorCode();
  t.strictSame(code('00000426'), { code: 438, reason: '' });
  t.strictSame(code('fffffc26'), { code: 438, reason: '' }, 'reserved bits are ignored');
  t.strictSame(code('000003636869'), { code: 399, reason: 'hi' });
  for (const hex of ['00000200', '00000700', '00000464', '000004ff', '00000400ff', '000004']) {
    t.equal(code(hex), undefined, hex);
  }
});

t.test('PASSWORD-ALGORITHMS is read with parameters, and is malformed if truncated', async (t) => {
  const list = (hex: string) =>
    decoded(
      rawMessage([attribute(AttributeType.PasswordAlgorithms, Buffer.from(hex, 'hex'))]),
    ).passwordAlgorithms();
  t.strictSame(list('0002000000010000'), [2, 1]);
  t.strictSame(list('0009000361626300 00010000'.replace(' ', '')), [9, 1]);
  t.strictSame(list(''), []);
  for (const hex of ['0002', '000200', '00020004', '0002ffff', '000200000001']) {
    t.equal(list(hex), undefined, hex);
  }
});

t.test('unknown comprehension-required attributes are listed once, in order', async (t) => {
  const types = [0x7abc, 0x8abc, Realm, 0x0099, 0x7abc];
  const message = decoded(rawMessage(types.map((type) => attribute(type, Buffer.alloc(4)))));
  t.strictSame(message.unknownRequired(new Set([Realm])), [0x7abc, 0x0099]);
});

t.test('all addresses of a type are returned in order, or none if one is malformed', async (t) => {
  const { XorPeerAddress } = AttributeType;
  const first = { address: '192.0.2.1', port: 1 };
  const second = { address: '2001:db8::2', port: 2 };
  const written = () =>
    new MessageWriter('request', 8, TRANSACTION_ID)
      .address(XorPeerAddress, first)
      .address(AttributeType.XorMappedAddress, first)
      .address(XorPeerAddress, second);
  t.strictSame(decoded(written()).addresses(XorPeerAddress), [first, second]);
  t.strictSame(decoded(written()).addresses(Realm), []);
  const malformed = written().bytes(XorPeerAddress, new Uint8Array(7));
  t.equal(decoded(malformed).addresses(XorPeerAddress), undefined);
});

t.test('EVEN-PORT and the families of RFC 8656 are read strictly', async (t) => {
  const { EvenPort, RequestedAddressFamily } = AttributeType;
  const of = (type: number, bytes: readonly number[]) =>
    decoded(rawMessage([attribute(type, Uint8Array.from(bytes))]));
  t.equal(of(EvenPort, [0x80]).evenPortReserves(), true);
  t.equal(of(EvenPort, [0x7f]).evenPortReserves(), false, 'the R bit alone');
  t.equal(of(EvenPort, [0x80, 0]).evenPortReserves(), undefined);
  t.equal(of(Realm, []).evenPortReserves(), undefined);
  const family = (bytes: readonly number[]) =>
    of(RequestedAddressFamily, bytes).addressFamilyNumber(RequestedAddressFamily);
  t.equal(family([2, 9, 9, 9]), 2, 'the reserved bytes are ignored');
  t.equal(family([2]), undefined);
});
