import { createHmac } from 'node:crypto';
import t from 'tap';
import { REST_SECRETS_MAX, RestSecrets } from '../../src/auth/rest-secrets.js';
import { isTurnpikeError } from '../../src/errors.js';

const file = (text: string) => ({ files: [{ source: '--auth-secret-file s', text }] });
const given = (...texts: string[]) => ({ given: texts.map((text) => ({ source: 'given', text })) });

function passwords(secrets: RestSecrets, username: string): string[] {
  const found = secrets.find(username)?.secrets ?? [];
  return found.map((secret) => ('password' in secret ? secret.password() : 'no password'));
}

t.test(
  'the password is the base64 of HMAC-SHA-1 over the username, as coturn has it',
  async (t) => {
    // From `printf 1800000000:alice | openssl dgst -sha1 -hmac north -binary | base64`.
    const secrets = RestSecrets.parse(given('north'));
    t.strictSame(passwords(secrets, '1800000000:alice'), ['sIm7pn/teO7y3AyXGeXl/xAQR6Q=']);
  },
);

t.test('every secret may have minted a credential, that in use first', async (t) => {
  const secrets = RestSecrets.parse(file('# new\nsecond\n\nfirst\r\n'));
  const expected = ['second', 'first'].map((secret) =>
    createHmac('sha1', secret).update('1800000000:alice').digest('base64'),
  );
  t.strictSame(passwords(secrets, '1800000000:alice'), expected);
});

t.test('a credential is minted by the first secret, and is one that is accepted', async (t) => {
  const secrets = RestSecrets.parse(given('north', 'south'));
  const minted = secrets.mint('alice', 1_800_000_000);
  t.strictSame(minted, { username: '1800000000:alice', password: 'sIm7pn/teO7y3AyXGeXl/xAQR6Q=' });
  t.equal(passwords(secrets, minted?.username ?? '')[0], minted?.password);
  t.equal(RestSecrets.parse({}).mint('alice', 1), undefined, 'without a secret');
  for (const user of ['', 'a\nb', 'a'.repeat(498)]) {
    t.throws(() => secrets.mint(user, 1_800_000_000), { code: 'ERR_TURNPIKE_CONFIG' });
  }
  t.equal(secrets.mint('a'.repeat(497), 1_800_000_000)?.username.length, 508);
});

t.test('a username is an expiry, and maybe a user', async (t) => {
  const secrets = RestSecrets.parse(given('north'));
  const principal = (username: string) => secrets.find(username)?.principal;
  t.strictSame(principal('1800000000:alice'), {
    username: '1800000000:alice',
    user: 'alice',
    expiresAtSeconds: 1_800_000_000,
  });
  t.equal(principal('1800000000:a:b\n/c')?.user, 'a:b\n/c');
  t.equal(principal('1800000000')?.user, '1800000000');
  t.equal(principal('1800000000:')?.user, '1800000000:');
  for (const username of ['', 'alice', 'alice:1800000000', '-1:alice', '1e9:alice', ' 1:alice']) {
    t.equal(principal(username), undefined, username);
  }
  t.equal(principal(`${'9'.repeat(16)}:alice`), undefined, 'no safe number');
  t.equal(RestSecrets.parse({}).find('1800000000:alice'), undefined, 'without any secret');
});

t.test('a malformed or repeated secret is an error that names its line alone', async (t) => {
  const cases: [line: string, why: RegExp][] = [
    [' north', /white space/],
    ['nor\tth', /control character/],
    ['first', /the secret is that of --auth-secret-file s line 1/],
  ];
  for (const [line, why] of cases) {
    const error = t.throws(() => RestSecrets.parse(file(`first\n\n${line}\n`))) as Error;
    t.ok(isTurnpikeError(error, 'ERR_TURNPIKE_SECRET'));
    t.match(error.message, why);
    t.match(error.message, /^--auth-secret-file s line 3: /);
    t.notOk(error.message.includes('north'));
  }
  t.throws(() => RestSecrets.parse(given('')), { message: 'given: the secret is empty' });
  const many = Array.from({ length: REST_SECRETS_MAX + 1 }, (_, i) => `secret${i}`);
  t.throws(() => RestSecrets.parse(file(many.join('\n'))), { message: /line 9: more than 8/ });
});
