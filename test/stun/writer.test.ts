import t, { type Test } from 'tap';
import { isTurnpikeError } from '../../src/errors.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { ErrorCode, reasonPhrase } from '../../src/stun/error-codes.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { decoded, TRANSACTION_ID } from './messages.js';

const KEY = Buffer.alloc(16, 3);
const writer = () => new MessageWriter('request', 3, TRANSACTION_ID);

function refuses(t: Test, write: () => unknown, message: string): void {
  t.ok(isTurnpikeError(t.throws(write, message), 'ERR_TURNPIKE_STUN'), message);
}

t.test('PADDING extends a message to a length, rounded up to a word', async (t) => {
  t.equal(writer().paddedTo(20).length, 20, 'none if it already has the length');
  for (const bytes of [21, 24, 120, 121]) {
    const message = decoded(writer().paddedTo(bytes));
    t.ok(message.bytes.length >= bytes && message.bytes.length < bytes + 4, String(bytes));
    t.ok(message.get(AttributeType.Padding)?.every((byte) => byte === 0));
  }
  t.strictSame(decoded(writer().paddedTo(120)).unknownRequired(new Set()), [], 'optional');
});

t.test('every attribute of PROTOCOL.md decodes to what was written', async (t) => {
  const message = decoded(
    writer()
      .requestedTransport(17)
      .connectionIdentifier('000102030405060708090A0B0C0D0E0F')
      .connectionRole(1)
      .address(AttributeType.XorPeerRelayAddress, { address: '192.0.2.20', port: 3478 })
      .address(AttributeType.XorPeerAddress, { address: '2001:db8::7', port: 65_535 })
      .u32(AttributeType.Lifetime, 0xffffffff)
      .channelNumber(0x4fff)
      .u32(AttributeType.SessionIndex, 0)
      .u64(AttributeType.RelayStart, 0xfedcba9876543210n)
      .text(AttributeType.Tenant, 'default')
      .unknownAttributes([0x7abc, 0x0099, 0x0001])
      .passwordAlgorithms([2, 1])
      .passwordAlgorithm(2)
      .errorCode(438),
  );
  t.equal(message.requestedTransport(), 17);
  t.equal(message.connectionIdentifier(), '000102030405060708090a0b0c0d0e0f');
  t.equal(message.connectionRole(), 1);
  t.equal(message.address(AttributeType.XorPeerRelayAddress)?.address, '192.0.2.20');
  t.strictSame(message.address(AttributeType.XorPeerAddress), {
    address: '2001:db8::7',
    port: 65_535,
  });
  t.equal(message.lifetimeSeconds(), 0xffffffff);
  t.equal(message.channelNumber(), 0x4fff);
  t.equal(message.u32(AttributeType.SessionIndex), 0);
  t.equal(message.u64(AttributeType.RelayStart), 0xfedcba9876543210n);
  t.equal(message.text(AttributeType.Tenant), 'default');
  t.strictSame(message.unknownAttributes(), [0x7abc, 0x0099, 0x0001]);
  t.strictSame(message.passwordAlgorithms(), [2, 1]);
  t.equal(message.passwordAlgorithm(), 2);
  t.strictSame(message.errorCode(), { code: 438, reason: 'Stale Nonce' });
});

t.test('padding is zero (CVE-2020-4067)', async (t) => {
  for (let length = 0; length < 9; length += 1) {
    const bytes = writer().bytes(AttributeType.Software, Buffer.alloc(length, 0xff)).finish();
    t.equal(bytes.length % 4, 0);
    t.ok(bytes.subarray(24 + length).every((byte) => byte === 0));
  }
  const grown = writer()
    .bytes(AttributeType.Software, Buffer.alloc(301, 0xff))
    .bytes(AttributeType.Software, Buffer.alloc(1_001, 0xff))
    .finish();
  t.strictSame([...grown.subarray(24 + 301, 24 + 304)], [0, 0, 0]);
  t.strictSame([...grown.subarray(grown.length - 3)], [0, 0, 0]);
});

t.test('a message has at most 64 KiB', async (t) => {
  const full = writer().bytes(AttributeType.Software, Buffer.alloc(0xfff8));
  t.equal(decoded(full).get(AttributeType.Software)?.length, 0xfff8);
  refuses(t, () => writer().bytes(AttributeType.Software, Buffer.alloc(0xfff9)), 'one more byte');
  refuses(t, () => full.text(AttributeType.Realm, ''), 'after the end');
});

t.test('no attribute can be written after one that must be last', async (t) => {
  const { Realm } = AttributeType;
  refuses(t, () => writer().integrity('sha1', KEY).text(Realm, 'r'), 'after MESSAGE-INTEGRITY');
  refuses(t, () => writer().integrity('sha256', KEY).text(Realm, 'r'), 'after SHA-256');
  refuses(t, () => writer().integrity('sha256', KEY).integrity('sha1', KEY), 'SHA-1 after SHA-256');
  refuses(t, () => writer().integrity('sha1', KEY).integrity('sha1', KEY), 'twice');
  refuses(t, () => writer().fingerprint().text(Realm, 'r'), 'after FINGERPRINT');
  refuses(t, () => writer().fingerprint().fingerprint(), 'FINGERPRINT twice');
  const finished = writer();
  finished.finish();
  refuses(t, () => finished.fingerprint(), 'after finish');
});

t.test('values that do not fit their attribute are refused', async (t) => {
  const { Lifetime } = AttributeType;
  refuses(t, () => new MessageWriter('request', 0x1000, TRANSACTION_ID), 'method');
  refuses(t, () => new MessageWriter('request', 1, Buffer.alloc(11)), 'transaction id');
  for (const value of [-1, 0x1_0000_0000, 1.5, Number.NaN]) {
    refuses(t, () => writer().u32(Lifetime, value), `u32 ${value}`);
  }
  refuses(t, () => writer().u64(Lifetime, -1n), 'u64 below');
  refuses(t, () => writer().u64(Lifetime, 1n << 64n), 'u64 above');
  refuses(t, () => writer().channelNumber(0x10000), 'channel');
  refuses(t, () => writer().requestedTransport(256), 'transport');
  refuses(t, () => writer().connectionIdentifier('00'), 'identifier');
  refuses(t, () => writer().connectionIdentifier('g'.repeat(32)), 'identifier digits');
  for (const code of [299, 700, 400.5]) refuses(t, () => writer().errorCode(code), `code ${code}`);
});

t.test("ERROR-CODE has the RFC's reason phrase unless another is given", async (t) => {
  const { code, reason } = decoded(writer().errorCode(446, 'busy')).errorCode() ?? {};
  t.strictSame({ code, reason }, { code: 446, reason: 'busy' });
  for (const known of Object.values(ErrorCode)) t.not(reasonPhrase(known), '', `${known}`);
  t.strictSame(decoded(writer().errorCode(699)).errorCode(), { code: 699, reason: '' });
});

t.test('ADDRESS-ERROR-CODE and ICMP have the layout of RFC 8656', async (t) => {
  const message = decoded(writer().addressErrorCode(2, 440).icmp(3, 4, 1_280));
  const phrase = Buffer.from('Address Family not Supported');
  const value = Buffer.concat([Buffer.from([2, 0, 4, 40]), phrase]);
  t.strictSame(Buffer.from(message.get(AttributeType.AddressErrorCode) ?? []), value);
  const icmp = Buffer.from([0, 0, 3 << 1, 4, 0, 0, 5, 0]);
  t.strictSame(Buffer.from(message.get(AttributeType.Icmp) ?? []), icmp);
});

t.test('`length` is the length of the message so far', async (t) => {
  const growing = writer();
  t.equal(growing.length, 20);
  t.equal(growing.text(AttributeType.Realm, 'realm').length, 32);
  t.equal(growing.finish().length, 32);
});
