import t from 'tap';
import { tenantRoot, tenantSecret, tenantTurnKey } from '../../src/auth/keys.js';
import { passwordFor } from '../../src/auth/tenant-credentials.js';
import { mintTurnCredential, TenantTurnUsers } from '../../src/auth/tenant-turn-credentials.js';
import { isTurnpikeError } from '../../src/errors.js';
import { parseUsername } from '../overlay/parse-username.js';

const ROOT = tenantRoot(Uint8Array.from({ length: 32 }, (_, i) => i));
const SECRET = tenantSecret(ROOT, 'default');
const INPUT = { tenantSecret: SECRET, tenant: 'default', expiresAtSeconds: 1_800_000_000 };

t.test("a tenant's TURN key and credentials are those of PROTOCOL.md section 7", async (t) => {
  const key = 'c0eba30b6b2da4221df8c64416c75fc496f4fa3a8291df19ac6ea2b62d47d80b';
  t.equal(Buffer.from(tenantTurnKey(SECRET)).toString('hex'), key);
  t.strictSame(mintTurnCredential({ ...INPUT, user: 'alice' }), {
    username: '1800000000:default/turn/alice',
    password: 'FWZqmsbEEyeXmciTU6uUEVnG6pse4APGZU1EWcO5Z8c=',
  });
  t.strictSame(mintTurnCredential(INPUT), {
    username: '1800000000:default/turn',
    password: 'BFOjS9BQilL2ZnC4j6RtZgIB0acxS08+6h+9kHn955U=',
  });
});

t.test('a user is minted as clients prepare it (RFC 8265)', async (t) => {
  const decomposed = mintTurnCredential({ ...INPUT, user: 'Ame\u0301lie\u00a0B' });
  t.equal(decomposed.username, '1800000000:default/turn/Am\u00e9lie B');
  t.strictSame(mintTurnCredential({ ...INPUT, user: 'Am\u00e9lie B' }), decomposed);
});

t.test('no credential of TURN names a leg, and none has the password of one', async (t) => {
  for (const user of [undefined, 'alice', `${'0'.repeat(32)}/0`]) {
    const { username, password } = mintTurnCredential({ ...INPUT, user });
    t.equal(parseUsername(username), undefined, username);
    t.not(password, passwordFor(SECRET, username), username);
  }
});

t.test('a credential with a wrong tenant, user or expiry is not minted', async (t) => {
  for (const [wrong, code] of [
    [{ tenant: 'Default' }, 'ERR_TURNPIKE_CONFIG'],
    [{ tenantSecret: SECRET.subarray(1) }, 'ERR_TURNPIKE_SECRET'],
    [{ user: '' }, 'ERR_TURNPIKE_CONFIG'],
    [{ user: 'a\nb' }, 'ERR_TURNPIKE_CONFIG'],
    [{ user: '\ud800' }, 'ERR_TURNPIKE_CONFIG'],
    [{ user: 'a'.repeat(256) }, 'ERR_TURNPIKE_CONFIG'],
    [{ user: '\u20ac'.repeat(200) }, 'ERR_TURNPIKE_CREDENTIAL'],
    [{ expiresAtSeconds: -1 }, 'ERR_TURNPIKE_CONFIG'],
  ] as const) {
    const error = t.throws(() => mintTurnCredential({ ...INPUT, ...wrong }));
    t.ok(isTurnpikeError(error, code), `${code} for ${Object.keys(wrong)}`);
  }
});

t.test(
  "tenants' users are found by their form alone, with the password that is minted",
  async (t) => {
    const users = new TenantTurnUsers(ROOT);
    t.equal(users.usernames, undefined);
    for (const user of ['alice', 'a/b:c', undefined]) {
      const { username, password } = mintTurnCredential({ ...INPUT, user });
      const found = users.find(username);
      t.strictSame(found?.principal, {
        username,
        user: user === undefined ? 'default/turn' : `default/turn/${user}`,
        expiresAtSeconds: 1_800_000_000,
      });
      const [secret] = found?.secrets ?? [];
      t.equal(secret !== undefined && 'password' in secret && secret.password(), password);
    }
    t.equal(users.find('1800000000:acme/turn/a')?.principal.tenant, 'acme', 'it has a quota');
    for (const other of [
      ...['', 'alice', '1800000000:alice', '1800000000:default', '1800000000:default/'],
      ...['1800000000:default/turn/', '1800000000:default/turnip', '1800000000:Default/turn/a'],
      ...['1800000000:default/x/turn/a', `1800000000:default/${'0'.repeat(32)}/0`],
      `1800000000:default/turn/${'a'.repeat(508)}`,
    ]) {
      t.equal(users.find(other), undefined, other);
    }
  },
);
