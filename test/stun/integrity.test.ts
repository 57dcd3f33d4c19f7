import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import {
  integrityKind,
  integrityMac,
  longTermKey,
  userHash,
  verifyIntegrity,
} from '../../src/stun/integrity.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { attribute, decoded, rawMessage, TRANSACTION_ID } from './messages.js';

const KEY = Buffer.alloc(32, 7);
const OTHER_KEY = Buffer.alloc(32, 8);
const request = () =>
  new MessageWriter('request', 3, TRANSACTION_ID).text(AttributeType.Username, 'user');

t.test('each kind verifies under its own key only', async (t) => {
  for (const kind of ['sha1', 'sha256'] as const) {
    const message = decoded(request().integrity(kind, KEY));
    t.equal(integrityKind(message), kind);
    t.ok(verifyIntegrity(message, kind, KEY));
    t.notOk(verifyIntegrity(message, kind, OTHER_KEY));
    t.notOk(verifyIntegrity(message, kind === 'sha1' ? 'sha256' : 'sha1', KEY), 'absent');
  }
  t.equal(integrityKind(decoded(request())), undefined);
});

t.test('verification fails if any covered byte is changed', async (t) => {
  const bytes = request().integrity('sha256', KEY).finish();
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Uint8Array.from(bytes);
    changed[at] = (changed[at] as number) ^ 0x80;
    // After a change in a header the bytes may be no message, or a message without integrity.
    const verified = (() => {
      try {
        return verifyIntegrity(decoded(changed), 'sha256', KEY);
      } catch {
        return false;
      }
    })();
    t.equal(verified, false, `byte ${at}`);
  }
});

t.test('integrity does not cover later attributes', async (t) => {
  const message = decoded(request().integrity('sha1', KEY).integrity('sha256', KEY).fingerprint());
  t.ok(verifyIntegrity(message, 'sha1', KEY));
  t.ok(verifyIntegrity(message, 'sha256', KEY));
});

t.test(
  'bid-down to SHA-1: a wrong MESSAGE-INTEGRITY-SHA256 fails next to a valid MESSAGE-INTEGRITY',
  async (t) => {
    const message = decoded(request().integrity('sha1', KEY).integrity('sha256', OTHER_KEY));
    t.equal(integrityKind(message), 'sha256');
    t.notOk(verifyIntegrity(message, 'sha256', KEY));
  },
);

t.test(
  'MESSAGE-INTEGRITY-SHA256 is valid only at full length (RFC 8489 section 14.6)',
  async (t) => {
    for (const length of [0, 4, 12, 16, 20, 24, 28, 31, 33, 36]) {
      const offset = 20;
      const bytes = Buffer.from(
        rawMessage([attribute(AttributeType.MessageIntegritySha256, Buffer.alloc(length))]),
      );
      // The correct HMAC, over a header whose length counts an attribute of full length.
      const mac = Buffer.from(integrityMac(bytes, offset, 'sha256', KEY), 'binary');
      mac.copy(bytes, offset + 4, 0, length);
      const message = decoded(bytes);
      t.equal(integrityKind(message), 'sha256', 'present, so MESSAGE-INTEGRITY is not used');
      t.notOk(verifyIntegrity(message, 'sha256', KEY), `${length} bytes`);
    }
  },
);

t.test('MESSAGE-INTEGRITY of another length fails without throwing', async (t) => {
  for (const length of [0, 4, 16, 19, 21, 32]) {
    const message = decoded(
      rawMessage([attribute(AttributeType.MessageIntegrity, Buffer.alloc(length))]),
    );
    t.notOk(verifyIntegrity(message, 'sha1', KEY));
  }
});

t.test('text is mapped by the OpaqueString profile (RFC 8265 section 4.2.2)', async (t) => {
  const composed = longTermKey('sha256', 'us\u00e9r', 'realm', 'pass word');
  const decomposed = longTermKey('sha256', 'use\u0301r', 'realm', 'pass\u3000word');
  t.strictSame(decomposed, composed);
  t.notSame(
    longTermKey('sha256', 'User', 'realm', 'x'),
    longTermKey('sha256', 'user', 'realm', 'x'),
  );
  t.strictSame(userHash('use\u0301r', 'realm'), userHash('us\u00e9r', 'realm'));
});

t.test('keys have the length of their hash', async (t) => {
  t.equal(longTermKey('md5', 'u', 'r', 'p').length, 16);
  t.equal(longTermKey('sha256', 'u', 'r', 'p').length, 32);
});
