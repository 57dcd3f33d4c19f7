import { mintCredential } from '../../src/auth/credentials.js';
import { tenantRoot, tenantSecret } from '../../src/auth/keys.js';
import { longTermKey } from '../../src/stun/integrity.js';

/** A secret that is none: the relays of a measurement serve nobody else. */
export const CLUSTER_SECRET = Uint8Array.from({ length: 32 }, (_, index) => 7 * index);
export const TENANT_ROOT = tenantRoot(CLUSTER_SECRET);
export const REALM = 'turnpike';

/** The one that no quota holds. */
const TENANT = 'default';
const TENANT_SECRET = tenantSecret(TENANT_ROOT, TENANT);
const CREDENTIAL_SECONDS = 7_200;

/** Who a leg is, and what it signs with. */
export interface LegIdentity {
  readonly connectionId: string;
  readonly role: 0 | 1;
  readonly username: string;
  readonly key: Uint8Array;
}

/**
 * What a directory would hand out for one peer, with the key that a client derives from it.
 * @param connectionId - 32 hex digits
 */
export function legIdentity(connectionId: string, role: 0 | 1): LegIdentity {
  const { username, password } = mintCredential({
    tenantSecret: TENANT_SECRET,
    tenant: TENANT,
    connectionId,
    role,
    expiresAtSeconds: Math.floor(Date.now() / 1_000) + CREDENTIAL_SECONDS,
  });
  return { connectionId, role, username, key: longTermKey('sha256', username, REALM, password) };
}
