import t from 'tap';
import { ClientAuthenticator, isAuthentic } from '../../src/auth/client-authenticator.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import type { IntegrityKind } from '../../src/stun/integrity.js';
import { longTermKey } from '../../src/stun/integrity.js';
import type { StunMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { decoded, TRANSACTION_ID } from '../stun/messages.js';
import { CREDENTIAL, challengedBy, REALM, request, signed, TestServer } from './support.js';

const { Realm, Nonce, Username, UserHash, PasswordAlgorithms } = AttributeType;
const RETRY_401 = { type: 'retry', code: 401 };
const RETRY_438 = { type: 'retry', code: 438 };
const KEYS = {
  sha1: longTermKey('md5', CREDENTIAL.username, REALM, CREDENTIAL.password),
  sha256: longTermKey('sha256', CREDENTIAL.username, REALM, CREDENTIAL.password),
};

function answer(code?: number): MessageWriter {
  const writer = new MessageWriter(
    code === undefined ? 'success' : 'error',
    Method.Allocate,
    TRANSACTION_ID,
  );
  return code === undefined ? writer.u32(AttributeType.Lifetime, 600) : writer.errorCode(code);
}

/** Makes a challenge with the given attributes. */
function challenge(options: {
  code?: number;
  realm?: string;
  nonce?: string;
  algorithms?: readonly number[];
}): StunMessage {
  const writer = answer(options.code ?? 401);
  if (options.realm !== undefined) writer.text(Realm, options.realm);
  if (options.nonce !== undefined) writer.text(Nonce, options.nonce);
  if (options.algorithms !== undefined) writer.passwordAlgorithms(options.algorithms);
  return decoded(writer);
}

function signedAnswer(kind: IntegrityKind, code?: number, key = KEYS[kind]): StunMessage {
  return decoded(answer(code).integrity(kind, key));
}

t.test('the first request is unsigned (RFC 8489 section 9.2.3.1)', async (t) => {
  const client = new ClientAuthenticator(CREDENTIAL);
  const writer = request();
  t.equal(client.sign(writer).proof, undefined);
  t.equal(decoded(writer).attributes.length, 1);
});

t.test('a challenge leads to a signed retry, and its nonce is kept', async (t) => {
  const server = new TestServer();
  for (const preference of ['auto', 'sha1', 'sha256'] as const) {
    const client = new ClientAuthenticator({ ...CREDENTIAL, integrity: preference });
    const first = request();
    const signature = client.sign(first);
    t.strictSame(client.check(server.challenge(decoded(first)), signature), RETRY_401);
    const second = request();
    const retried = client.sign(second, signature);
    const authenticated = server.authenticate(decoded(second));
    t.ok(authenticated.ok, preference);
    t.equal(retried.proof?.kind, preference === 'sha1' ? 'sha1' : 'sha256');
    t.ok(server.authenticate(signed(client)).ok, 'the next request needs no challenge');
  }
});

t.test('a request with integrity sha1 has no PASSWORD-ALGORITHM (RFC 5389)', async (t) => {
  const message = signed(challengedBy(new TestServer(), 'sha1'));
  t.notOk(message.has(PasswordAlgorithms));
  t.notOk(message.has(AttributeType.PasswordAlgorithm));
  t.ok(message.has(AttributeType.MessageIntegrity));
});

t.test('PASSWORD-ALGORITHMS is returned byte for byte', async (t) => {
  const client = new ClientAuthenticator(CREDENTIAL);
  const list = Buffer.from('0009000361626300 00020000 00010000'.replaceAll(' ', ''), 'hex');
  const message = decoded(
    answer(401).text(Realm, REALM).text(Nonce, 'n').bytes(PasswordAlgorithms, list),
  );
  t.strictSame(client.check(message, client.sign(request())), RETRY_401);
  message.bytes.fill(0);
  const retry = signed(client);
  t.strictSame(Buffer.from(retry.get(PasswordAlgorithms) ?? ''), list);
  t.equal(retry.passwordAlgorithm(), 2, 'the first known one');
});

t.test('auto chooses the first known algorithm of the list', async (t) => {
  const chosen = (algorithms?: readonly number[]) => {
    const client = new ClientAuthenticator(CREDENTIAL);
    const options = { realm: REALM, nonce: 'n', ...(algorithms && { algorithms }) };
    client.check(challenge(options), client.sign(request()));
    const message = signed(client);
    const kind = message.has(AttributeType.MessageIntegritySha256) ? 'sha256' : 'sha1';
    return `${message.passwordAlgorithm()} ${kind}`;
  };
  t.equal(chosen([2, 1]), '2 sha256');
  t.equal(chosen([1, 2]), '1 sha256');
  t.equal(chosen([7, 1]), '1 sha256');
  t.equal(chosen(), 'undefined sha1');
});

t.test('a challenge without a common algorithm is rejected (RFC 8489 section 9.2.5)', async (t) => {
  for (const [integrity, algorithms] of [
    ['auto', [7]],
    ['sha256', [1]],
    ['sha256', undefined],
  ] as const) {
    const client = new ClientAuthenticator({ ...CREDENTIAL, integrity });
    const message = challenge({ realm: REALM, nonce: 'n', ...(algorithms && { algorithms }) });
    t.strictSame(client.check(message, client.sign(request())), {
      type: 'rejected',
      code: 401,
      why: 'algorithm-not-offered',
    });
  }
});

t.test('bid-down: a challenge whose PASSWORD-ALGORITHMS were removed is ignored', async (t) => {
  for (const integrity of ['auto', 'sha1', 'sha256'] as const) {
    for (const nonce of ['obMatJos2AAABx', 'obMatJos2gAAAx']) {
      const client = new ClientAuthenticator({ ...CREDENTIAL, integrity });
      const message = challenge({ realm: REALM, nonce });
      const verdict = client.check(message, client.sign(request()));
      t.strictSame(verdict, { type: 'ignored', why: 'bid-down' });
    }
  }
});

t.test('bid-down: another response with such a nonce is ignored', async (t) => {
  const client = challengedBy(new TestServer());
  const signature = client.sign(request());
  const message = decoded(answer().text(Nonce, 'obMatJos2gAAAx').integrity('sha256', KEYS.sha256));
  t.strictSame(client.check(message, signature), { type: 'ignored', why: 'bid-down' });
});

t.test("a response without valid integrity of the request's kind is ignored", async (t) => {
  const server = new TestServer();
  for (const kind of ['sha1', 'sha256'] as const) {
    const other = kind === 'sha1' ? 'sha256' : 'sha1';
    const client = challengedBy(server, kind);
    const signature = client.sign(request());
    const check = (message: StunMessage) => client.check(message, signature);
    t.strictSame(check(signedAnswer(kind)), { type: 'authentic' });
    t.strictSame(check(signedAnswer(kind, 437)), { type: 'authentic' });
    t.strictSame(check(signedAnswer(kind, 403, Buffer.alloc(32))).type, 'ignored');
    t.strictSame(check(signedAnswer(other, undefined, KEYS[kind])).type, 'ignored');
    t.strictSame(check(decoded(answer())).type, 'ignored');
    t.strictSame(check(decoded(answer(400))).type, 'ignored', '400 without integrity');
    t.strictSame(check(decoded(answer(508))).type, 'ignored');
  }
});

t.test('438 renews the nonce', async (t) => {
  const server = new TestServer();
  const client = challengedBy(server);
  server.clock.advance(61_000);
  const writer = request();
  const signature = client.sign(writer);
  t.strictSame(client.check(server.challenge(decoded(writer), 438), signature), RETRY_438);
  const retry = request();
  client.sign(retry, signature);
  t.ok(server.authenticate(decoded(retry)).ok);
});

t.test('a second challenge of one transaction is ignored', async (t) => {
  const server = new TestServer();
  const client = challengedBy(server);
  const signature = client.sign(request());
  const message = challenge({ code: 438, realm: REALM, nonce: 'first' });
  t.strictSame(client.check(message, signature), RETRY_438);
  t.strictSame(client.check(challenge({ code: 438, realm: REALM, nonce: 'second' }), signature), {
    type: 'ignored',
    why: 'already-challenged',
  });
  t.equal(signed(client).text(Nonce), 'first');
});

t.test('a request is challenged at most three times', async (t) => {
  const client = new ClientAuthenticator(CREDENTIAL);
  let signature = client.sign(request());
  t.strictSame(client.check(challenge({ realm: REALM, nonce: 'n' }), signature), RETRY_401);
  signature = client.sign(request(), signature);
  const stale = challenge({ code: 438, realm: REALM, nonce: 'n' });
  t.strictSame(client.check(stale, signature), RETRY_438);
  signature = client.sign(request(), signature);
  t.strictSame(client.check(stale, signature), RETRY_438, 'a nonce older than the leg’s');
  signature = client.sign(request(), signature);
  t.strictSame(client.check(stale, signature), {
    type: 'rejected',
    code: 438,
    why: 'challenged-again',
  });
});

t.test('401 to a signed request is final', async (t) => {
  const server = new TestServer();
  const client = challengedBy(server);
  const writer = request();
  const signature = client.sign(writer);
  t.strictSame(client.check(server.challenge(decoded(writer)), signature), {
    type: 'rejected',
    code: 401,
    why: 'wrong-credentials',
  });
});

t.test(
  'a challenge with wrong integrity is ignored, one with valid integrity is accepted',
  async (t) => {
    const client = challengedBy(new TestServer(), 'sha1');
    const stale = () => answer(438).text(Realm, REALM).text(Nonce, 'n');
    const wrong = decoded(stale().integrity('sha1', Buffer.alloc(16)));
    t.strictSame(client.check(wrong, client.sign(request())), {
      type: 'ignored',
      why: 'integrity',
    });
    const right = decoded(stale().integrity('sha1', KEYS.sha1));
    t.strictSame(client.check(right, client.sign(request())), RETRY_438);
  },
);

t.test('a challenge without realm or nonce, or too long, is ignored', async (t) => {
  for (const options of [
    { nonce: 'n' },
    { realm: REALM },
    { realm: REALM, nonce: 'n'.repeat(128) },
    { realm: 'r'.repeat(128), nonce: 'n' },
  ]) {
    const client = new ClientAuthenticator(CREDENTIAL);
    t.strictSame(client.check(challenge(options), client.sign(request())), {
      type: 'ignored',
      why: 'malformed-challenge',
    });
  }
});

t.test('before a challenge an error is final and a success is ignored', async (t) => {
  const client = new ClientAuthenticator(CREDENTIAL);
  const signature = client.sign(request());
  t.strictSame(client.check(decoded(answer(400)), signature), {
    type: 'rejected',
    code: 400,
    why: 'error',
  });
  t.strictSame(client.check(decoded(answer()), signature).type, 'ignored');
  t.strictSame(client.check(signedAnswer('sha1'), signature).type, 'ignored');
});

t.test('a nonce with username anonymity leads to USERHASH', async (t) => {
  const client = new ClientAuthenticator(CREDENTIAL);
  const message = challenge({ realm: REALM, nonce: 'obMatJos2AAADx', algorithms: [2] });
  client.check(message, client.sign(request()));
  const retry = signed(client);
  t.equal(retry.get(UserHash)?.length, 32);
  t.notOk(retry.has(Username));
});

t.test("isAuthentic checks an indication with the key of the leg's last request", async (t) => {
  const client = challengedBy(new TestServer());
  const signature = client.sign(request());
  const closed = (key: Uint8Array) =>
    decoded(
      new MessageWriter('indication', Method.Closed, TRANSACTION_ID)
        .errorCode(437)
        .integrity('sha256', key),
    );
  t.ok(isAuthentic(closed(KEYS.sha256), signature));
  t.notOk(isAuthentic(closed(KEYS.sha1), signature));
  t.notOk(isAuthentic(closed(KEYS.sha256), { ...signature, proof: undefined }));
});
