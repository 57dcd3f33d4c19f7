import t from 'tap';
import { buildChallenge, CHALLENGE_TOKEN_BYTES, challengeBytes } from '../../src/auth/challenge.js';
import { NONCE_LIFETIME_SECONDS, NonceIssuer } from '../../src/auth/nonce.js';
import { featuresOf } from '../../src/auth/realm.js';
import { OVERLAY_REALM } from '../../src/overlay/leg-credentials.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { decoded, TRANSACTION_ID } from '../stun/messages.js';
import { REALM, request } from './support.js';
import { TestClock } from './test-clock.js';

const { Realm, Nonce, Fingerprint, PasswordAlgorithms } = AttributeType;
const REQUEST = decoded(request());
const nonce = new NonceIssuer({
  secret: Buffer.alloc(32, 1),
  features: featuresOf(OVERLAY_REALM),
  clock: new TestClock(),
  lifetimeSeconds: NONCE_LIFETIME_SECONDS,
}).issue('2001:db8:1234:5678:11:2233:4455:6677');

t.test('a challenge has the attributes of RFC 8489 section 9.2.4', async (t) => {
  for (const code of [401, 438] as const) {
    for (const fingerprint of [false, true]) {
      const challenge = decoded(
        buildChallenge(REQUEST, { code, realm: OVERLAY_REALM, nonce, fingerprint }),
      );
      t.equal(challenge.messageClass, 'error');
      t.equal(challenge.method, REQUEST.method);
      t.strictSame(challenge.transactionId, TRANSACTION_ID);
      t.equal(challenge.errorCode()?.code, code);
      t.equal(challenge.text(Realm), REALM);
      t.equal(challenge.text(Nonce), nonce);
      t.strictSame(challenge.passwordAlgorithms(), [2, 1]);
      t.equal(challenge.has(Fingerprint), fingerprint);
      t.notOk(challenge.has(AttributeType.Username));
      t.notOk(challenge.has(AttributeType.MessageIntegrity));
    }
  }
});

t.test(
  'a 401 has the name of a server that takes access tokens (RFC 7635 section 6.1)',
  async (t) => {
    const realm = { ...OVERLAY_REALM, thirdParty: 'turn.example.org' };
    for (const [code, name] of [
      [400, undefined],
      [401, realm.thirdParty],
      [438, undefined],
    ] as const) {
      const bytes = buildChallenge(REQUEST, { code, realm, nonce, fingerprint: true });
      t.equal(decoded(bytes).text(AttributeType.ThirdPartyAuthorization), name);
      t.equal(challengeBytes({ code, realm, fingerprint: true }), bytes.length, 'challengeBytes');
    }
  },
);

t.test('a challenge is no longer than one token of the budget (reflection by 401)', async (t) => {
  for (const name of [REALM, '', 'r'.repeat(8)]) {
    const realm = { ...OVERLAY_REALM, name };
    for (const code of [400, 401, 438] as const) {
      for (const fingerprint of [false, true]) {
        const bytes = buildChallenge(REQUEST, { code, realm, nonce, fingerprint });
        t.ok(bytes.length <= CHALLENGE_TOKEN_BYTES, `${code} ${bytes.length} bytes`);
        t.equal(challengeBytes({ code, realm, fingerprint }), bytes.length, 'challengeBytes');
      }
    }
  }
});

t.test('ERROR-CODE has the reason phrase of the RFC, whatever the realm', async (t) => {
  const phrases = { 400: 'Bad Request', 401: 'Unauthenticated', 438: 'Stale Nonce' } as const;
  for (const code of [400, 401, 438] as const) {
    for (const name of [REALM, 'turn.example.org', 'r'.repeat(127)]) {
      const realm = { ...OVERLAY_REALM, name };
      const bytes = buildChallenge(REQUEST, { code, realm, nonce, fingerprint: true });
      t.equal(decoded(bytes).errorCode()?.reason, phrases[code]);
    }
  }
});

t.test('a 400 has neither REALM nor NONCE', async (t) => {
  const bytes = buildChallenge(REQUEST, {
    code: 400,
    realm: OVERLAY_REALM,
    nonce,
    fingerprint: false,
  });
  const challenge = decoded(bytes);
  t.strictSame(challenge.errorCode(), { code: 400, reason: 'Bad Request' });
  for (const type of [Realm, Nonce, PasswordAlgorithms]) t.notOk(challenge.has(type));
});

t.test('challengeBytes is right for a long realm', async (t) => {
  const realm = { ...OVERLAY_REALM, name: 'r'.repeat(763) };
  const bytes = buildChallenge(REQUEST, { code: 401, realm, nonce, fingerprint: true });
  t.equal(challengeBytes({ code: 401, realm, fingerprint: true }), bytes.length);
  t.equal(decoded(bytes).text(Realm), realm.name);
});
