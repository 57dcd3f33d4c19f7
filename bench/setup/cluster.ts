import { tenantRoot, tenantSecret } from '../../src/auth/keys.js';
import { mintCredential } from '../../src/overlay/leg-credentials.js';
import { longTermKey } from '../../src/stun/integrity.js';

/** A constant cluster secret. The relays of a measurement are reachable only on loopback. */
export const CLUSTER_SECRET = Uint8Array.from({ length: 32 }, (_, index) => 7 * index);
export const TENANT_ROOT = tenantRoot(CLUSTER_SECRET);
export const REALM = 'turnpike';

/** The tenant of the load. */
const TENANT = 'default';
const CREDENTIAL_SECONDS = 7_200;

/** A leg's credential and its long-term key. */
export interface LegIdentity {
  readonly connectionId: string;
  readonly role: 0 | 1;
  readonly username: string;
  readonly key: Uint8Array;
}

/**
 * Returns the credential that a directory mints for one peer, with the key derived from it.
 * @param connectionId - 32 hex digits
 * @param tenant - the tenant of the connection
 */
export function legIdentity(connectionId: string, role: 0 | 1, tenant = TENANT): LegIdentity {
  const { username, password } = mintCredential({
    tenantSecret: secretOf(tenant),
    tenant,
    connectionId,
    role,
    expiresAtSeconds: Math.floor(Date.now() / 1_000) + CREDENTIAL_SECONDS,
  });
  return { connectionId, role, username, key: longTermKey('sha256', username, REALM, password) };
}

const secrets = new Map<string, Uint8Array>();

function secretOf(tenant: string): Uint8Array {
  const secret = secrets.get(tenant) ?? tenantSecret(TENANT_ROOT, tenant);
  secrets.set(tenant, secret);
  return secret;
}
