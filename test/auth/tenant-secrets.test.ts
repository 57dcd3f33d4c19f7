import t from 'tap';
import { tenantSecret } from '../../src/auth/keys.js';
import { TenantSecrets } from '../../src/auth/tenant-secrets.js';

const ROOT = new Uint8Array(32).fill(5);

t.test('each tenant has its own secret, derived once', async (t) => {
  const secrets = new TenantSecrets(ROOT);
  const first = secrets.get('default');
  t.same(first, tenantSecret(ROOT, 'default'));
  t.same(secrets.get('acme'), tenantSecret(ROOT, 'acme'));
  t.equal(secrets.get('default'), first, 'the same object');
});

t.test('the secret of a tenant that many others displaced is derived again', async (t) => {
  const secrets = new TenantSecrets(ROOT);
  const first = secrets.get('default');
  for (let i = 0; i < 2_048; i++) secrets.get(`tenant-${i}`);
  const again = secrets.get('default');
  t.not(again, first, 'another object');
  t.same(again, first);
});
