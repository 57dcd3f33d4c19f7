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

t.test('a change of any byte that is covered fails', async (t) => {
  const bytes = request().integrity('sha256', KEY).finish();
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Uint8Array.from(bytes);
    changed[at] = (changed[at] as number) ^ 0x80;
    // A change in an attribute's header may leave no message, or none with integrity.
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

t.test('integrity does not cover what follows it', async (t) => {
  const message = decoded(request().integrity('sha1', KEY).integrity('sha256', KEY).fingerprint());
  t.ok(verifyIntegrity(message, 'sha1', KEY));
  t.ok(verifyIntegrity(message, 'sha256', KEY));
});

t.test('SHA-256 to SHA-1 bid-down: a wrong SHA-256 is what gets checked', async (t) => {
  const message = decoded(request().integrity('sha1', KEY).integrity('sha256', OTHER_KEY));
  t.equal(integrityKind(message), 'sha256');
  t.notOk(verifyIntegrity(message, 'sha256', KEY));
});

t.test('MESSAGE-INTEGRITY-SHA256 counts at full length only (RFC 8489 section 14.6)', async (t) => {
  for (const length of [0, 4, 12, 16, 20, 24, 28, 31, 33, 36]) {
    const offset = 20;
    const bytes = Buffer.from(
      rawMessage([attribute(AttributeType.MessageIntegritySha256, Buffer.alloc(length))]),
    );
    // The sender's HMAC over a header that counts the truncated attribute, and over ours.
    const mac = Buffer.from(integrityMac(bytes, offset, 'sha256', KEY), 'binary');
    mac.copy(bytes, offset + 4, 0, length);
    const message = decoded(bytes);
    t.equal(integrityKind(message), 'sha256', 'present, so nothing weaker is looked at');
    t.notOk(verifyIntegrity(message, 'sha256', KEY), `${length} bytes`);
  }
});

t.test('MESSAGE-INTEGRITY of another length fails without throwing', async (t) => {
  for (const length of [0, 4, 16, 19, 21, 32]) {
    const message = decoded(
      rawMessage([attribute(AttributeType.MessageIntegrity, Buffer.alloc(length))]),
    );
    t.notOk(verifyIntegrity(message, 'sha1', KEY));
  }
});

t.test('text is mapped as OpaqueString says (RFC 8265 section 4.2.2)', async (t) => {
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
