import { createHmac } from 'node:crypto';
import t, { type Test } from 'tap';
import { buildChallenge } from '../../src/auth/challenge.js';
import {
  ClientAuthenticator,
  type IntegrityPreference,
} from '../../src/auth/client-authenticator.js';
import { authenticate } from '../../src/auth/long-term.js';
import { NONCE_LIFETIME_SECONDS, NonceIssuer, securityFeatures } from '../../src/auth/nonce.js';
import { featuresOf } from '../../src/auth/realm.js';
import { RestSecrets } from '../../src/auth/rest-secrets.js';
import { StaticUsers } from '../../src/auth/static-users.js';
import type { CredentialSource } from '../../src/auth/turn-principal.js';
import { TurnVerifier } from '../../src/auth/turn-verifier.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { longTermKey, userHash } from '../../src/stun/integrity.js';
import type { StunMessage } from '../../src/stun/message.js';
import { decoded } from '../stun/messages.js';
import { IP, request } from './support.js';
import { TestClock } from './test-clock.js';

const NAME = 'turn.example.org';
const REST = '1800000000:carol';
const { Nonce, PasswordAlgorithms, Realm, UserHash, Username } = AttributeType;

const users = (...texts: string[]) =>
  StaticUsers.parse({ given: texts.map((text) => ({ source: '--user', text })) });
const secrets = (...texts: string[]) =>
  RestSecrets.parse({ given: texts.map((text) => ({ source: 'secret', text })) });
const ALICE = { username: 'alice', password: 'secret' };
const rest = (secret: string) => ({
  username: REST,
  password: createHmac('sha1', secret).update(REST).digest('base64'),
});

/** A server of standard TURN with only the long-term credential mechanism. */
class TurnServer {
  readonly clock = new TestClock();
  readonly verifier: TurnVerifier;
  readonly nonces: NonceIssuer;

  constructor(...sources: CredentialSource[]) {
    this.verifier = new TurnVerifier({ realm: NAME, sources });
    this.nonces = new NonceIssuer({
      secret: Buffer.alloc(32, 3),
      features: featuresOf(this.verifier.realm),
      clock: this.clock,
      lifetimeSeconds: NONCE_LIFETIME_SECONDS,
    });
  }

  challenge(message: StunMessage, code: 401 | 438 = 401): StunMessage {
    const { realm } = this.verifier;
    const nonce = this.nonces.issue(IP);
    return decoded(buildChallenge(message, { code, realm, nonce, fingerprint: false }));
  }

  authenticate(message: StunMessage, mayTry = () => true) {
    const { nonces, verifier } = this;
    return authenticate(message, { ip: IP, nonces, verifier, realm: verifier.realm, mayTry });
  }

  /** Returns a second request, as a client of RFC 8489 makes it after the challenge. */
  signed(
    credential: { readonly username: string; readonly password: string },
    integrity: IntegrityPreference = 'auto',
  ): StunMessage {
    const client = new ClientAuthenticator({ ...credential, integrity });
    const first = request();
    const signature = client.sign(first);
    client.check(this.challenge(decoded(first)), signature);
    const second = request();
    client.sign(second);
    return decoded(second);
  }
}

function principalOf(t: Test, server: TurnServer, message: StunMessage) {
  const result = server.authenticate(message);
  t.ok(result.ok, result.ok ? '' : result.challenge.failure);
  return result.ok ? result.principal : undefined;
}

t.test('where all users are static, clients are asked for USERHASH and found by it', async (t) => {
  const server = new TurnServer(users('alice:secret', 'bob:hunter2'));
  for (const integrity of ['auto', 'sha1', 'sha256'] as const) {
    const message = server.signed(ALICE, integrity);
    t.ok(securityFeatures(message.text(Nonce) ?? '').usernameAnonymity);
    t.ok(message.has(UserHash));
    t.notOk(message.has(Username));
    t.strictSame(principalOf(t, server, message), { username: 'alice', user: 'alice' });
  }
});

t.test('where usernames are minted, clients are asked for USERNAME', async (t) => {
  const server = new TurnServer(users('alice:secret'), secrets('north'));
  for (const credential of [ALICE, rest('north')]) {
    const message = server.signed(credential);
    t.notOk(securityFeatures(message.text(Nonce) ?? '').usernameAnonymity);
    t.notOk(message.has(UserHash));
    t.equal(principalOf(t, server, message)?.username, credential.username);
  }
});

/** Makes a request with USERHASH, whatever the nonce asks for. */
function hashed(server: TurnServer, username: string, password: string, algorithm?: 'sha256') {
  const writer = request()
    .bytes(UserHash, userHash(username, NAME))
    .text(Realm, NAME)
    .text(Nonce, server.nonces.issue(IP));
  if (algorithm) writer.passwordAlgorithms([2, 1]).passwordAlgorithm(2);
  const key = longTermKey(algorithm ?? 'md5', username, NAME, password);
  return decoded(writer.integrity(algorithm ?? 'sha1', key));
}

t.test('USERHASH is accepted also where the nonce does not ask for it', async (t) => {
  const server = new TurnServer(users('alice:secret'), secrets('north'));
  t.equal(principalOf(t, server, hashed(server, 'alice', 'secret'))?.user, 'alice');
  t.equal(principalOf(t, server, hashed(server, 'alice', 'secret', 'sha256'))?.user, 'alice');
  const { username, password } = rest('north');
  const early = server.authenticate(hashed(server, username, password));
  t.notOk(early.ok, 'a minted name is unknown');
  principalOf(t, server, server.signed(rest('north')));
  const late = principalOf(t, server, hashed(server, username, password));
  t.strictSame(late, { username, user: 'carol', expiresAtSeconds: 1_800_000_000 });
});

t.test('a wrong, unknown or shortened USERHASH gets 401', async (t) => {
  const server = new TurnServer(users('alice:secret'));
  const failureOf = (message: StunMessage) => {
    const result = server.authenticate(message);
    return result.ok ? 'ok' : `${result.challenge.code} ${result.challenge.failure}`;
  };
  t.equal(failureOf(hashed(server, 'bob', 'secret')), '401 unknown-user');
  t.equal(failureOf(hashed(server, 'alice', 'wrong')), '401 wrong-integrity');
  const short = request()
    .bytes(UserHash, userHash('alice', NAME).subarray(0, 31))
    .text(Realm, NAME)
    .text(Nonce, server.nonces.issue(IP))
    .integrity('sha1', longTermKey('md5', 'alice', NAME, 'secret'));
  t.equal(failureOf(decoded(short)), '401 unknown-user');
});

t.test('a client that ignores the list of algorithms is taken at MD5', async (t) => {
  const server = new TurnServer(users('alice:secret'));
  const message = hashed(server, 'alice', 'secret');
  t.notOk(message.has(PasswordAlgorithms));
  t.equal(principalOf(t, server, message)?.user, 'alice');
});

t.test('a user with an MD5 key alone authenticates with MD5, not with SHA-256', async (t) => {
  const key = longTermKey('md5', 'dave', NAME, 'secret');
  const dave = { username: 'dave', password: 'secret' };
  const mixed = new TurnServer(users(`dave:0x${Buffer.from(key).toString('hex')}`, 'alice:secret'));
  t.equal(principalOf(t, mixed, mixed.signed(dave, 'sha1'))?.user, 'dave');
  const result = mixed.authenticate(mixed.signed(dave, 'sha256'));
  t.equal(result.ok ? 'ok' : result.challenge.failure, 'unknown-user');
  const alone = new TurnServer(users(`dave:0x${Buffer.from(key).toString('hex')}`));
  t.equal(principalOf(t, alone, alone.signed(dave))?.user, 'dave', 'nothing else is offered');
});

t.test('credentials of each of several secrets are accepted while these change', async (t) => {
  const server = new TurnServer(secrets('new', 'old'));
  for (const secret of ['new', 'old', 'new']) {
    for (const integrity of ['sha1', 'sha256'] as const) {
      const fresh = new TurnServer(secrets('new', 'old'));
      t.equal(principalOf(t, fresh, fresh.signed(rest(secret), integrity))?.user, 'carol', secret);
    }
  }
  const result = server.authenticate(server.signed(rest('other')));
  t.equal(result.ok ? 'ok' : result.challenge.failure, 'wrong-integrity');
  server.verifier.replace([secrets('newer', 'new')]);
  t.ok(server.authenticate(server.signed(rest('new'))).ok);
  t.notOk(server.authenticate(server.signed(rest('old'))).ok, 'a secret that was removed');
});

t.test('a proved user is not held up by the wrong credentials of its neighbours', async (t) => {
  const server = new TurnServer(secrets('north'));
  const never = () => false;
  t.notOk(server.authenticate(server.signed(rest('north')), never).ok);
  t.ok(server.authenticate(server.signed(rest('north'))).ok);
  t.ok(server.authenticate(server.signed(rest('north')), never).ok);
});

t.test('a nonce of the last minutes is fresh, from a restarted server too', async (t) => {
  const server = new TurnServer(users('alice:secret'));
  const message = server.signed(ALICE);
  const restarted = new TurnServer(users('alice:secret'));
  for (const minutes of [1, 10, 58]) {
    for (const each of [server, restarted]) {
      each.clock.advance(60_000 * minutes - (each.clock.now() - new TestClock().now()));
      t.ok(each.authenticate(message).ok, `after ${minutes} minutes`);
    }
  }
  server.clock.advance(3 * 60_000);
  const late = server.authenticate(message);
  t.equal(late.ok ? 'ok' : late.challenge.code, 438);
});
