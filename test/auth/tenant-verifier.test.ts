import t from 'tap';
import { tenantSecret } from '../../src/auth/keys.js';
import { TenantVerifier } from '../../src/auth/tenant-verifier.js';
import { legNameOf, mintCredential } from '../../src/overlay/leg-credentials.js';
import { longTermKey } from '../../src/stun/integrity.js';

const ROOT = Buffer.alloc(32, 4);
const verifier = () =>
  new TenantVerifier({ tenantRoot: ROOT, realm: 'turnpike', claimsOf: legNameOf });

function credential(tenant: string, id: number) {
  return mintCredential({
    tenantSecret: tenantSecret(ROOT, tenant),
    tenant,
    connectionId: id.toString(16).padStart(32, '0'),
    role: 1,
    expiresAtSeconds: 1_800_000_000,
  });
}

t.test('keyFor returns the key of the minted password for each tenant and algorithm', async (t) => {
  const keys = verifier();
  for (const tenant of ['default', 'acme']) {
    const { username, password } = credential(tenant, 1);
    for (const algorithm of ['md5', 'sha256'] as const) {
      const expected = longTermKey(algorithm, username, 'turnpike', password);
      t.strictSame(keys.find(username)?.keyFor(algorithm), expected);
      t.strictSame(keys.find(username)?.keyFor(algorithm), expected, 'a second time');
    }
  }
});

t.test('a malformed username has no key', async (t) => {
  t.equal(verifier().find('user'), undefined);
  t.equal(verifier().find(''), undefined);
});

t.test('users beyond the bound of the cache get their keys', async (t) => {
  const keys = verifier();
  const first = credential('default', 0);
  const before = keys.find(first.username)?.keyFor('md5');
  for (let i = 0; i < 8_300; i += 1) {
    const username = `1:t${i % 1_100}/${i.toString(16).padStart(32, '0')}/0`;
    const user = keys.find(username);
    user?.keyFor('md5');
    user?.proved();
  }
  t.strictSame(keys.find(first.username)?.keyFor('md5'), before);
});

t.test('unproven usernames do not displace a proven one from the cache', async (t) => {
  const keys = verifier();
  const { username } = credential('acme', 0);
  const user = keys.find(username);
  const key = user?.keyFor('sha256');
  t.notOk(keys.find(username)?.isRemembered);
  user?.proved();
  t.equal(user?.principal.tenant, 'acme');
  for (let i = 0; i < 20_000; i += 1) {
    keys.find(`1:t${i}/${i.toString(16).padStart(32, '0')}/0`)?.keyFor('sha256');
  }
  t.ok(keys.find(username)?.isRemembered);
  t.equal(keys.find(username)?.keyFor('sha256'), key, 'the same object');
});
