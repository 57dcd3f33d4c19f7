import t, { type Test } from 'tap';
import type { AuthenticationFailure, AuthenticationResult } from '../../src/auth/long-term.js';
import type { Principal } from '../../src/auth/principal.js';
import { mintCredential } from '../../src/overlay/leg-credentials.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { longTermKey, userHash } from '../../src/stun/integrity.js';
import type { StunMessage } from '../../src/stun/message.js';
import type { MessageWriter } from '../../src/stun/writer.js';
import { decoded } from '../stun/messages.js';
import { CREDENTIAL, challengedBy, IP, REALM, request, signed, TestServer } from './support.js';

const { Username, Realm, Nonce, UserHash, PasswordAlgorithms } = AttributeType;
const PRINCIPAL = {
  username: CREDENTIAL.username,
  tenant: 'default',
  expiresAtSeconds: 1_800_000_000,
  claims: { tenant: 'default', connectionId: '5f'.repeat(16), role: 0 },
};
const MD5_KEY = longTermKey('md5', CREDENTIAL.username, REALM, CREDENTIAL.password);
const SHA256_KEY = longTermKey('sha256', CREDENTIAL.username, REALM, CREDENTIAL.password);

function refused(
  t: Test,
  result: AuthenticationResult<Principal>,
  code: number,
  failure: AuthenticationFailure,
): void {
  const always = failure === 'unknown-user' || failure === 'wrong-integrity';
  const cost = failure === 'stale-nonce' ? 'none' : always ? 'always' : 'longer';
  t.strictSame(result.ok || result.challenge, { code, failure, cost }, failure);
}

/** Makes a request with USERNAME, REALM and NONCE, and what `more` adds before integrity. */
function withNonce(
  nonce: string,
  more: (writer: MessageWriter) => MessageWriter = (writer) => writer,
): MessageWriter {
  return more(request().text(Username, CREDENTIAL.username).text(Realm, REALM).text(Nonce, nonce));
}

/** Returns what a signed request gets, without the user as the verifier knows it. */
function resultOf(server: TestServer, preference: 'sha1' | 'sha256' | 'auto') {
  const result = server.authenticate(signed(challengedBy(server, preference)));
  if (!result.ok) return result;
  const { user, ...rest } = result;
  t.match(user, { isRemembered: true, principal: rest.principal });
  return rest;
}

t.test(
  'MESSAGE-INTEGRITY with the MD5 key authenticates, as from a client of RFC 5389',
  async (t) => {
    const server = new TestServer();
    t.strictSame(resultOf(server, 'sha1'), {
      ok: true,
      principal: PRINCIPAL,
      signer: { kind: 'sha1', key: MD5_KEY },
      nonceSeconds: server.clock.now() / 1_000 + 60,
    });
  },
);

t.test('PASSWORD-ALGORITHM SHA-256 with MESSAGE-INTEGRITY-SHA256 authenticates', async (t) => {
  const server = new TestServer();
  for (const preference of ['sha256', 'auto'] as const) {
    t.strictSame(resultOf(server, preference), {
      ok: true,
      principal: PRINCIPAL,
      signer: { kind: 'sha256', key: SHA256_KEY },
      nonceSeconds: server.clock.now() / 1_000 + 60,
    });
  }
});

t.test('each password algorithm may be combined with each kind of integrity', async (t) => {
  const server = new TestServer();
  const nonce = server.nonceIssuer.issue(IP);
  const choose = (number: number) =>
    withNonce(nonce, (writer) => writer.passwordAlgorithms([2, 1]).passwordAlgorithm(number));
  const results = [
    choose(1).integrity('sha256', MD5_KEY),
    choose(2).integrity('sha1', SHA256_KEY),
    choose(1).integrity('sha1', MD5_KEY),
    withNonce(nonce).integrity('sha256', MD5_KEY),
  ].map((writer) => server.authenticate(decoded(writer)));
  t.strictSame(
    results.map((result) => result.ok && result.signer),
    [
      { key: MD5_KEY, kind: 'sha256' },
      { key: SHA256_KEY, kind: 'sha1' },
      { key: MD5_KEY, kind: 'sha1' },
      { key: MD5_KEY, kind: 'sha256' },
    ],
  );
});

t.test('a request without integrity gets 401', async (t) => {
  const server = new TestServer();
  refused(t, server.authenticate(decoded(request())), 401, 'no-integrity');
  const writer = withNonce(server.nonceIssuer.issue(IP));
  refused(t, server.authenticate(decoded(writer)), 401, 'no-integrity');
  t.equal(server.keysAsked, 0);
});

t.test('a request with integrity and without USERNAME, REALM or NONCE gets 400', async (t) => {
  const server = new TestServer();
  const nonce = server.nonceIssuer.issue(IP);
  const parts: Record<string, (writer: MessageWriter) => MessageWriter> = {
    username: (writer) => writer.text(Username, CREDENTIAL.username),
    realm: (writer) => writer.text(Realm, REALM),
    nonce: (writer) => writer.text(Nonce, nonce),
  };
  for (const missing of Object.keys(parts)) {
    const writer = request();
    for (const [name, add] of Object.entries(parts)) if (name !== missing) add(writer);
    const message = decoded(writer.integrity('sha1', MD5_KEY));
    refused(t, server.authenticate(message), 400, 'attribute-missing');
  }
});

t.test('a request with an attribute that is not UTF-8 gets 400', async (t) => {
  const server = new TestServer();
  const nonce = server.nonceIssuer.issue(IP);
  const bad = Buffer.from('ff', 'hex');
  for (const writer of [
    request().bytes(Username, bad).text(Realm, REALM).text(Nonce, nonce),
    request().text(Username, CREDENTIAL.username).bytes(Realm, bad).text(Nonce, nonce),
    request().text(Username, CREDENTIAL.username).text(Realm, REALM).bytes(Nonce, bad),
  ]) {
    const message = decoded(writer.integrity('sha1', MD5_KEY));
    refused(t, server.authenticate(message), 400, 'attribute-missing');
  }
});

t.test(
  'bid-down: only one of PASSWORD-ALGORITHM and PASSWORD-ALGORITHMS, or a changed list, gets 400',
  async (t) => {
    const server = new TestServer();
    const nonce = server.nonceIssuer.issue(IP);
    const cases: [name: string, add: (writer: MessageWriter) => MessageWriter][] = [
      ['only the list', (writer) => writer.passwordAlgorithms([2, 1])],
      ['only the choice', (writer) => writer.passwordAlgorithm(2)],
      ['SHA-256 stripped', (writer) => writer.passwordAlgorithms([1]).passwordAlgorithm(1)],
      ['MD5 stripped', (writer) => writer.passwordAlgorithms([2]).passwordAlgorithm(2)],
      ['order changed', (writer) => writer.passwordAlgorithms([1, 2]).passwordAlgorithm(2)],
      ['list extended', (writer) => writer.passwordAlgorithms([2, 1, 3]).passwordAlgorithm(3)],
      ['empty list', (writer) => writer.passwordAlgorithms([]).passwordAlgorithm(2)],
      [
        'choice not in the list',
        (writer) => writer.passwordAlgorithms([2, 1]).passwordAlgorithm(3),
      ],
      [
        'list malformed',
        (writer) => writer.bytes(PasswordAlgorithms, Buffer.alloc(3)).passwordAlgorithm(2),
      ],
    ];
    for (const [name, add] of cases) {
      for (const key of [MD5_KEY, SHA256_KEY]) {
        const message = decoded(withNonce(nonce, add).integrity('sha256', key));
        const result = server.authenticate(message);
        t.match(result, { ok: false, challenge: { code: 400, failure: 'bid-down' } }, name);
      }
    }
    t.equal(server.keysAsked, 0);
  },
);

t.test('bid-down: MESSAGE-INTEGRITY-SHA256 is checked if both kinds are present', async (t) => {
  const server = new TestServer();
  const nonce = server.nonceIssuer.issue(IP);
  const wrong = withNonce(nonce).integrity('sha1', MD5_KEY).integrity('sha256', SHA256_KEY);
  refused(t, server.authenticate(decoded(wrong)), 401, 'wrong-integrity');
  const right = withNonce(nonce).integrity('sha1', SHA256_KEY).integrity('sha256', MD5_KEY);
  t.match(server.authenticate(decoded(right)), { ok: true, signer: { kind: 'sha256' } });
});

t.test('a wrong password and an unknown user get 401', async (t) => {
  const server = new TestServer();
  const wrong = { ...CREDENTIAL, password: 'guess' };
  const unknownUser = { username: 'nobody', password: CREDENTIAL.password };
  for (const preference of ['sha1', 'sha256'] as const) {
    const guess = signed(challengedBy(server, preference, wrong));
    refused(t, server.authenticate(guess), 401, 'wrong-integrity');
    const stranger = signed(challengedBy(server, preference, unknownUser));
    refused(t, server.authenticate(stranger), 401, 'unknown-user');
  }
});

t.test("a credential with another tenant's secret gets 401", async (t) => {
  const server = new TestServer();
  const minted = mintCredential({
    tenantSecret: Buffer.alloc(32, 0x22),
    tenant: 'default',
    connectionId: '5f'.repeat(16),
    role: 0,
    expiresAtSeconds: 1_800_000_000,
  });
  const message = signed(challengedBy(server, 'auto', minted));
  refused(t, server.authenticate(message), 401, 'wrong-integrity');
});

t.test('a USERNAME of more than 508 bytes gets 401', async (t) => {
  const server = new TestServer();
  const username = `${CREDENTIAL.username}/x=${'y'.repeat(508)}`;
  const message = signed(challengedBy(server, 'auto', { ...CREDENTIAL, username }));
  refused(t, server.authenticate(message), 401, 'unknown-user');
});

t.test('another realm gets 401', async (t) => {
  const server = new TestServer();
  const key = longTermKey('md5', CREDENTIAL.username, 'elsewhere', CREDENTIAL.password);
  const message = decoded(
    request()
      .text(Username, CREDENTIAL.username)
      .text(Realm, 'elsewhere')
      .text(Nonce, server.nonceIssuer.issue(IP))
      .integrity('sha1', key),
  );
  refused(t, server.authenticate(message), 401, 'wrong-realm');
});

t.test('USERHASH gets 401, since the nonces do not announce username anonymity', async (t) => {
  const server = new TestServer();
  const message = decoded(
    request()
      .bytes(UserHash, userHash(CREDENTIAL.username, REALM))
      .text(Realm, REALM)
      .text(Nonce, server.nonceIssuer.issue(IP))
      .integrity('sha1', MD5_KEY),
  );
  refused(t, server.authenticate(message), 401, 'unknown-user');
});

t.test('a forged nonce gets 438 without a key derivation', async (t) => {
  const server = new TestServer();
  const other = new TestServer(2);
  for (const message of [
    signed(challengedBy(other, 'sha1')),
    signed(challengedBy(other, 'sha256')),
    decoded(withNonce('').integrity('sha1', MD5_KEY)),
    decoded(withNonce('f//499k954d6OL34oL9FSTvy64sA').integrity('sha1', MD5_KEY)),
    decoded(withNonce('x'.repeat(2_000)).integrity('sha1', MD5_KEY)),
    decoded(
      withNonce('none of ours', (writer) => writer.passwordAlgorithm(2)).integrity('sha1', MD5_KEY),
    ),
  ]) {
    refused(t, server.authenticate(message), 438, 'forged-nonce');
  }
  const elsewhere = server.authenticate(signed(challengedBy(server)), '192.0.2.99');
  refused(t, elsewhere, 438, 'forged-nonce');
  t.equal(server.keysAsked, 0);
});

t.test(
  'an expired nonce gets 438 at no cost with a valid credential, and 401 with a wrong one',
  async (t) => {
    const server = new TestServer();
    const good = signed(challengedBy(server));
    const bad = signed(challengedBy(server, 'auto', { ...CREDENTIAL, password: 'guess' }));
    server.clock.advance(61_000);
    refused(t, server.authenticate(good), 438, 'stale-nonce');
    refused(t, server.authenticate(bad), 401, 'wrong-integrity');
  },
);

t.test('a nonce is bound to the source address', async (t) => {
  const server = new TestServer();
  const message = signed(challengedBy(server));
  t.ok(server.authenticate(message).ok);
  t.notOk(server.authenticate(message, '2001:db8::1').ok);
});

t.test('attributes after MESSAGE-INTEGRITY are ignored in authentication', async (t) => {
  const server = new TestServer();
  const message = (bytes: Uint8Array): StunMessage => {
    const copy = Buffer.from(bytes);
    copy.writeUInt16BE(copy.length - 20, 2);
    return decoded(copy);
  };
  const tail = decoded(withNonce(server.nonceIssuer.issue(IP))).bytes.subarray(28);
  const bare = request().integrity('sha1', MD5_KEY).finish();
  const result = server.authenticate(message(Buffer.concat([bare, tail])));
  refused(t, result, 400, 'attribute-missing');
});
