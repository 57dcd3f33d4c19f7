import t from 'tap';
import { ClientAuthenticator } from '../../src/auth/client-authenticator.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import type { LegQuality } from '../../src/stun/leg-quality.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { attribute, decoded, rawMessage, TRANSACTION_ID } from './messages.js';

const written = (quality: LegQuality) =>
  decoded(new MessageWriter('request', Method.Refresh, TRANSACTION_ID).legQuality(quality));
const bytesOf = (quality: LegQuality) =>
  Buffer.from(written(quality).get(AttributeType.LegQuality) ?? []).toString('hex');

t.test('LEG-QUALITY has the vectors of PROTOCOL.md section 7', async (t) => {
  const usual = { rttMs: 21.4, jitterMs: 1.2, loss: 0.004, count: 12 };
  t.equal(bytesOf(usual), '00d6000c0106000c');
  const read = written(usual).legQuality();
  t.strictSame({ ...read, loss: 0 }, { ...usual, loss: 0 });
  t.equal(read?.loss, 0x0106 / 0xffff, 'loss in 65,535 steps');
  const beyond = { rttMs: 7_000, jitterMs: 9_999, loss: 2, count: 100_000 };
  t.equal(bytesOf(beyond), 'ffffffffffffffff', 'the nearest that there is');
  t.strictSame(written(beyond).legQuality(), {
    rttMs: 6_553.5,
    jitterMs: 6_553.5,
    loss: 1,
    count: 65_535,
  });
  t.equal(bytesOf({ rttMs: 0.04, jitterMs: 0, loss: 0, count: 1 }), '0000000000000001');
});

t.test('a malformed LEG-QUALITY is none', async (t) => {
  const message = (value: number[]) =>
    decoded(rawMessage([attribute(AttributeType.LegQuality, Uint8Array.from(value))]));
  for (const value of [[], [1], [0, 1, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0, 0, 1, 0]]) {
    t.equal(message(value).legQuality(), undefined, `${value.length} bytes`);
  }
  t.equal(message([0, 1, 0, 0, 0, 0, 0, 0]).legQuality(), undefined, 'no round trips');
  t.equal(message([0, 1, 0, 0, 0, 0, 0, 1]).legQuality()?.rttMs, 0.1);
  t.strictSame(message([1]).unknownRequired(new Set()), [], 'an old relay ignores it');
});

t.test('a Refresh with LEG-QUALITY has the vector of PROTOCOL.md section 7', async (t) => {
  const transactionId = Uint8Array.from({ length: 12 }, (_, index) => index);
  const connectionId = '000102030405060708090a0b0c0d0e0f';
  const credentials = new ClientAuthenticator({
    username: `1800000000:default/${connectionId}/0`,
    password: 'sXF7rz6BJ0IPbRwUzamHx2WbVwQUMkNQF3fQ8nt/TTg=',
  });
  const unsigned = new MessageWriter('request', Method.Refresh, transactionId);
  const challenge = decoded(
    new MessageWriter('error', Method.Refresh, transactionId)
      .errorCode(401)
      .text(AttributeType.Realm, 'turnpike')
      .text(AttributeType.Nonce, 'obMatJos2gAABAGsC2UChBh3kOtBuyzDk4L6qt9zq')
      .passwordAlgorithms([2, 1]),
  );
  credentials.check(challenge, credentials.sign(unsigned));
  const writer = new MessageWriter('request', Method.Refresh, transactionId)
    .connectionIdentifier(connectionId)
    .u32(AttributeType.Lifetime, 600)
    .legQuality({ rttMs: 21.4, jitterMs: 1.2, loss: 0.004, count: 12 });
  credentials.sign(writer);
  const vector = [
    '000400d82112a442000102030405060708090a0b7f010010000102030405060708090a0b0c0d0e0f000d',
    '000400000258ff06000800d6000c0106000c00060035313830303030303030303a64656661756c742f30',
    '303031303230333034303530363037303830393061306230633064306530662f30000000001400087475',
    '726e70696b65001500296f624d61744a6f73326741414241477343325543684268336b4f744275797a44',
    '6b344c367174397a71000000800200080002000000010000001d000400020000001c002080927171d545',
    '3762025b70c55dc7ca716a04b5bf5a4deae49325235724228baa',
  ];
  t.equal(Buffer.from(writer.finish()).toString('hex'), vector.join(''));
});
