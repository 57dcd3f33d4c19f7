import { createHash, createHmac } from 'node:crypto';
import t from 'tap';
import { RestSecrets } from '../../src/auth/rest-secrets.js';
import { StaticUsers } from '../../src/auth/static-users.js';
import type { CredentialSource } from '../../src/auth/turn-principal.js';
import { TURN_USERS_REMEMBERED_MAX, TurnVerifier } from '../../src/auth/turn-verifier.js';
import { longTermKey, userHash } from '../../src/stun/integrity.js';

const REALM = 'turn.example.org';
const REST = '1800000000:carol';

const users = (...texts: string[]) =>
  StaticUsers.parse({ given: texts.map((text) => ({ source: '--user', text })) });
const secrets = (...texts: string[]) =>
  RestSecrets.parse({ given: texts.map((text) => ({ source: 'secret', text })) });
const verifier = (...sources: CredentialSource[]) => new TurnVerifier({ realm: REALM, sources });
const minted = (secret: string, username: string) =>
  createHmac('sha1', secret).update(username).digest('base64');

t.test('a static user has the keys of its password', async (t) => {
  const known = verifier(users('alice:secret'));
  const user = known.find('alice');
  t.strictSame(user?.principal, { username: 'alice', user: 'alice' });
  for (const algorithm of ['md5', 'sha256'] as const) {
    const expected = createHash(algorithm).update(`alice:${REALM}:secret`).digest();
    t.strictSame([...(user?.keysFor(algorithm) ?? [])], [expected]);
  }
  t.equal(known.find('bob'), undefined);
  t.equal(known.find(''), undefined);
  t.equal(known.find('a'.repeat(100_000)), undefined);
});

t.test('a user with an MD5 key alone has no SHA-256 key', async (t) => {
  const key = createHash('md5').update(`alice:${REALM}:secret`).digest();
  const user = verifier(users(`alice:0x${key.toString('hex')}`)).find('alice');
  t.strictSame([...(user?.keysFor('md5') ?? [])].map(Buffer.from), [key]);
  t.strictSame([...(user?.keysFor('sha256') ?? [])], []);
});

t.test('challenges offer SHA-256 unless every user has an MD5 key alone', async (t) => {
  const md5 = `alice:0x${'00'.repeat(16)}`;
  const offered = (...sources: CredentialSource[]) => verifier(...sources).realm.passwordAlgorithms;
  t.strictSame(offered(users(md5)), ['md5']);
  t.strictSame(offered(users(md5, 'bob:secret')), ['sha256', 'md5']);
  t.strictSame(offered(users(md5), secrets('north')), ['sha256', 'md5']);
});

t.test('anonymity is offered only where every credential is known beforehand', async (t) => {
  const offered = (...sources: CredentialSource[]) => verifier(...sources).realm.usernameAnonymity;
  t.equal(offered(users('alice:secret')), true);
  t.equal(offered(users('alice:secret'), users('bob:secret')), true);
  t.equal(offered(users('alice:secret'), secrets('north')), false);
  t.equal(offered(secrets('north')), false);
  t.equal(offered(), false);
});

t.test('each of several secrets gives a key, and the proved one comes first', async (t) => {
  const known = verifier(users('alice:secret'), secrets('north', 'south'));
  const key = (secret: string, algorithm: 'md5' | 'sha256' = 'md5') =>
    longTermKey(algorithm, REST, REALM, minted(secret, REST));
  const user = known.find(REST);
  t.strictSame([...(user?.keysFor('md5') ?? [])], [key('north'), key('south')]);
  t.notOk(known.find(REST)?.isRemembered);
  const [, second] = user?.keysFor('md5') ?? [];
  user?.proved(second as Uint8Array);
  const later = known.find(REST);
  t.equal(later, user);
  t.ok(later?.isRemembered);
  t.strictSame([...(later?.keysFor('md5') ?? [])], [key('south'), key('north')]);
  t.strictSame(
    [...(later?.keysFor('sha256') ?? [])],
    [key('south', 'sha256'), key('north', 'sha256')],
  );
});

t.test('a username of two sources belongs to the first', async (t) => {
  const known = verifier(users('1800000000:x', 'carol:y'), secrets('north'));
  t.equal(known.find('1800000000')?.principal.expiresAtSeconds, undefined);
  t.equal(known.find('1800000001')?.principal.expiresAtSeconds, 1_800_000_001);
});

t.test('USERHASH finds known users, and minted ones once they have proved a request', async (t) => {
  const known = verifier(users('alice:secret', 'j\u00f6rg:secret'), secrets('north'));
  const byHash = (username: string) =>
    known.findByHash(createHash('sha256').update(`${username}:${REALM}`).digest());
  t.equal(byHash('alice')?.principal.username, 'alice');
  t.equal(byHash('j\u00f6rg')?.principal.username, 'j\u00f6rg');
  t.equal(byHash('bob'), undefined);
  t.equal(byHash(REST), undefined);
  const user = known.find(REST);
  const [key] = user?.keysFor('md5') ?? [];
  user?.proved(key as Uint8Array);
  t.equal(byHash(REST), user);
});

t.test('a name in another spelling of Unicode is the same user', async (t) => {
  const known = verifier(users('j\u00f6rg:p\u00e4ss'));
  const user = known.find('jo\u0308rg');
  t.equal(user?.principal.username, 'j\u00f6rg');
  const expected = createHash('md5').update(`j\u00f6rg:${REALM}:p\u00e4ss`).digest();
  t.strictSame([...(user?.keysFor('md5') ?? [])], [expected]);
});

t.test('a reload replaces users and secrets, and tells who is gone', async (t) => {
  const known = verifier(users('alice:secret', 'bob:secret'), secrets('north', 'south'));
  const keyOf = (username: string, algorithm: 'md5' | 'sha256') => {
    const user = known.find(username);
    const [key] = user?.keysFor(algorithm) ?? [];
    user?.proved(key as Uint8Array);
    return key as Uint8Array;
  };
  const [alice, bob, carol] = [
    keyOf('alice', 'md5'),
    keyOf('bob', 'sha256'),
    keyOf(REST, 'sha256'),
  ];
  const accepted = () => [
    known.accepts('alice', alice),
    known.accepts('bob', bob),
    known.accepts(REST, carol),
  ];
  t.strictSame(accepted(), [true, true, true]);
  known.replace([users('alice:secret', 'bob:other'), secrets('west', 'north')]);
  t.strictSame(accepted(), [true, false, true], 'another password');
  t.notOk(known.find(REST)?.isRemembered);
  known.replace([users('bob:secret'), secrets('west')]);
  t.strictSame(accepted(), [false, true, false], 'a removed user and secret');
  t.equal(known.find('alice'), undefined);
  t.equal(known.findByHash(userHash('alice', REALM)), undefined);
  t.equal(known.findByHash(userHash(REST, REALM)), undefined);
  t.equal(known.realm.usernameAnonymity, false);
});

t.test('unproved names displace no remembered user, and the remembered are bounded', async (t) => {
  const known = verifier(secrets('north'));
  const prove = (username: string) => {
    const user = known.find(username);
    const [key] = user?.keysFor('md5') ?? [];
    user?.proved(key as Uint8Array);
  };
  prove(REST);
  for (let i = 0; i < 2 * TURN_USERS_REMEMBERED_MAX; i += 1) {
    known.find(`1800000000:${i}`);
  }
  t.ok(known.find(REST)?.isRemembered);
  for (let i = 0; i <= TURN_USERS_REMEMBERED_MAX; i += 1) prove(`1800000000:${i}`);
  t.notOk(known.find(REST)?.isRemembered);
  t.ok(known.find(`1800000000:${TURN_USERS_REMEMBERED_MAX}`)?.isRemembered);
});

t.test('a realm that clients cannot use is refused', async (t) => {
  for (const realm of ['', ' ', 'r'.repeat(128), 'a"b', 'a\\b', 'a\nb', undefined]) {
    t.throws(() => new TurnVerifier({ realm: realm as string, sources: [] }), {
      code: 'ERR_TURNPIKE_CONFIG',
    });
  }
  for (const realm of ['x', 'r'.repeat(127), 'ü'.repeat(127), 'turn.example.org']) {
    t.equal(new TurnVerifier({ realm, sources: [] }).realm.name, realm);
  }
  const prepared = new TurnVerifier({ realm: 'b\u0075\u0308ro\u00a0x', sources: [] });
  t.equal(prepared.realm.name, 'b\u00fcro x', 'as a client that prepares it derives its key');
});
